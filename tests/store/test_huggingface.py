import orjson
import pytest

from domov.errors import DownloadFailed, NoSuchModel
from domov.store.huggingface import HubFile, Repository, choose, read_listing
from domov.store.names import HubName
from tests.hub import COMMIT


def repository(*names: str) -> Repository:
    return Repository(COMMIT, "mit", tuple(HubFile(name, 1, None) for name in names))


@pytest.mark.parametrize(
    ("file", "quant"),
    [
        ("SmolLM2-135M-Instruct.Q4_1.gguf", "Q4_1"),
        ("qwen2.5-coder-1.5b-instruct-q4_k_m.gguf", "Q4_K_M"),
        ("gpt-oss-20b-MXFP4.gguf", "MXFP4"),
        ("sub/Model-IQ4_XS.gguf", "IQ4_XS"),
        ("model-F16.gguf", "F16"),
        ("model.gguf", ""),
    ],
)
def test_a_files_name_tells_its_quantization(file: str, quant: str) -> None:
    assert HubFile(file, 1, None).quant == quant


def test_without_a_wish_the_preferred_quantization_is_taken() -> None:
    assert choose(repository("m-Q8_0.gguf", "m-Q4_K_M.gguf", "m-F16.gguf"), HubName("u", "r")).name == "m-Q4_K_M.gguf"
    assert choose(repository("m-Q8_0.gguf", "m-F16.gguf"), HubName("u", "r")).name == "m-Q8_0.gguf"
    assert choose(repository("model.gguf"), HubName("u", "r")).name == "model.gguf"


def test_a_wish_is_kept_whatever_its_case() -> None:
    assert choose(repository("m-Q8_0.gguf", "m-Q4_K_M.gguf"), HubName("u", "r", "q8_0")).name == "m-Q8_0.gguf"


def test_a_quantization_that_is_not_there_is_answered_with_those_that_are() -> None:
    with pytest.raises(NoSuchModel) as caught:
        choose(repository("m-Q8_0.gguf", "m-Q4_K_M.gguf"), HubName("u", "r", "Q2_K"))
    assert "Q4_K_M, Q8_0" in caught.value.hint


def test_a_repository_without_models_says_so() -> None:
    with pytest.raises(NoSuchModel) as caught:
        choose(repository(), HubName("u", "r"))
    assert "no GGUF file" in caught.value.hint


def test_a_model_in_several_files_is_refused_plainly() -> None:
    with pytest.raises(NoSuchModel, match="split over several files"):
        choose(repository("m-Q4_K_M-00001-of-00002.gguf", "m-Q4_K_M-00002-of-00002.gguf"), HubName("u", "r"))


def test_projectors_and_other_formats_are_no_models() -> None:
    rows = [{"rfilename": n} for n in ("mmproj-F16.gguf", "model.safetensors", "a/../b.gguf", "x\n.gguf", "m.gguf")]
    listing = read_listing(orjson.dumps({"sha": COMMIT, "siblings": rows}), label="x")
    assert [f.name for f in listing.files] == ["m.gguf"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"<html>",
        b"{}",
        b'{"sha": "../..", "siblings": []}',
        orjson.dumps({"sha": COMMIT, "siblings": None}),
        orjson.dumps({"sha": COMMIT, "siblings": [{"rfilename": "m.gguf", "size": "many"}]}),
        orjson.dumps({"sha": COMMIT, "siblings": [{"rfilename": "m.gguf", "lfs": "none"}]}),
        orjson.dumps({"sha": COMMIT, "siblings": [], "tags": 7}),
    ],
)
def test_garbage_is_a_failed_download(body: bytes) -> None:
    with pytest.raises(DownloadFailed):
        read_listing(body, label="x")
