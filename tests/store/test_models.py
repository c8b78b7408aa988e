import os
from pathlib import Path

import orjson
import pytest

from domov.errors import BadModelFile, BadName, HomeUnusable, NoSuchModel
from domov.files import make_folder
from domov.store.catalogue import Catalogue, Entry
from domov.store.manifest import Manifest, Source
from domov.store.models import Model, Models
from tests.hub import sha256, tiny_gguf

TINY = tiny_gguf()
DIGEST = f"sha256:{sha256(TINY)}"


def manifest(name: str, content: bytes = TINY, path: Path | None = None) -> Manifest:
    return Manifest(
        name=name,
        digest=f"sha256:{sha256(content)}",
        size_bytes=len(content),
        source=Source("file", "/x.gguf", "x.gguf"),
        licence="mit",
        verified="nothing",
        added="2025-01-31T12:00:00Z",
        path=str(path) if path else None,
        modified_ns=path.stat().st_mtime_ns if path else None,
    )


def add(models: Models, name: str, content: bytes = TINY) -> Model:
    part = make_folder(models.partial) / "x.part"
    part.write_bytes(content)
    return models.add(manifest(name, content), part)


def refer(models: Models, name: str, path: Path) -> Model:
    path.write_bytes(TINY)
    return models.add(manifest(name, path=path))


def manifest_of(models: Models, name: str) -> Path:
    return models.folder / "manifests" / f"{name.replace(':', '%3A')}.json"


def blobs(models: Models) -> list[str]:
    return sorted(p.name for p in (models.folder / "blobs").glob("*"))


def test_a_model_that_was_added_is_found_by_its_name(models: Models) -> None:
    model = add(models, "tiny:latest")
    assert models.get("tiny:latest") == models.get("tiny") == model
    assert model.path.read_bytes() == TINY
    assert model.shape().parameters == 104
    assert models.all() == [model]


def test_blobs_are_private_and_read_only(models: Models) -> None:
    path = add(models, "tiny:latest").path
    assert path.name == DIGEST.replace(":", "-")
    assert path.stat().st_mode & 0o777 == 0o400
    assert manifest_of(models, "tiny:latest").stat().st_mode & 0o777 == 0o600
    assert (models.folder / "blobs").stat().st_mode & 0o777 == 0o700


def test_an_empty_home_has_no_models(models: Models) -> None:
    assert models.all() == []
    with pytest.raises(NoSuchModel, match="no such model: tiny"):
        models.get("tiny")


def test_a_near_name_is_suggested(models: Models) -> None:
    add(models, "tiny:latest")
    with pytest.raises(NoSuchModel) as caught:
        models.get("tinny")
    assert "did you mean tiny:latest?" in caught.value.hint


def test_a_copy_is_the_same_file(models: Models) -> None:
    first = add(models, "tiny:latest")
    second = models.copy("tiny", "mine:v2")
    assert (second.name, second.path) == ("mine:v2", first.path)
    assert [m.name for m in models.all()] == ["mine:v2", "tiny:latest"]
    assert blobs(models) == [first.path.name]


def test_a_copy_onto_itself_changes_nothing(models: Models) -> None:
    add(models, "tiny:latest")
    assert models.copy("tiny", "tiny").path.read_bytes() == TINY


@pytest.mark.parametrize("target", ["hf.co/user/repo", "pypi:x", "./x.gguf", "../x", ""])
def test_a_copy_needs_a_plain_name(models: Models, target: str) -> None:
    add(models, "tiny:latest")
    with pytest.raises(BadName):
        models.copy("tiny", target)


def test_the_file_goes_with_the_last_name_that_it_had(models: Models) -> None:
    add(models, "tiny:latest")
    models.copy("tiny", "mine")
    assert models.remove("tiny") == 0
    assert models.get("mine").path.read_bytes() == TINY
    assert models.remove("mine") == len(TINY)
    assert blobs(models) == []
    assert models.all() == []


def test_a_name_that_gets_another_file_lets_go_of_the_first(models: Models) -> None:
    add(models, "tiny:latest")
    other = tiny_gguf(seed=1)
    assert add(models, "tiny:latest", other).path.read_bytes() == other
    assert blobs(models) == [f"sha256-{sha256(other)}"]


def test_a_name_that_gets_another_file_leaves_the_first_to_its_other_names(models: Models) -> None:
    add(models, "tiny:latest")
    models.copy("tiny", "mine")
    add(models, "tiny:latest", tiny_gguf(seed=1))
    assert models.get("mine").path.read_bytes() == TINY


def test_the_same_file_can_be_added_again(models: Models) -> None:
    add(models, "tiny:latest")
    assert add(models, "tiny:latest").path.read_bytes() == TINY


def test_a_referenced_file_is_never_removed(models: Models, tmp_path: Path) -> None:
    model = refer(models, "mine:latest", tmp_path / "own.gguf")
    assert model.path == tmp_path / "own.gguf"
    assert models.remove("mine") == 0
    assert (tmp_path / "own.gguf").read_bytes() == TINY


def test_a_reference_does_not_keep_the_blob_of_the_same_content(models: Models, tmp_path: Path) -> None:
    refer(models, "mine:latest", tmp_path / "own.gguf")
    add(models, "tiny:latest")
    assert models.remove("tiny") == len(TINY)
    assert models.get("mine").path.read_bytes() == TINY


def test_a_name_that_becomes_a_reference_lets_go_of_its_blob(models: Models, tmp_path: Path) -> None:
    add(models, "tiny:latest")
    refer(models, "tiny:latest", tmp_path / "own.gguf")
    assert blobs(models) == []
    assert models.get("tiny").path == tmp_path / "own.gguf"


def test_a_referenced_file_that_changed_is_an_error_that_says_so(models: Models, tmp_path: Path) -> None:
    path = tmp_path / "own.gguf"
    refer(models, "mine:latest", path)
    os.utime(path, ns=(0, 0))
    with pytest.raises(BadModelFile, match="has changed since it became mine:latest") as caught:
        models.get("mine")
    assert caught.value.hint == f"domov pull {path} takes it in anew"


def test_a_referenced_file_that_is_gone_is_an_error_that_says_so(models: Models, tmp_path: Path) -> None:
    refer(models, "mine:latest", tmp_path / "own.gguf")
    (tmp_path / "own.gguf").unlink()
    with pytest.raises(NoSuchModel, match="is gone"):
        models.get("mine")
    assert models.remove("mine") == 0


def test_a_file_can_be_used_by_its_path_alone(models: Models, tmp_path: Path) -> None:
    path = tmp_path / "own.gguf"
    path.write_bytes(TINY)
    model = models.get(str(path))
    assert (model.name, model.path, model.manifest.digest) == (str(path), path, "")
    assert models.all() == []


def test_a_path_that_leads_nowhere_is_no_model(models: Models, tmp_path: Path) -> None:
    for path in (tmp_path / "none.gguf", tmp_path / ("a" * 300 + ".gguf"), tmp_path / "x" / "y.gguf"):
        with pytest.raises(NoSuchModel):
            models.get(str(path))
        with pytest.raises(NoSuchModel):
            models.remove(str(path))
    with pytest.raises(BadModelFile, match="not a file"):
        models.get(str(tmp_path))


def test_a_damaged_manifest_is_reported_and_never_replaced(models: Models) -> None:
    add(models, "tiny:latest")
    path = manifest_of(models, "tiny:latest")
    path.write_bytes(b"{")
    for attempt in (
        lambda: models.get("tiny"),
        models.all,
        lambda: models.remove("tiny"),
        lambda: add(models, "tiny:latest", tiny_gguf(seed=1)),
    ):
        with pytest.raises(BadModelFile, match=r"damaged manifest: .*tiny%3Alatest.json"):
            attempt()
    assert path.read_bytes() == b"{"
    assert blobs(models) == [DIGEST.replace(":", "-")]


def test_with_a_damaged_manifest_about_nothing_is_half_done(models: Models) -> None:
    add(models, "tiny:latest")
    manifest_of(models, "bad:latest").write_bytes(b"{")
    with pytest.raises(BadModelFile, match="damaged manifest"):
        models.remove("tiny:latest")
    with pytest.raises(BadModelFile, match="damaged manifest"):
        add(models, "tiny:latest", tiny_gguf(seed=1))
    assert models.get("tiny:latest").path.read_bytes() == TINY
    assert (models.partial / "x.part").exists()


def test_a_manifest_cannot_lead_out_of_the_folder(models: Models) -> None:
    add(models, "tiny:latest")
    path = manifest_of(models, "tiny:latest")
    table = orjson.loads(path.read_bytes())
    for digest in ("../../../etc/passwd", "sha256:../x", "sha256:" + "A" * 64, ""):
        path.write_bytes(orjson.dumps(table | {"digest": digest}))
        with pytest.raises(BadModelFile, match="not a digest"):
            models.get("tiny")


def test_a_missing_blob_is_reported_with_a_way_out(models: Models) -> None:
    add(models, "tiny:latest").path.unlink()
    with pytest.raises(NoSuchModel, match="is gone") as caught:
        models.get("tiny")
    assert caught.value.hint == "domov rm tiny:latest"
    assert models.remove("tiny") == 0


def test_a_short_name_means_the_catalogues_model_or_the_only_one_of_that_name(models: Models) -> None:
    entry = Entry("tiny:1b", "hf.co/user/repo", 1, 1, 1, "mit", "chat", "a test")
    add(models, "tiny:3b")
    assert models.get("tiny").name == "tiny:3b"
    add(models, "tiny:1b", tiny_gguf(seed=1))
    with pytest.raises(NoSuchModel):
        models.get("tiny")
    assert Models(models.folder, Catalogue((entry,))).get("tiny").name == "tiny:1b"


def test_other_files_among_the_manifests_are_left_alone(models: Models) -> None:
    add(models, "tiny:latest")
    (models.folder / "manifests" / ".tiny.abc").write_bytes(b"half")
    assert [m.name for m in models.all()] == ["tiny:latest"]


def test_a_home_below_a_file_is_unusable(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    models = Models(tmp_path / "file" / "models", Catalogue(()))
    assert models.all() == []
    with pytest.raises(HomeUnusable, match="can't write"):
        models.add(manifest("tiny:latest"))


def test_a_lock_that_cannot_be_made_is_an_unusable_home(models: Models) -> None:
    (models.folder / ".lock").mkdir(parents=True)
    with pytest.raises(HomeUnusable, match="can't write"):
        models.add(manifest("tiny:latest"))
