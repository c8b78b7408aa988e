"""Jobs in the database: what is to be done, how far it is, what came of it. A restart or a kill loses none of them.

A job's status is what is wanted of it. So whoever pauses or cancels one, also a command in another process, only writes
that down; who carries jobs out (`running`) looks there twice a second, and so do those who watch one.

    queued -> running -> done | failed        paused: held, or not begun yet; goes back to queued
    any of these      -> cancelling -> cancelled
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal

import orjson
from sqlalchemy import Column, Connection, Float, Integer, LargeBinary, RowMapping, Table, Text, delete, insert, select
from sqlalchemy import update as updating

from domov.database import METADATA, Database
from domov.errors import BadRequest, NoSuchJob
from domov.jobs.account import Account

Status = Literal["queued", "running", "paused", "cancelling", "done", "failed", "cancelled"]
UNFINISHED: tuple[Status, ...] = ("queued", "running", "paused", "cancelling")
FINISHED: tuple[Status, ...] = ("done", "failed", "cancelled")
MOST_UNFINISHED = 200
REMEMBERED = 5  # jobs of a kind, whose pace foretells the next one's

JOBS = Table(
    "jobs",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("owner", Text, nullable=False, index=True),
    Column("key", Text, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("kind", Text, nullable=False),
    Column("status", Text, nullable=False, index=True),
    Column("title", Text, nullable=False),
    Column("parameters", LargeBinary, nullable=False),
    Column("account", LargeBinary, nullable=False),
    sqlite_autoincrement=True,  # a number that is gone is never another's
)


@dataclass(frozen=True, slots=True)
class Job:
    kind: str
    title: str
    parameters: dict[str, Any]
    owner: str = ""  # the id of an account, or of a key that is of none; empty where nobody is asked who they are
    key: str = ""  # the id of the account's key that it was ordered with
    id: int = 0
    created_at: float = 0.0  # seconds since 1970
    status: Status = "queued"
    account: Account = field(default_factory=Account)

    @property
    def finished(self) -> bool:
        return self.status in FINISHED


@dataclass(frozen=True)
class Queue:
    """owner, wherever it is asked for: whose jobs there are; None: everybody's."""

    database: Database
    clock: Callable[[], float] = time.time

    def add(self, job: Job) -> Job:
        """Raises BadRequest where too many wait already."""
        with self.database.transaction() as connection:
            waiting = connection.execute(select(JOBS.c.id).where(JOBS.c.status.in_(UNFINISHED))).all()
            if len(waiting) >= MOST_UNFINISHED:
                raise BadRequest(f"{len(waiting)} jobs wait already", hint="let some of them end first")
            made = replace(job, created_at=self.clock())
            columns = {k: v for k, v in _columns(made).items() if k != "id"}
            key = connection.execute(insert(JOBS).values(columns)).inserted_primary_key
        assert key is not None
        return replace(made, id=int(key[0]))

    def get(self, id: int, *, owner: str | None = None) -> Job:
        """Raises NoSuchJob."""
        with self.database.reading() as connection:
            return _get(connection, id, owner)

    def all(self, *, owner: str | None = None) -> list[Job]:
        """The newest first."""
        query = select(JOBS).order_by(JOBS.c.id.desc())
        with self.database.reading() as connection:
            rows = connection.execute(query if owner is None else query.where(JOBS.c.owner == owner)).mappings()
            return [_job(row) for row in rows]

    def unfinished(self) -> list[Job]:
        """Everybody's, the oldest first."""
        query = select(JOBS).where(JOBS.c.status.in_(UNFINISHED)).order_by(JOBS.c.id)
        with self.database.reading() as connection:
            return [_job(row) for row in connection.execute(query).mappings()]

    def pause(self, id: int, *, owner: str | None = None) -> Job:
        """Raises NoSuchJob, and BadRequest for one that has ended."""
        return self._want(id, owner, "paused", of=("queued", "running", "paused"))

    def resume(self, id: int, *, owner: str | None = None) -> Job:
        """A paused one goes on, one that failed or was cancelled is tried again. Raises NoSuchJob, BadRequest."""
        return self._want(id, owner, "queued", of=("paused", "failed", "cancelled", "queued"))

    def cancel(self, id: int, *, owner: str | None = None) -> Job:
        """Raises NoSuchJob, and BadRequest for one that has ended."""
        return self._want(id, owner, "cancelling", of=UNFINISHED)

    def remove(self, id: int, *, owner: str | None = None) -> Job:
        """Forgets a job that has ended; what it made stays. Raises NoSuchJob, BadRequest."""
        with self.database.transaction() as connection:
            job = _get(connection, id, owner)
            if not job.finished:
                raise BadRequest(f"job {id} is {job.status}", hint="cancel it first")
            connection.execute(delete(JOBS).where(JOBS.c.id == id))
        return job

    def _want(self, id: int, owner: str | None, status: Status, *, of: tuple[Status, ...]) -> Job:
        with self.database.transaction() as connection:
            job = _get(connection, id, owner)
            if job.status not in of:
                raise BadRequest(f"job {id} is {job.status}")
            account = replace(job.account, deaths=0) if job.finished else job.account
            values = {"status": status} | ({"account": _bytes(account)} if job.finished else {})
            connection.execute(updating(JOBS).where(JOBS.c.id == id).values(values))
        return replace(job, status=status, account=account)

    def move(self, id: int, status: Status, *, of: tuple[Status, ...], account: Account | None = None) -> bool:
        """Gives a job another status, and says whether it had one of those that it must have for it."""
        values = {"status": status} | ({"account": _bytes(account)} if account else {})
        query = updating(JOBS).where(JOBS.c.id == id, JOBS.c.status.in_(of)).values(values)
        with self.database.transaction() as connection:
            return bool(connection.execute(query).rowcount)

    def save(self, id: int, account: Account) -> None:
        """Keeps what a job has told so far."""
        with self.database.transaction() as connection:
            connection.execute(updating(JOBS).where(JOBS.c.id == id).values(account=_bytes(account)))

    def pace(self, kind: str) -> float | None:
        """Seconds for each unit of such work, by those that were done here lately; None where none was."""
        query = select(JOBS).where(JOBS.c.kind == kind, JOBS.c.status == "done").order_by(JOBS.c.id.desc())
        with self.database.reading() as connection:
            done = [_job(row).account for row in connection.execute(query.limit(REMEMBERED)).mappings()]
        paces = [account.seconds / account.size for account in done if account.size and account.attempts == 1]
        return statistics.median(paces) if paces else None


def _get(connection: Connection, id: int, owner: str | None) -> Job:
    row = connection.execute(select(JOBS).where(JOBS.c.id == id)).mappings().one_or_none()
    if row is None or owner not in (None, row["owner"]):
        raise NoSuchJob(f"no such job: {id}", hint="domov jobs lists them")
    return _job(row)


def _bytes(account: Account) -> bytes:
    return orjson.dumps(asdict(account))


def _columns(job: Job) -> dict[str, Any]:
    columns = {f.name: getattr(job, f.name) for f in fields(Job)}
    return columns | {"parameters": orjson.dumps(job.parameters), "account": _bytes(job.account)}


def _job(row: RowMapping) -> Job:
    account = Account(**orjson.loads(row["account"]))
    return Job(**{**row, "parameters": orjson.loads(row["parameters"]), "account": account})
