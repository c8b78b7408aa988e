from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domov.errors import BadModelFile
from domov.store.manifest import Manifest, Source, from_json, to_json
from domov.store.preset import preset

PATH = Path("/home/models/manifests/tiny.json")
MANIFEST = Manifest(
    name="tiny:latest",
    digest="sha256:" + "0" * 64,
    size_bytes=1000,
    source=Source("file", "/tiny.gguf", "tiny.gguf"),
    licence="mit",
    verified="nothing",
    added="2025-01-31T12:00:00Z",
)
TABLE: dict[str, Any] = orjson.loads(to_json(MANIFEST))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def refused(content: bytes) -> BadModelFile:
    with pytest.raises(BadModelFile) as caught:
        from_json(content, path=PATH)
    assert str(PATH) in caught.value.message
    return caught.value


def test_a_manifest_is_read_as_it_was_written() -> None:
    assert from_json(to_json(MANIFEST), path=PATH) == MANIFEST


def test_a_preset_is_read_as_it_was_written_and_older_ones_know_that_they_can_not() -> None:
    given = preset({"system": "Be kind.", "parameters": {"stop": ["a", "b"], "temperature": 0.5}})
    content = to_json(replace(MANIFEST, preset=given))
    assert from_json(content, path=PATH).preset == given
    assert orjson.loads(content)["format"] == 2 and orjson.loads(to_json(MANIFEST))["format"] == 1


@pytest.mark.parametrize(
    "wrong",
    [
        5,
        {},
        {"system": 1, "template": "", "messages": [], "parameters": []},
        {"system": "", "template": None, "messages": [], "parameters": []},
        {"system": "", "template": "", "messages": [["tool", "x"]], "parameters": []},
        {"system": "", "template": "", "messages": [["user"]], "parameters": []},
        {"system": "", "template": "", "messages": [], "parameters": [["temperature", "hot"]]},
        {"system": "", "template": "", "messages": [], "parameters": 7},
    ],
)
def test_a_preset_of_another_kind_is_refused(wrong: Any) -> None:
    refused(orjson.dumps(TABLE | {"format": 2, "preset": wrong}))


@pytest.mark.parametrize("content", [b"", b"{", b"null", b"[]", b'"x"', b"5", b"{}", b'{"format": 1}', b"\xff\xfe"])
def test_what_is_no_manifest_is_refused(content: bytes) -> None:
    assert "move it away" in refused(content).hint


def test_a_manifest_cut_at_any_byte_is_refused() -> None:
    content = to_json(MANIFEST).rstrip()
    for end in range(len(content)):
        refused(content[:end])


@pytest.mark.parametrize("key", sorted(TABLE))
@pytest.mark.parametrize("value", [[], {}, True, 1.5, {"kind": "file"}])
def test_a_field_of_another_kind_is_refused(key: str, value: Any) -> None:
    refused(orjson.dumps(TABLE | {key: value}))


def test_a_source_of_another_kind_is_refused() -> None:
    refused(orjson.dumps(TABLE | {"source": {"kind": "file", "location": 5, "file": "x"}}))


def test_fields_more_or_fewer_are_refused() -> None:
    refused(orjson.dumps(TABLE | {"more": 1}))
    refused(orjson.dumps({key: value for key, value in TABLE.items() if key != "digest"}))


def test_a_manifest_of_a_later_format_asks_for_a_later_domov() -> None:
    error = refused(orjson.dumps(TABLE | {"format": 3, "new_field": 1}))
    assert "format 3" in error.message
    assert error.hint == "update Domov"


@given(st.dictionaries(st.sampled_from(sorted(TABLE)), JSON))
def test_any_table_is_read_or_refused_and_nothing_else(changes: dict[str, Any]) -> None:
    try:
        manifest = from_json(orjson.dumps(TABLE | changes), path=PATH)
    except BadModelFile:
        return
    assert isinstance(manifest.name, str)
    assert from_json(to_json(manifest), path=PATH) == manifest
