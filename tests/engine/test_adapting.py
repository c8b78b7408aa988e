"""When threads are given and taken, with counters that the test turns."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from domov.engine import adapting
from domov.engine.adapting import Adapting, Threads, threads_for
from domov.hardware.load import Load


@dataclass(eq=False)
class Told:
    """Stands for a worker: remembers what it was told."""

    pid: int
    threads: list[Threads] = field(default_factory=list)

    def set_threads(self, threads: Threads) -> None:
        self.threads.append(threads)


@dataclass
class Machine:
    """Two processors on which others do so much."""

    others: float = 0.0
    at: float = 0.0
    busy: float = 0.0

    def read(self, pids: list[int]) -> Load:
        self.at += 1.0
        self.busy += self.others
        return Load(self.at, self.busy, None, dict.fromkeys(pids, 0.0))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(adapting, "FIRST_SECONDS", 0.001)
    monkeypatch.setattr(adapting, "EACH_SECONDS", 0.001)
    yield


def make(machine: Machine, **options: float) -> Adapting:
    return Adapting(processors=2, quota=options.get("quota"), read=machine.read)


def test_an_idle_machine_gives_all_its_cores() -> None:
    assert threads_for(cores=8, free_processors=8.0, running=1) == Threads(8, 8)


def test_decoding_takes_the_free_cores_and_reading_all_of_them() -> None:
    assert threads_for(cores=8, free_processors=4.9, running=1) == Threads(5, 8)
    assert threads_for(cores=2, free_processors=1.7, running=1) == Threads(1, 2)


def test_there_is_always_one_thread() -> None:
    assert threads_for(cores=2, free_processors=-3.0, running=1) == Threads(1, 2)
    assert threads_for(cores=2, free_processors=2.0, running=5) == Threads(1, 1)


def test_models_that_run_together_share_the_cores() -> None:
    assert threads_for(cores=8, free_processors=8.0, running=2) == Threads(4, 4)


def test_what_any_desktop_uses_costs_no_thread() -> None:
    assert threads_for(cores=2, free_processors=1.85, running=1).decoding == 2


async def test_a_busy_machine_is_noticed_and_so_is_its_end() -> None:
    machine, worker = Machine(), Told(1)
    watch = make(machine)
    watch.join(worker, threads=2)
    with watch.calculating(worker):
        assert worker.threads == [Threads(2, 2)]
        machine.others = 1.0
        await asyncio.sleep(0.02)
        assert worker.threads[-1] == Threads(1, 2)
        machine.others = 0.0
        await asyncio.sleep(0.05)
        assert worker.threads == [Threads(2, 2), Threads(1, 2), Threads(2, 2)]


async def test_a_quota_that_neighbours_use_up_counts_too() -> None:
    worker = Told(1)
    watch = make(Machine(), quota=1.0)
    watch.join(worker, threads=2)
    with watch.calculating(worker):
        await asyncio.sleep(0.02)
    assert worker.threads[-1].decoding == 1


async def test_a_second_model_halves_the_share_and_gives_it_back() -> None:
    first, second = Told(1), Told(2)
    watch = make(Machine())
    watch.join(first, threads=2)
    watch.join(second, threads=2)
    with watch.calculating(first):
        with watch.calculating(second):
            assert first.threads[-1] == second.threads[-1] == Threads(1, 1)
        assert first.threads[-1] == Threads(2, 2)


async def test_nothing_is_watched_while_nothing_runs() -> None:
    machine, worker = Machine(), Told(1)
    watch = make(machine)
    watch.join(worker, threads=2)
    with watch.calculating(worker):
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.01)
    read = machine.at
    await asyncio.sleep(0.02)
    assert machine.at == read
