import json
from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domov.errors import DownloadFailed, NoSuchModel
from domov.outbound import Outbound
from domov.store.huggingface import HubFile, Repository, choose, find, read_listing
from domov.store.names import HubName
from tests.hub import COMMIT, Hub


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


def test_a_file_without_a_quantization_can_be_asked_for_by_its_name() -> None:
    found = repository("one.gguf", "two.gguf")
    with pytest.raises(NoSuchModel) as caught:
        choose(found, HubName("u", "r"))
    assert "one.gguf, two.gguf" in caught.value.hint
    assert choose(found, HubName("u", "r", "two.gguf")).name == "two.gguf"


@pytest.mark.parametrize("size", [None, 0, -5])
def test_a_size_that_is_none_is_not_believed(size: int | None) -> None:
    listing = read_listing(
        orjson.dumps({"sha": COMMIT, "siblings": [{"rfilename": "m.gguf", "size": size}]}), label="x"
    )
    assert listing.files == (HubFile("m.gguf", None, None),)


def test_a_licence_cannot_write_on_the_terminal() -> None:
    table = {"sha": COMMIT, "siblings": [], "cardData": {"license": "\x1b[31m" * 1000}}
    licence = read_listing(orjson.dumps(table), label="x").licence
    assert licence.isprintable()
    assert len(licence) < 80


def test_a_licence_may_stand_among_the_tags() -> None:
    table = {"sha": COMMIT, "siblings": [], "tags": ["gguf", "license:apache-2.0"]}
    assert read_listing(orjson.dumps(table), label="x").licence == "apache-2.0"


@settings(max_examples=50)
@given(
    st.recursive(
        st.none() | st.integers() | st.floats() | st.text(),
        lambda x: (
            st.lists(x)
            | st.dictionaries(
                st.sampled_from(
                    ["sha", "siblings", "rfilename", "size", "lfs", "sha256", "cardData", "tags", "license"]
                ),
                x,
            )
        ),
    )
)
def test_any_description_is_read_or_refused_and_nothing_else(table: Any) -> None:
    file = {"rfilename": "m.gguf"}
    for description in (
        table,
        {"sha": COMMIT, "siblings": table},
        {"sha": COMMIT, "siblings": [file], "tags": table},
        {"sha": COMMIT, "siblings": [file | {"size": table, "lfs": table}], "cardData": table},
    ):
        with suppress(DownloadFailed):
            read_listing(json.dumps(description).encode(), label="x")


async def test_a_long_listing_is_read_whole(hub: Hub, outbound: Outbound) -> None:
    files = {f"part {n:06}.txt": b"" for n in range(30_000)}  # 4 MB of JSON
    hub.add_repository("user/long", files | {"m-Q8_0.gguf": b"x"})
    wanted, _, _ = await find(outbound, HubName("user", "long"), endpoint=hub.url, token=None)
    assert wanted.url == f"{hub.url}/user/long/resolve/{COMMIT}/m-Q8_0.gguf"
