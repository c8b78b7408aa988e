"""What was used with each key, today: counted in memory, written to the database a moment later.

A request that would go over the limit is let in and the next one is not: how long an answer gets is known at its end.
What is counted within the last second before a crash is lost.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.dialects.sqlite import insert

from domov.access.keys import KEY_USAGE
from domov.database import Database
from domov.errors import DomovError

WRITE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Used:
    requests: int = 0
    tokens: int = 0

    def __add__(self, other: "Used") -> "Used":
        return Used(self.requests + other.requests, self.tokens + other.tokens)


class Spending:
    def __init__(self, database: Callable[[], Database], clock: Callable[[], float] = time.time) -> None:
        self._database, self._clock = database, clock
        self._day = ""
        self._today: dict[str, Used] = {}
        self._unwritten: dict[tuple[str, str], Used] = {}
        self._writing: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Future[None]] = set()

    def today(self, key_id: str) -> Used:
        """Read from the database once a day for each key, then known."""
        day = _day(self._clock())
        if day != self._day:
            self._day, self._today = day, {}
        if key_id not in self._today:
            self._today[key_id] = self.written(key_id, day) + self._unwritten.get((key_id, day), Used())
        return self._today[key_id]

    def add(self, key_id: str, *, requests: int = 0, tokens: int = 0) -> None:
        used, before = Used(requests, tokens), self.today(key_id)
        self._today[key_id] = before + used
        place = key_id, self._day
        self._unwritten[place] = self._unwritten.get(place, Used()) + used
        if self._writing is None:
            self._writing = asyncio.get_running_loop().call_later(WRITE_SECONDS, self._begin_writing)

    def written(self, key_id: str, day: str) -> Used:
        query = select(KEY_USAGE.c.requests, KEY_USAGE.c.tokens)
        with self._database().reading() as connection:
            row = connection.execute(query.where(KEY_USAGE.c.key_id == key_id, KEY_USAGE.c.day == day)).first()
        return Used(*row) if row else Used()

    def all_today(self) -> dict[str, Used]:
        """By key, as it is written."""
        query = select(KEY_USAGE.c.key_id, KEY_USAGE.c.requests, KEY_USAGE.c.tokens)
        with self._database().reading() as connection:
            rows = connection.execute(query.where(KEY_USAGE.c.day == _day(self._clock()))).all()
        return {key_id: Used(requests, tokens) for key_id, requests, tokens in rows}

    def _begin_writing(self) -> None:
        self._writing = None
        task = asyncio.ensure_future(self.write())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def write(self) -> None:
        """Adds what was counted since the last time to the database; where that fails, at the next time."""
        counted, self._unwritten = self._unwritten, {}
        try:
            await asyncio.to_thread(self._write, counted)
        except DomovError:
            for place, used in counted.items():
                self._unwritten[place] = used + self._unwritten.get(place, Used())

    def _write(self, counted: Mapping[tuple[str, str], Used]) -> None:
        """All of it or nothing."""
        if not counted:
            return
        with self._database().transaction() as connection:
            for place, used in counted.items():
                row = {"key_id": place[0], "day": place[1], "requests": used.requests, "tokens": used.tokens}
                more = {c.name: c + row[c.name] for c in (KEY_USAGE.c.requests, KEY_USAGE.c.tokens)}
                connection.execute(insert(KEY_USAGE).values(row).on_conflict_do_update(set_=more))


def _day(moment: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(moment))
