"""Shares of what the machine drew, by hand arithmetic."""

from collections.abc import Iterator

from domov.meter.energy import Energy
from domov.meter.tariff import Tariff


def energy(*readings: float | None) -> Energy:
    told: Iterator[float | None] = iter(readings)
    return Energy(lambda: next(told))


def test_one_request_alone_has_all_that_was_drawn_while_it_ran() -> None:
    one = energy(100.0, 130.0)
    assert one.end(one.begin()) == 30.0


def test_two_at_once_share_the_time_that_they_run_together() -> None:
    # the first alone for 10 J, both for 20 J, the second alone for 6 J
    both = energy(0.0, 10.0, 30.0, 36.0)
    first, second = both.begin(), both.begin()
    assert both.end(first) == 10.0 + 10.0
    assert both.end(second) == 10.0 + 6.0


def test_what_is_drawn_while_nothing_runs_is_nobodys() -> None:
    idle = energy(0.0, 1.0, 500.0, 502.0)
    idle.end(idle.begin())
    assert idle.end(idle.begin()) == 2.0


def test_one_reading_that_fails_makes_those_that_run_unknown_and_no_others() -> None:
    gap = energy(0.0, None, 5.0, 6.0, 7.0, 8.0)
    first, second = gap.begin(), gap.begin()
    assert gap.end(first) is None
    third = gap.begin()
    assert gap.end(third) == 0.5  # shared with the second, which stays unknown
    assert gap.end(second) is None


def test_an_end_without_a_beginning_is_unknown() -> None:
    assert energy(1.0).end(9) is None


def test_what_energy_costs_is_told_where_both_are_known() -> None:
    tariff = Tariff(kilowatt_hour=0.25)
    assert tariff.told(3_600_000.0) == {"joules": 3_600_000.0, "cost": 0.25}
    assert tariff.told(None) == {"joules": None, "cost": None}
    assert Tariff().told(5.0) == {"joules": 5.0, "cost": None}
