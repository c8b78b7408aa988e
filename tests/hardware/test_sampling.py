import os
from dataclasses import replace

from domov.hardware.gpu import Card, Cards
from domov.hardware.load import Load
from domov.hardware.sampling import HOUR_SECONDS, Sampler


def sampler(
    loads: list[Load], *, joules: list[float | None] | None = None, moments: list[float] | None = None
) -> Sampler:
    drawn, clock = iter(joules or [None] * len(loads)), iter(moments or [*map(float, range(len(loads)))])
    waiting = iter(loads)
    return Sampler(
        lambda: [],
        lambda: next(drawn),
        load=lambda pids: next(waiting),
        processors=lambda: 2.0,
        cards=lambda: Cards((Card("AMD", "x"),)),
        clock=lambda: next(clock),
    )


def load(at: float, busy: float, own: float = 0.0, group: float | None = None) -> Load:
    return Load(at, busy, group, {os.getpid(): own})


def test_shares_are_those_of_the_time_between_two_looks() -> None:
    made = sampler([load(0, 10, 1), load(10, 20, 4)], joules=[5.0, 105.0])
    assert made.take() is None
    sample = made.take()
    assert sample is not None
    # 10 s of 2 processors: 10 of 20 busy, 3 of 20 our own; 100 J in 10 s
    assert (sample.busy_share, sample.own_share, sample.watts) == (0.5, 0.15, 10.0)
    assert 0 < sample.used_bytes < sample.total_bytes


def test_two_looks_within_a_moment_are_one_sample() -> None:
    made = sampler([load(0, 0), load(5, 1), load(5.5, 9)])
    made.take()
    first = made.take()
    assert made.take() is first and len(made.hour) == 1


def test_in_a_container_its_own_work_counts() -> None:
    made = sampler([load(0, 0, 0, group=0), load(10, 20, 0, group=5)])
    made.take()
    sample = made.take()
    assert sample is not None and sample.busy_share == 0.25


def test_power_that_can_not_be_read_is_unknown() -> None:
    made = sampler([load(0, 0), load(10, 0), load(20, 0)], joules=[None, 1.0, None])
    assert [sample and sample.watts for sample in (made.take(), made.take(), made.take())] == [None, None, None]


def test_what_is_older_than_an_hour_goes() -> None:
    made = sampler([load(10 * n, 0) for n in range(4)], moments=[0.0, 10.0, HOUR_SECONDS + 5])
    for _ in range(4):
        made.take()
    assert [sample.at for sample in made.hour] == [10.0, HOUR_SECONDS + 5]


def test_it_looks_at_this_machine() -> None:
    made = Sampler(lambda: [], lambda: None)
    assert made.take() is None
    made._before = replace(made._before, at_seconds=made._before.at_seconds - 10) if made._before else None
    sample = made.take()
    assert sample is not None and 0 <= sample.own_share <= sample.busy_share <= 1
