"""Changes in JSON with comments: what is changed, and that nothing else is."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domov.connect import jsonc

SETTINGS = """// Zed settings
{
  "theme": "One Dark", // dark
  /* fonts */ "fonts": [12, 14,],
  "agent": {
    // mine
    "enabled": true,
  },
}
"""


def test_a_member_is_added_beside_comments_and_trailing_commas() -> None:
    after = jsonc.put(SETTINGS, ("agent", "model"), {"name": "x"})
    added = '    "model": {\n      "name": "x"\n    },\n'
    assert after == SETTINGS.replace('    "enabled": true,\n', f'    "enabled": true,\n{added}')


def test_a_value_is_replaced_in_its_place() -> None:
    assert jsonc.put(SETTINGS, ("theme",), "Light") == SETTINGS.replace('"One Dark"', '"Light"')
    assert jsonc.put(SETTINGS, ("fonts",), [12, 14]) == SETTINGS  # the same already: written as it was


def test_a_comma_is_put_before_the_comment_of_the_last_member() -> None:
    assert jsonc.put('{\n\t"a": 1 // one\n}', ("b",), 2) == '{\n\t"a": 1, // one\n\t"b": 2\n}'
    assert jsonc.put('{ "a": 1 }', ("b",), 2) == '{ "a": 1, "b": 2 }'


def test_an_empty_text_becomes_an_object_or_a_list() -> None:
    assert json.loads(jsonc.put("", ("a", "b"), 1)) == {"a": {"b": 1}}
    assert json.loads(jsonc.put_item("\n", {"name": "x"}, mine=lambda _: False)) == [{"name": "x"}]
    assert jsonc.put("{\n  // nothing yet\n}", ("a",), 1) == '{\n  // nothing yet\n  "a": 1\n}'


def test_an_item_of_ours_is_replaced_and_others_are_left() -> None:
    text = '[\n  // theirs\n  {"name": "A"},\n  {"name": "Domov", "old": 1}\n]\n'
    after = jsonc.put_item(text, {"name": "Domov"}, mine=lambda item: item["name"] == "Domov")
    assert jsonc.parse(after) == [{"name": "A"}, {"name": "Domov"}]
    assert after.startswith('[\n  // theirs\n  {"name": "A"},\n')


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('{\n  "a": \n}', 3),
        ('{"a": 1', 1),
        ('{"a" 1}', 1),
        ('{"a": 1}\n{}', 2),
        ("{a: 1}", 1),
        ("[1 2]", 1),
        ('{"a": 01x}', 1),
        ("[" * 300, 0),
        ('{"a": 1,,}', 1),
        ('"\n"', 1),
    ],
)
def test_what_is_no_json_is_refused_with_its_line(text: str, line: int) -> None:
    with pytest.raises(jsonc.NotJson, match=f"line {line}: " if line else "levels"):
        jsonc.put(text, ("b",), 1)


def test_something_else_than_an_object_on_the_way_is_refused() -> None:
    with pytest.raises(jsonc.NotJson, match="agent is not an object"):
        jsonc.put('{"agent": 1}', ("agent", "model"), 2)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(max_size=5), VALUES, max_size=4)


@given(OBJECTS, st.text(max_size=5), VALUES, st.sampled_from([None, 2, "\t"]), st.booleans())
def test_whatever_is_put_is_there_and_everything_else_still_is(
    before: dict[str, Any], key: str, value: Any, indent: int | str | None, ascii_only: bool
) -> None:
    text = json.dumps(before, indent=indent, ensure_ascii=ascii_only)
    after = jsonc.put(text, (key,), value)
    assert json.loads(after) == {**before, key: value}
    assert jsonc.put(after, (key,), value) == after
