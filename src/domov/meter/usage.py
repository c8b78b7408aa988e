"""What was used: requests, tokens, seconds and joules by day, model and person, one row for each of these.

Counted in memory when a request has ended, added to the database a moment later; never for a single token. What was
counted within the last second before a crash is lost. Days are those of this computer's clock.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass
from typing import Literal

from sqlalchemy import BigInteger, Column, Float, Integer, Table, Text, func, select
from sqlalchemy.dialects.sqlite import insert

from domov.database import METADATA, Database
from domov.errors import DomovError
from domov.outbound import Row as Connection
from domov.types import Happening, Spent

WRITE_SECONDS = 1.0
USAGE = Table(
    "usage",
    METADATA,
    Column("day", Text, primary_key=True),
    Column("model", Text, primary_key=True),
    Column("owner", Text, primary_key=True),
    Column("requests", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("prompt_tokens", BigInteger, nullable=False),
    Column("cached_tokens", BigInteger, nullable=False),
    Column("answer_tokens", BigInteger, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("measured", Integer, nullable=False),
    Column("joules", Float, nullable=False),
)
By = Literal["day", "model", "owner"]
Place = tuple[str, str, str]  # day, model, owner


@dataclass(frozen=True, slots=True)
class Amount:
    requests: int = 0
    failed: int = 0  # of the requests, those without a whole answer
    prompt_tokens: int = 0
    cached_tokens: int = 0  # of the prompt, what had been read before
    answer_tokens: int = 0
    seconds: float = 0.0  # from asking to the end, waiting and loading included
    measured: int = 0  # of the requests, those whose energy is known
    joules: float = 0.0  # of those

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))


def amount_of(spent: Spent) -> Amount:
    """What one request took."""
    usage = spent.usage
    return Amount(
        requests=1,
        failed=int(spent.outcome != "answered"),
        prompt_tokens=usage.prompt_tokens if usage else 0,
        cached_tokens=usage.cached_tokens if usage else 0,
        answer_tokens=usage.answer_tokens if usage else spent.pieces,
        seconds=spent.seconds,
        measured=int(spent.joules is not None),
        joules=spent.joules or 0.0,
    )


class Consumption:
    def __init__(
        self,
        database: Callable[[], Database],
        *,
        owner: Callable[[], str],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """owner  who has asked for the work under way"""
        self._database, self._owner, self._clock = database, owner, clock
        self._unwritten: dict[Place, Amount] = {}
        self._writing: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Future[None]] = set()

    def note(self, happening: Happening | Connection) -> None:
        """Takes in what happened, as the meter tells it."""
        if isinstance(happening, Spent):
            place = day_of(self._clock()), happening.model, self._owner()
            self._unwritten[place] = self._unwritten.get(place, Amount()) + amount_of(happening)
            if self._writing is None:
                self._writing = asyncio.get_running_loop().call_later(WRITE_SECONDS, self._begin_writing)

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
            for place, amount in counted.items():
                self._unwritten[place] = amount + self._unwritten.get(place, Amount())

    def _write(self, counted: Mapping[Place, Amount]) -> None:
        if not counted:
            return
        with self._database().transaction() as connection:
            for (day, model, owner), amount in counted.items():
                more = {name: USAGE.c[name] + value for name, value in asdict(amount).items()}
                row = insert(USAGE).values(day=day, model=model, owner=owner, **asdict(amount))
                connection.execute(row.on_conflict_do_update(set_=more))


def used(
    database: Database,
    by: Sequence[By],
    *,
    since: str = "",
    until: str = "",
    model: str | None = None,
    owner: str | None = None,
) -> list[tuple[tuple[str, ...], Amount]]:
    """What was used from one day to another, both included, for each day, model or owner: in that order.

    model  only what was asked of this one
    owner  only what this one has used
    """
    columns = [USAGE.c[name] for name in by]
    sums = [func.sum(USAGE.c[name]) for name in Amount.__dataclass_fields__]
    query = select(*columns, *sums).where(USAGE.c.day >= since, USAGE.c.day <= (until or "9"))
    query = query if model is None else query.where(USAGE.c.model == model)
    query = query if owner is None else query.where(USAGE.c.owner == owner)
    with database.reading() as connection:
        rows = connection.execute(query.group_by(*columns).order_by(*columns)).all()
    return [(tuple(row[: len(by)]), Amount(*row[len(by) :])) for row in rows if row[len(by)] is not None]


def spent_by(database: Database, model: str) -> Amount:
    """What a model took on the days on which the energy of all its requests is known."""
    days = used(database, ("day",), model=model)
    return sum((amount for _, amount in days if amount.measured == amount.requests), Amount())


def day_of(moment: float) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(moment))
