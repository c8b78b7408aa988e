"""The typist of the benchmark, and what is made of what it waited for."""

import pytest

from benchmarks.autocomplete import PAUSE_KEYS, Suggestion, percentile, rows, typing

TEXT = "".join(f"line {n}\n" for n in range(2000))


def test_the_typist_writes_what_the_file_says_key_by_key() -> None:
    gaps = list(typing(TEXT, start=5000, keys=PAUSE_KEYS * 2))
    assert [gap.before[-1] for gap in gaps] == list(TEXT[5000 : 5000 + PAUSE_KEYS * 2])
    assert {gap.before[:20] for gap in gaps} == {gaps[0].before[:20]}  # the window stays
    assert {gap.after for gap in gaps} == {TEXT[5000 + PAUSE_KEYS * 2 :][: len(gaps[0].after)]}
    assert [gap.pause for gap in gaps].count(True) == 2 and gaps[-1].pause


def test_the_table_tells_the_median_the_slowest_and_the_share_read_before() -> None:
    ours = [Suggestion(0.1 * n, 1.0, 1000, 900) for n in range(1, 4)]
    theirs = [Suggestion(0.2 * n, 1.0, 1000, 500) for n in range(1, 4)]
    median, slowest, share = rows(ours, theirs, quick=False)
    assert median.figure == slowest.figure == pytest.approx(0.5) and share.figure == pytest.approx(0.9)
    assert median.good and slowest.good and share.good
    assert not rows(theirs, ours, quick=False)[0].good


def test_a_percentile_is_one_of_the_values() -> None:
    assert percentile([3.0, 1.0, 2.0], 95) == 3.0 and percentile([3.0, 1.0, 2.0], 0) == 1.0
