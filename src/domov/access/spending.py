"""What was used with each key, or by each person: counted in memory, written to the database a moment later.

A request that would go over the limit is let in and the next one is not: how long an answer gets is known at its end.
What is counted within the last second before a crash is lost.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

from sqlalchemy import Column, ColumnElement, Float, ForeignKey, Integer, Table, Text, func, select
from sqlalchemy.dialects.sqlite import insert

from domov.access.keys import KEY_USAGE
from domov.database import METADATA, Database
from domov.errors import DomovError

WRITE_SECONDS = 1.0
USER_USAGE = Table(
    "user_usage",
    METADATA,
    Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("day", Text, primary_key=True),
    Column("requests", Integer, nullable=False),
    Column("tokens", Integer, nullable=False),
    Column("cost", Float, nullable=False, server_default="0"),
)


@dataclass(frozen=True, slots=True)
class Used:
    requests: int = 0
    tokens: int = 0
    cost: float = 0.0  # in the setting `currency`, where energy and its price are known

    def __add__(self, other: "Used") -> "Used":
        return Used(self.requests + other.requests, self.tokens + other.tokens, self.cost + other.cost)


COUNTED = tuple(Used.__dataclass_fields__)


class Spending:
    def __init__(
        self, database: Callable[[], Database], clock: Callable[[], float] = time.time, *, table: Table = KEY_USAGE
    ) -> None:
        """table: where it is written, of keys or of people; its first column says whose"""
        self._database, self._clock = database, clock
        self._table, self._who = table, table.columns[0]
        self._day = ""
        self._today: dict[str, Used] = {}
        self._earlier: dict[str, Used] = {}  # this month, before today
        self._unwritten: dict[tuple[str, str], Used] = {}
        self._writing: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Future[None]] = set()

    def today(self, key_id: str) -> Used:
        """Read from the database once a day for each key, then known."""
        day = _day(self._clock())
        if day != self._day:
            self._day, self._today, self._earlier = day, {}, {}
        if key_id not in self._today:
            counted = self.written(key_id, day) + self._unwritten.get((key_id, day), Used())
            self._today.setdefault(key_id, counted)  # it may have been counted on while the database was read
        return self._today[key_id]

    def month(self, key_id: str) -> Used:
        """Since the first of the month."""
        today = self.today(key_id)
        if key_id not in self._earlier:
            days = self._table.c.day
            earlier = self._sums(self._who == key_id, days >= f"{self._day[:7]}-01", days < self._day)
            self._earlier[key_id] = earlier.get(key_id, Used())
        return self._earlier[key_id] + today

    def add(self, key_id: str, *, requests: int = 0, tokens: int = 0, cost: float = 0.0) -> None:
        used, before = Used(requests, tokens, cost), self.today(key_id)
        self._today[key_id] = before + used
        place = key_id, self._day
        self._unwritten[place] = self._unwritten.get(place, Used()) + used
        if self._writing is None:
            self._writing = asyncio.get_running_loop().call_later(WRITE_SECONDS, self._begin_writing)

    def written(self, key_id: str, day: str) -> Used:
        return self._sums(self._who == key_id, self._table.c.day == day).get(key_id, Used())

    def all_today(self) -> dict[str, Used]:
        """By key or person: as it is written, and of those that call here as it is counted. From any thread."""
        day = _day(self._clock())
        counted = self._today.copy() if day == self._day else {}
        return self._sums(self._table.c.day == day) | counted

    def all_month(self) -> dict[str, Used]:
        day, today = _day(self._clock()), self.all_today()
        earlier = self._sums(self._table.c.day >= f"{day[:7]}-01", self._table.c.day < day)
        return {who: earlier.get(who, Used()) + today.get(who, Used()) for who in earlier.keys() | today.keys()}

    def _sums(self, *rows: ColumnElement[bool]) -> dict[str, Used]:
        sums = [func.sum(self._table.c[name]) for name in COUNTED]
        query = select(self._who, *sums).where(*rows).group_by(self._who)
        with self._database().reading() as connection:
            return {who: Used(*counted) for who, *counted in connection.execute(query)}

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
        table = self._table
        owners = next(iter(self._who.foreign_keys)).column
        with self._database().transaction() as connection:
            there = set(connection.execute(select(owners).where(owners.in_({who for who, _ in counted}))).scalars())
            for (who, day), used in counted.items():
                if who not in there:  # deleted while its last answer was on its way
                    continue
                row = {self._who.name: who, "day": day, **asdict(used)}
                more = {name: table.c[name] + row[name] for name in COUNTED}
                connection.execute(insert(table).values(row).on_conflict_do_update(set_=more))


def _day(moment: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(moment))
