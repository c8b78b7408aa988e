"""Batches and the answers that they have so far, in the database: a restart or a kill loses none and repeats none.

An answer is a row with the number of its line, written as it comes; a batch's files are written from these rows once.
Every step is one transaction that first looks at the batch's status.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

import orjson
from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Float,
    ForeignKey,
    Integer,
    LargeBinary,
    RowMapping,
    Table,
    Text,
    delete,
    func,
    insert,
    select,
    update,
)

from domov.batches.files import NOBODY, KeptFile, put
from domov.batches.lines import Problem, Used
from domov.database import METADATA, Database
from domov.errors import NoSuchBatch

Status = Literal["validating", "failed", "in_progress", "finalizing", "completed", "expired", "cancelling", "cancelled"]
ROWS_AT_ONCE = 500
UNFINISHED: tuple[Status, ...] = ("validating", "in_progress", "finalizing", "cancelling")

BATCHES = Table(
    "batches",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("owner", Text, nullable=False, index=True),
    Column("created_at", Float, nullable=False),
    Column("status", Text, nullable=False, index=True),
    Column("input_file", Text, nullable=False),
    Column("about", LargeBinary, nullable=False),
)
RESULTS = Table(
    "batch_results",
    METADATA,
    Column("batch", Text, ForeignKey("batches.id", ondelete="CASCADE"), primary_key=True),
    Column("line", Integer, primary_key=True),
    Column("ok", Boolean, nullable=False),
    Column("content", LargeBinary, nullable=False),
)


@dataclass(frozen=True, slots=True)
class About:
    """What only a batch itself is asked about. Times in seconds since 1970."""

    endpoint: str
    window: str
    expires_at: float
    metadata: dict[str, str] = field(default_factory=dict)
    output_seconds: int | None = None  # how long its files are kept; None: until they are deleted
    times: dict[str, float] = field(default_factory=dict)  # by status
    problems: list[dict[str, Any]] = field(default_factory=list)
    total: int = 0
    over: bool = False  # its time was over before its lines were
    completed: int = 0  # these four once it is at its end
    failed: int = 0
    output_file: str | None = None
    error_file: str | None = None
    key: str = ""  # the id of the key of its owner's account that it was asked for with
    used: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Batch:
    id: str
    created_at: float
    status: Status
    input_file: str
    about: About
    owner: str = NOBODY

    @property
    def finished(self) -> bool:
        return self.status not in UNFINISHED


@dataclass(frozen=True, slots=True)
class Counts:
    completed: int
    failed: int


@dataclass(frozen=True)
class Jobs:
    database: Database
    clock: Callable[[], float] = time.time

    def create(self, batch: Batch) -> Batch:
        with self.database.transaction() as connection:
            connection.execute(insert(BATCHES).values(_columns(batch)))
        return batch

    def get(self, id: str, *, owner: str) -> Batch:
        """Raises NoSuchBatch."""
        with self.database.transaction() as connection:
            return _get(connection, id, owner)

    def all(self, *, owner: str) -> list[Batch]:
        """The oldest first."""
        query = select(BATCHES).where(BATCHES.c.owner == owner).order_by(BATCHES.c.created_at, BATCHES.c.id)
        with self.database.transaction() as connection:
            return [_batch(row) for row in connection.execute(query).mappings()]

    def unfinished(self, *, input_file: str | None = None) -> list[Batch]:
        """Those of everybody, or those that read a file; the oldest first."""
        query = select(BATCHES).where(BATCHES.c.status.in_(UNFINISHED)).order_by(BATCHES.c.created_at, BATCHES.c.id)
        if input_file is not None:
            query = query.where(BATCHES.c.input_file == input_file)
        with self.database.transaction() as connection:
            return [_batch(row) for row in connection.execute(query).mappings()]

    def move(self, id: str, status: Status, *, of: tuple[Status, ...], **about: Any) -> bool:
        """Gives a batch another status, and says whether it had one of those that it must have for it."""
        with self.database.transaction() as connection:
            batch = _batch_or_none(connection, id)
            if batch is None or batch.status not in of:
                return False
            _update(connection, batch, status, {**about, "times": {**batch.about.times, status: self.clock()}})
            return True

    def record(self, id: str, line: int, *, ok: bool, content: bytes) -> None:
        """Keeps the answer to one line, if the batch still runs and has none."""
        row = {"batch": id, "line": line, "ok": ok, "content": content}
        there = select(RESULTS.c.line).where(RESULTS.c.batch == id, RESULTS.c.line == line)
        with self.database.transaction() as connection:
            batch = _batch_or_none(connection, id)
            if batch is not None and batch.status == "in_progress" and connection.execute(there).first() is None:
                connection.execute(insert(RESULTS).values(row))

    def answered(self, id: str) -> set[int]:
        """The numbers of the lines that have an answer."""
        with self.database.transaction() as connection:
            return set(connection.execute(select(RESULTS.c.line).where(RESULTS.c.batch == id)).scalars())

    def counts(self, batch: Batch) -> Counts:
        if batch.finished:
            return Counts(batch.about.completed, batch.about.failed)
        query = select(RESULTS.c.ok, func.count()).where(RESULTS.c.batch == batch.id).group_by(RESULTS.c.ok)
        with self.database.transaction() as connection:
            found: dict[bool, int] = {ok: count for ok, count in connection.execute(query)}
        return Counts(found.get(True, 0), found.get(False, 0))

    def results(self, id: str, *, ok: bool) -> Iterator[bytes]:
        """The lines of one of its files, in the order of its input."""
        query = select(RESULTS.c.line, RESULTS.c.content).where(RESULTS.c.batch == id, RESULTS.c.ok == ok)
        query, last = query.order_by(RESULTS.c.line).limit(ROWS_AT_ONCE), 0
        while True:
            with self.database.transaction() as connection:
                rows = connection.execute(query.where(RESULTS.c.line > last)).all()
            if not rows:
                return
            yield from (row.content for row in rows)
            last = rows[-1].line

    def finish(self, batch: Batch, status: Status, *, files: dict[str, KeptFile], **about: Any) -> None:
        """The end of a batch: its files have their rows, its answers are in them and nowhere else.

        files  by `output_file` and `error_file`
        """
        with self.database.transaction() as connection:
            found = _batch_or_none(connection, batch.id)
            if found is None or found.status not in UNFINISHED:
                return
            for file in files.values():
                put(connection, file)
            times = {**found.about.times, status: self.clock()}
            ids = {name: file.id for name, file in files.items()}
            _update(connection, found, status, {**about, **ids, "times": times})
            connection.execute(delete(RESULTS).where(RESULTS.c.batch == batch.id))


def problem_tables(problems: list[Problem]) -> list[dict[str, Any]]:
    return [asdict(problem) for problem in problems]


def used_table(used: Used) -> dict[str, int]:
    return asdict(used)


def _get(connection: Connection, id: str, owner: str) -> Batch:
    batch = _batch_or_none(connection, id)
    if batch is None or batch.owner != owner:
        raise NoSuchBatch(f"no such batch: {id[:100]}")
    return batch


def _batch_or_none(connection: Connection, id: str) -> Batch | None:
    row = connection.execute(select(BATCHES).where(BATCHES.c.id == id)).mappings().one_or_none()
    return None if row is None else _batch(row)


def _update(connection: Connection, batch: Batch, status: Status, about: dict[str, Any]) -> None:
    table = orjson.dumps({**asdict(batch.about), **about})
    connection.execute(update(BATCHES).where(BATCHES.c.id == batch.id).values(status=status, about=table))


def _columns(batch: Batch) -> dict[str, Any]:
    return {**{f.name: getattr(batch, f.name) for f in fields(Batch)}, "about": orjson.dumps(asdict(batch.about))}


def _batch(row: RowMapping) -> Batch:
    return Batch(**{**row, "about": About(**orjson.loads(row["about"]))})
