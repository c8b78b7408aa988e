import json
import xml.etree.ElementTree as ElementTree

import pytest

from benchmarks.client import read_answer
from benchmarks.plot import place, svg
from benchmarks.table import Row, Wanted, as_json, as_table, as_text, compared
from benchmarks.texts import document
from benchmarks.turns import compare, in_turn

FAST = compared("decoding, idle", Wanted(1.0), compare([90.0, 100.0, 96.0], [100.0, 50.0, 48.0]))
SLOW = Row("gateway's processor time a token", Wanted(100, at_most=True, unit=" µs"), 250.0)


def test_a_ratio_is_the_median_of_the_rounds_ratios() -> None:
    assert compare([90.0, 100.0, 96.0], [100.0, 50.0, 48.0]).ratio == 2.0


def test_who_begins_changes_and_a_first_round_is_not_counted() -> None:
    calls: list[str] = []
    first, second = in_turn(lambda: calls.append("a"), lambda: calls.append("b"), 2)
    assert "".join(calls) == "baabba"
    assert len(first) == len(second) == 2


def test_rows_say_what_they_must_be_and_whether_they_are() -> None:
    lines = as_text([FAST, SLOW]).splitlines()
    assert lines[1].split() == ["decoding,", "idle", "96", "tokens/s", "50", "tokens/s", "2", "≥", "1", "ok"]
    assert lines[2].endswith("250 µs  ≤ 100 µs  MISSED")


def test_a_row_that_does_not_count_is_missed_whatever_its_figure() -> None:
    assert not Row("edit", Wanted(1.3), 9.0, sound=False).good


def test_json_has_every_round_and_the_machine() -> None:
    table = json.loads(as_json(as_table([FAST, SLOW], model="m", quick=True)))
    assert [row["good"] for row in table["rows"]] == [True, False]
    assert table["rows"][0]["sides"]["ours"] == [90.0, 100.0, 96.0]
    assert table["machine"]["cores"] >= 1 and table["versions"]["xllamacpp"]


def test_the_picture_is_xml_with_a_bar_for_each_row() -> None:
    text = svg([FAST, SLOW], title="Domov & others")
    bars = [e for e in ElementTree.fromstring(text).iter() if e.tag.endswith("rect") and e.get("class") != "back"]
    assert [bar.get("fill") for bar in bars] == ["#3a7d44", "#b3402f"]


def test_better_stands_further_right_and_nothing_leaves_the_picture() -> None:
    scores = [0.0, 1e-6, 0.5, 1.0, 2.0, 1e6]
    places = [place(score) for score in scores]
    assert places == sorted(places)
    assert SLOW.wanted.score(50.0) == 2.0  # half of what it may at most be


def test_an_answer_is_read_from_its_lines() -> None:
    lines = [
        (0.1, b'data: {"choices":[{"delta":{"role":"assistant","content":""}}]}\n'),
        (0.5, b'data: {"choices":[{"delta":{"content":"a"}}]}\n'),
        (1.5, b'data: {"choices":[{"delta":{"content":"b"},"finish_reason":"length"}]}\n'),
        (1.6, b'data: {"choices":[],"usage":{"prompt_tokens":10,"completion_tokens":3}}\n'),
        (1.6, b"data: [DONE]\n"),
    ]
    answer = read_answer(lines)
    assert (answer.text, answer.decoding_speed, answer.prompt_speed) == ("ab", 2.0, 20.0)


def test_an_answer_without_a_word_or_with_an_error_is_none() -> None:
    for line in (b"data: [DONE]\n", b'data: {"error": {"message": "no"}}\n'):
        with pytest.raises(AssertionError):
            read_answer([(0.1, line)])


def test_documents_of_different_seeds_have_no_beginning_in_common() -> None:
    assert document(1, words=50) == document(1, words=50)
    assert document(1, words=50)[:9] != document(2, words=50)[:9]
