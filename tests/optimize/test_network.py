"""Models as torch calculates them: as llama.cpp does; and as files, to the bit."""

import hashlib
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from domov.errors import BadModelFile
from domov.optimize.llama import Llama
from domov.optimize.measuring import log_likelihoods
from domov.store.gguf import read_header
from tests.tiny_models import F16, tiny, torch_needed

torch = torch_needed()

from domov.optimize import cutting  # noqa: E402  (they import torch)
from domov.optimize.network import Network  # noqa: E402
from domov.optimize.weights import load, save  # noqa: E402

KINDS = ("llama", "qwen2", "qwen3", "gemma3")
TEXT = "To be, or not to be: that is the question of the day."


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def likelihoods_of_llama(path: Path, tokens: list[int]) -> np.ndarray:
    llama = Llama(path, context_tokens=64, threads=1)
    found = log_likelihoods(llama.read([tokens], [0]).copy())
    llama.close()
    return found


def likelihoods_of_torch(network: Network, tokens: list[int]) -> np.ndarray:
    with torch.no_grad():
        return np.asarray(network.logits(network.hidden(torch.tensor([tokens]))).log_softmax(-1)[0].numpy())


def read(path: Path) -> list[int]:
    llama = Llama(path, context_tokens=64, threads=1)
    tokens = llama.tokens(TEXT, first=False)
    llama.close()
    return tokens


@pytest.mark.parametrize("kind", KINDS)
def test_torch_calculates_as_llama_cpp_does(tmp_path: Path, kind: str) -> None:
    path = written(tmp_path / "tiny.gguf", tiny(kind))
    tokens = read(path)
    assert len(tokens) > 24  # longer than the window of gemma's layers
    own, theirs = likelihoods_of_torch(load(path, name="x"), tokens), likelihoods_of_llama(path, tokens)
    # llama.cpp keeps keys and values in 16 bits
    assert np.abs(own - theirs).max() < 0.02 and (own.argmax(-1) == theirs.argmax(-1)).all()
    assert float((np.exp(theirs) * (theirs - own)).sum(-1).mean()) < 1e-5


@pytest.mark.parametrize("kind", [0, F16])
@pytest.mark.parametrize("architecture", KINDS)
def test_into_torch_and_back_every_bit_is_the_same(tmp_path: Path, architecture: str, kind: int) -> None:
    source = written(tmp_path / "tiny.gguf", tiny(architecture, kind=kind))
    save(load(source, name="x"), source, tmp_path / "back.gguf")
    before, after = read_header(source), read_header(tmp_path / "back.gguf")
    assert weights(source) == weights(tmp_path / "back.gguf")
    assert [(t.name, t.type, t.dimensions) for t in before.tensors] == [
        (t.name, t.type, t.dimensions) for t in after.tensors
    ]
    old, new = source.read_bytes(), (tmp_path / "back.gguf").read_bytes()
    for key, (start, end) in before.spans.items():
        assert new[slice(*after.spans[key])] == old[start:end]


def weights(path: Path) -> list[str]:
    header, content = read_header(path), path.read_bytes()
    starts = [(header.data_offset + t.offset, t.size_bytes) for t in header.tensors]
    return [hashlib.sha256(content[start : start + size]).hexdigest() for start, size in starts]


def test_a_weight_that_is_no_number_is_named(tmp_path: Path) -> None:
    content = bytearray(tiny())
    path = written(tmp_path / "tiny.gguf", bytes(content))
    header = read_header(path)
    (tensor,) = [t for t in header.tensors if t.name == "blk.1.ffn_up.weight"]
    struct.pack_into("<f", content, header.data_offset + tensor.offset + 4 * (3 * 32 + 7), float("nan"))
    written(path, bytes(content))
    with pytest.raises(BadModelFile, match=r"blk.1.ffn_up.weight holds .* row 3, column 7"):
        load(path, name="x")


@pytest.fixture
def network(tmp_path: Path) -> Network:
    return load(written(tmp_path / "deep.gguf", tiny(layers=5)), name="x")


def pieces(count: int = 2) -> list[object]:
    chance = torch.Generator().manual_seed(1)
    return [torch.randint(0, 256, (1, 24), generator=chance) for _ in range(count)]


def test_a_layer_that_does_nothing_is_the_least_needed(network: Network) -> None:
    for name in ("blk.2.attn_output.weight", "blk.2.ffn_down.weight"):
        network.weights[name].zero_()
    assert cutting.influences(network, pieces())[2] == pytest.approx(0, abs=1e-6)
    made, gone = cutting.smaller(network, replace(network.architecture, layers=4), pieces(), lambda done, total: None)
    tokens = [int(t) for t in pieces()[0][0]]  # type: ignore[index]
    assert gone == [2] and made.architecture.layers == 4
    assert np.abs(likelihoods_of_torch(made, tokens) - likelihoods_of_torch(network, tokens)).max() < 1e-4


def test_channels_and_heads_that_do_nothing_go_first(network: Network) -> None:
    a = network.architecture
    for n in range(a.layers):
        network.weights[f"blk.{n}.ffn_down.weight"][:, 8:40].zero_()
        network.weights[f"blk.{n}.attn_output.weight"][:, :16].zero_()  # of the first group of heads
    wanted = replace(a, feed_forward=32, heads=2, kv_heads=1)
    made, gone = cutting.smaller(network, wanted, pieces(), lambda done, total: None)
    tokens = [int(t) for t in pieces()[0][0]]  # type: ignore[index]
    assert gone == [] and made.weights["blk.0.ffn_down.weight"].shape == (32, 32)
    assert made.weights["blk.0.attn_q.weight"].shape == (16, 32)
    assert np.abs(likelihoods_of_torch(made, tokens) - likelihoods_of_torch(network, tokens)).max() < 1e-4


@pytest.mark.parametrize("kind", ["llama", "qwen2", "qwen3", "gemma3"])
def test_llama_cpp_runs_what_was_cut(tmp_path: Path, kind: str) -> None:
    source = written(tmp_path / "source.gguf", tiny(kind, layers=4))
    network = load(source, name="x")
    wanted = replace(network.architecture, layers=4 if kind == "gemma3" else 3, feed_forward=32)
    wanted = wanted if kind == "qwen2" else replace(wanted, heads=2, kv_heads=1)
    made, _ = cutting.smaller(network, wanted, pieces(), lambda done, total: None)
    save(made, source, tmp_path / "cut.gguf")
    tokens = read(tmp_path / "cut.gguf")
    own, theirs = likelihoods_of_torch(made, tokens), likelihoods_of_llama(tmp_path / "cut.gguf", tokens)
    assert np.abs(own - theirs).max() < 0.02
