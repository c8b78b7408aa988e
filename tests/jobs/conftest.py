"""A queue and who carries it out, with a kind of work that does as the test says."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest

from domov import app, config
from domov.access.callers import Caller
from domov.access.keys import Grant
from domov.database import Database
from domov.errors import NoSuchModel, WorkerDied
from domov.jobs.account import Outcome
from domov.jobs.house import place_of
from domov.jobs.queue import Job, Queue, Status
from domov.jobs.running import Runner
from domov.jobs.work import Needs, Pausing, Place, Steps, Surroundings, Work
from domov.optimize.progress import Progress


class Count(Work):
    """Counts as far as it is let, and remembers what became of it."""

    kind: ClassVar[str] = "count"
    words: ClassVar[str] = "Counts."
    again: ClassVar[str] = "it counts anew"

    to: int = 3
    key: str = "x"
    memory_bytes: int = 0
    fails: str = ""
    model: str = ""

    steps_seen: ClassVar[dict[str, list[int]]] = {}
    closed: ClassVar[list[str]] = []
    let: ClassVar[dict[str, asyncio.Semaphore]] = {}

    def title(self) -> str:
        return f"to {self.to}"

    def names(self) -> Iterator[str]:
        return iter(filter(None, (self.model,)))

    def needs(self, place: Place) -> Needs:
        if self.fails == "needs":
            raise NoSuchModel("no such model: nothing", hint="take another")
        return Needs(memory_bytes=self.memory_bytes, size=float(self.to))

    async def steps(self, place: Place) -> Steps:
        seen = self.steps_seen.setdefault(self.key, [])
        try:
            for number in range(1, self.to + 1):
                if self.key in self.let:
                    await self.let[self.key].acquire()
                if place.workshop.children.crew.ended or self.fails == "dies":
                    raise WorkerDied("its process was killed")
                if self.fails == "breaks":
                    raise ZeroDivisionError
                seen.append(number)
                yield Progress("counting", number, self.to, "trials", {"number": float(number)})
            yield Outcome((), {"counted": self.to})
        finally:
            self.closed.append(self.key)


class Leaving(Count):
    kind: ClassVar[str] = "leaving"
    pausing: ClassVar[Pausing] = "left"


@dataclass
class House:
    queue: Queue
    home: Path
    serving: bool = False
    room_bytes: int = 1000
    revoked: set[str] = field(default_factory=set)
    models: tuple[str, ...] = ()  # that owners may use; empty: all
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def runner(self) -> Runner:
        domov = app.App(config.load({"DOMOV_HOME": str(self.home)}))
        around = Surroundings(
            serving=lambda: self.serving,
            room_bytes=lambda: self.room_bytes,
            total_bytes=lambda: 10**12,
            permitted=self._permit,
        )
        kinds = {kind.kind: kind for kind in (Count, Leaving)}
        lock, place = self.home / "jobs.lock", lambda crew: place_of(domov, crew)
        return Runner(self.queue, place, around, lock=lock, changed=self.changed, kinds=kinds)

    def _permit(self, owner: str, key: str) -> Caller:
        if {owner, key} & self.revoked:
            raise NoSuchModel("the key has ended")
        return Caller(owner, Grant(owner, models=self.models), key=key)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Runner]:
        """Jobs are carried out for as long as the block lasts; then the server is stopped."""
        runner = self.runner()
        task = asyncio.ensure_future(runner.run())
        try:
            yield runner
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def order(self, kind: str = "count", *, owner: str = "", of: str = "", **parameters: Any) -> Job:
        """of: the key of the owner's account that it is asked for with"""
        self.changed.set()
        return self.queue.add(Job(kind, "counting", parameters, owner, of))

    def want(self, verb: str, id: int) -> None:
        getattr(self.queue, verb)(id)
        self.changed.set()

    async def until(self, job: Job, *statuses: Status) -> Job:
        while (found := self.queue.get(job.id)).status not in statuses:
            await asyncio.sleep(0.01)
        return found


@pytest.fixture
def house(database: Database, tmp_path: Path) -> House:
    Count.steps_seen.clear()
    Count.closed.clear()
    Count.let.clear()
    return House(Queue(database), tmp_path)


async def seen(key: str, number: int) -> None:
    """Until work has counted to a number."""
    while number not in Count.steps_seen.get(key, []):
        await asyncio.sleep(0.01)
