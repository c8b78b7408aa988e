"""How many threads a model may calculate with, now.

llama.cpp's threads wait for each other many times in each step: one that has to share its core with another program
holds up all. So decoding uses the cores that are free at this moment; reading a prompt, whose steps are long, uses all
of them. Several models that calculate at the same time share the cores (figures in docs/log.md).
"""

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from domov.hardware.load import Load, neighbours_processors, others_processors

# Less than this much of a core is what any idle desktop uses.
NOISE_PROCESSORS = 0.2
FIRST_SECONDS, EACH_SECONDS = 0.2, 0.4
# A rise must be right so many times in a row: a program that pauses for a moment is not gone.
CALM_SAMPLES = 3


@dataclass(frozen=True, slots=True)
class Threads:
    decoding: int
    prompt: int


def threads_for(most: Threads, *, free_processors: float, running: int) -> Threads:
    """The threads of a model that has `most` when it is alone on an idle machine.

    free_processors  cores that no other program uses now
    running          models that calculate now, this one included
    """
    free = int(max(0.0, free_processors) + NOISE_PROCESSORS)
    return Threads(max(1, min(most.decoding, free // running)), max(1, most.prompt // running))


class Worker(Protocol):
    """What is told its threads."""

    @property
    def pid(self) -> int | None: ...

    def set_threads(self, threads: Threads) -> None: ...


@dataclass
class Adapting:
    """Watches the machine while models calculate, and only then.

    processors  logical processors that this process may run on
    quota       processors' worth of time that a container allows; None: no limit
    read        the counters of the machine, given the processes that are ours
    """

    processors: int
    quota: float | None
    read: Callable[[list[int]], Load]
    _workers: dict[Worker, int] = field(default_factory=dict)  # with the number of its calculations now
    _most: dict[Worker, Threads] = field(default_factory=dict)
    _told: dict[Worker, Threads] = field(default_factory=dict)
    _free: list[float] = field(default_factory=list)
    _watching: "asyncio.Task[None] | None" = None

    def join(self, worker: Worker, *, most: Threads) -> None:
        """From here on its work counts as ours, and it has at most so many threads."""
        self._workers[worker], self._most[worker] = 0, most

    def leave(self, worker: Worker) -> None:
        self._workers.pop(worker, None)
        self._most.pop(worker, None)
        self._told.pop(worker, None)
        self._tell()

    @contextlib.contextmanager
    def calculating(self, worker: Worker) -> Iterator[None]:
        """While a worker that has joined calculates. May be entered many times at once."""
        self._count(worker, 1)
        if self._watching is None or self._watching.done():
            self._watching = asyncio.ensure_future(self._watch())
        try:
            yield
        finally:
            self._count(worker, -1)

    @property
    def _running(self) -> list[Worker]:
        return [worker for worker, calculations in self._workers.items() if calculations]

    def _count(self, worker: Worker, more: int) -> None:
        if worker in self._workers:
            self._workers[worker] += more
            self._tell()

    async def _watch(self) -> None:
        before, wait = self._counters(), FIRST_SECONDS
        while self._running:
            await asyncio.sleep(wait)
            after, wait = self._counters(), EACH_SECONDS
            self._free = [*self._free, self._free_processors(before, after)][-CALM_SAMPLES:]
            self._tell()
            before = after

    def _counters(self) -> Load:
        return self.read([os.getpid(), *(w.pid for w in self._workers if w.pid)])

    def _free_processors(self, before: Load, after: Load) -> float:
        free = self.processors - others_processors(before, after)
        if self.quota is None:
            return free
        return min(free, self.quota - neighbours_processors(before, after))

    def _tell(self) -> None:
        running = self._running
        if not running:
            return
        free = min(self._free, default=float(self.processors))
        for worker in running:
            threads = threads_for(self._most[worker], free_processors=free, running=len(running))
            if self._told.get(worker) != threads:
                self._told[worker] = threads
                worker.set_threads(threads)
