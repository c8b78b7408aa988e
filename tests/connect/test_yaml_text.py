"""Changes in YAML: items at the front of a list, settings at the top, nothing else."""

from typing import Any

import pytest

from domov.connect.yaml_text import NotYaml, parse, put_items, put_settings

CONFIG = """# mine
name: x   # a name
models:   # all of them
  # the first
  - name: A
    model: "q"

  - name: Domov old
    model: z
    # inside

rules:
  - be nice
"""
ITEM = {"name": "Domov: chat", "model": "qwen3:4b", "roles": ["chat", "edit"], "options": {"contextLength": 4096}}
LINES = """  - name: "Domov: chat"
    model: "qwen3:4b"
    roles: [chat, edit]
    options:
      contextLength: 4096
"""


def is_ours(item: Any) -> bool:
    return isinstance(item, dict) and str(item.get("name")).startswith("Domov")


def put(text: str) -> str:
    return put_items(text, "models", [ITEM], mine=is_ours)


def test_items_of_ours_are_replaced_where_they_stood() -> None:
    after = put(CONFIG)
    assert after == CONFIG.replace("  - name: Domov old\n    model: z\n", LINES)
    assert put(after) == after


def test_the_first_time_they_come_first_and_comments_stay_with_theirs() -> None:
    theirs = CONFIG.replace("  - name: Domov old\n    model: z\n    # inside\n", "")
    assert put(theirs) == theirs.replace("models:   # all of them\n", f"models:   # all of them\n{LINES}")


@pytest.mark.parametrize(
    "text",
    ["", "name: x\n", "name: x\nmodels: []\n", "name: x\nmodels:\nrules: []", "models:\n- name: k\n  p: 1\nz: 1"],
)
def test_a_list_is_made_where_there_is_none_and_any_form_of_one_is_added_to(text: str) -> None:
    before = parse(text) or {}
    assert parse(put(text)) == {**before, "models": [ITEM, *(before.get("models") or [])]}


def test_a_list_in_one_line_keeps_its_other_items_as_they_are_written() -> None:
    after = put("models: [{name: A,  x: 'y'}, {name: Domov old}]\nz: 1\n")
    assert after.startswith("models: [{name: A,  x: 'y'}, {") and after.endswith("}]\nz: 1\n") and "old" not in after


def test_the_whole_text_may_be_the_list() -> None:
    after = put_items("# mine\n- name: A\n", None, [ITEM], mine=is_ours)
    assert parse(after) == [ITEM, {"name": "A"}] and after.startswith("# mine\n- name: ")
    assert parse(put_items("", None, [ITEM], mine=is_ours)) == [ITEM]


def test_settings_are_replaced_with_their_comments_kept_or_added_at_the_end() -> None:
    after = put_settings("# a\nmodel: x # c\nempty:\n", {"model": "openai/qwen3:4b", "empty": "v w", "new": "on"})
    assert after == '# a\nmodel: "openai/qwen3:4b" # c\nempty: "v w"\nnew: "on"\n'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("models: [", "line 1: "),
        ("a: 1\na: 2\n", 'line 2: found duplicate key "a"'),
        ("models: 7\n", "models is not a list"),
        ("- a\n", "not a mapping"),
        ("{name: x}\n", "not a mapping"),
        ("a: &x [1]\nmodels: *x\n", "without touching the rest"),
        ("models: !!python/object:os.system []\n", "line 1: "),
    ],
)
def test_what_can_not_be_changed_safely_is_refused_in_words(text: str, words: str) -> None:
    with pytest.raises(NotYaml) as refused:
        put(text)
    assert words in str(refused.value)
