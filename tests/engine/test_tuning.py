"""Decisions on figures made by hand, and one real tuning with very little to try."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from domov import app, config
from domov.engine.calibration import Tuning
from domov.engine.fake import FakeEngine
from domov.engine.protocol import Engine
from domov.engine.tuning import Challenge, Tuner, challenges, gain_of, verdict
from domov.store.models import Model
from domov.types import Event


@pytest.mark.parametrize(
    ("best", "challenger", "expected"),
    [
        ([100, 100, 100], [110, 111, 109], "wins"),
        ([100, 100, 100], [102, 102, 102], "unclear"),  # not more than 3 %
        ([100, 100, 100, 100, 100], [110, 111, 90, 109, 112], "wins"),  # one bad round is forgiven
        ([100, 100, 100, 100, 100], [110, 111, 90, 95, 112], "unclear"),  # two are not
        ([100, 100, 100], [99, 130, 98], "loses"),
        ([100, 50, 100], [110, 55, 110], "wins"),  # a round in which both were slow
        ([100, 100], [200, 200], "unclear"),  # too few rounds to decide
    ],
)
def test_only_a_clear_winner_takes_the_place(best: list[float], challenger: list[float], expected: str) -> None:
    assert verdict(best, challenger) == expected


def test_a_gain_is_the_median_of_the_rounds_ratios() -> None:
    assert gain_of([100, 50, 100], [110, 100, 120]) == pytest.approx(1.2)


def test_every_challenge_changes_something_and_says_what() -> None:
    for cores, processors in ((1, 1), (2, 2), (4, 8)):
        tries = list(challenges(cores=cores, processors=processors))
        assert all(bool(c.options) != (c.spin_count is not None) and c.words for c in tries)
        assert all(c.options.get("threads", 1) != 0 for c in tries)
    found = {c.words for c in challenges(cores=4, processors=8)}
    assert {"threads 3, batch_threads 4", "threads 8, batch_threads 4", "batch_threads 8", "spin_count 0"} <= found


def test_beside_other_programs_nothing_is_tried_that_depends_on_them() -> None:
    tries = list(challenges(cores=4, processors=8, quiet=False))
    assert {c.setting for c in tries} == {"batch", "flash_attention"}


class Paced(FakeEngine):
    closed = 0

    async def close(self) -> None:
        Paced.closed += 1


def paced(tuning: Tuning) -> Engine:
    """An engine that is twice as fast with three threads, and much slower with small batches."""
    speed = {3: 0.001}.get(int(tuning.options.get("threads", 0)), 0.002)
    return Paced(seconds_per_token=speed if "batch_tokens" not in tuning.options else 0.01)


async def test_the_winner_stays_and_the_loser_goes() -> None:
    tries = [
        Challenge("threads", {"threads": 3}, "writing"),
        Challenge("batch", {"batch_tokens": 1}, "writing"),
    ]
    Paced.closed = 0
    tuned = await Tuner(paced, "m", lambda _: None).run(tries)
    assert tuned.tuning == Tuning({"threads": 3})
    assert [t.verdict for t in tuned.trials] == ["wins", "loses"]
    assert Paced.closed == 5  # one for the first look, two for each trial


async def test_what_there_is_no_time_for_is_told() -> None:
    seconds: Iterator[float] = iter([0.0, 1000.0])
    tries = [Challenge("threads", {"threads": 3}, "writing")]
    tuned = await Tuner(paced, "m", lambda _: None, clock=lambda: next(seconds)).run(tries)
    assert (tuned.tuning, tuned.trials) == (Tuning(), ())
    assert "threads 3" in tuned.notes[0]


class Broken(FakeEngine):
    closed = 0

    async def stream(self, request: object) -> AsyncIterator[Event]:
        raise KeyboardInterrupt
        yield

    async def close(self) -> None:
        Broken.closed += 1


async def test_an_interruption_ends_every_engine() -> None:
    Broken.closed = 0
    with pytest.raises(KeyboardInterrupt):
        await Tuner(lambda _: Broken(), "m", lambda _: None).run([])
    assert Broken.closed == 1


async def test_real_workers_are_measured(starter: Model, tmp_path: Path) -> None:
    domov = app.App(config.load({"DOMOV_HOME": str(tmp_path)}))
    tuner = Tuner(lambda t: domov.open_for_measuring(starter, t, context_tokens=1024), starter.name, lambda _: None)
    (trial,) = (await tuner.run([Challenge("spin_count", {}, "both", spin_count=0)])).trials
    assert trial.rounds >= 3 and trial.gain > 0
