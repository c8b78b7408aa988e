"""Shares of what the machine drew, by hand arithmetic."""

from collections.abc import Iterator

from domov.meter.energy import Energy


def energy(*readings: float | None) -> Energy:
    told: Iterator[float | None] = iter(readings)
    return Energy(lambda: next(told))


def test_one_request_alone_has_all_that_was_drawn_while_it_ran() -> None:
    one = energy(100.0, 130.0)
    one.begin(1)
    assert one.end(1) == 30.0


def test_two_at_once_share_the_time_that_they_run_together() -> None:
    # 1 alone for 10 J, both for 20 J, 2 alone for 6 J
    both = energy(0.0, 10.0, 30.0, 36.0)
    both.begin(1)
    both.begin(2)
    assert both.end(1) == 10.0 + 10.0
    assert both.end(2) == 10.0 + 6.0


def test_what_is_drawn_while_nothing_runs_is_nobodys() -> None:
    idle = energy(0.0, 1.0, 500.0, 502.0)
    idle.begin(1)
    idle.end(1)
    idle.begin(2)
    assert idle.end(2) == 2.0


def test_one_reading_that_fails_makes_those_that_run_unknown_and_no_others() -> None:
    gap = energy(0.0, None, 5.0, 6.0, 7.0)
    gap.begin(1)
    gap.begin(2)
    assert gap.end(1) is None
    gap.begin(3)
    assert gap.end(3) == 0.5  # shared with 2, which stays unknown


def test_an_end_without_a_beginning_is_unknown() -> None:
    assert energy(1.0).end(9) is None
