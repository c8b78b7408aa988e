"""One model that is to be fetched: how far it is, and how it is kept while Domov does not run."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from typing import Any, Literal, cast

from filelock import FileLock, Timeout
from sqlalchemy import BigInteger, Column, Float, RowMapping, Table, Text, delete, select
from sqlalchemy.dialects.sqlite import insert

from domov.database import METADATA, Database
from domov.errors import DomovError
from domov.store.download import CHECKING, Progress

State = Literal["waiting", "running", "paused", "done", "failed"]
UNFINISHED: tuple[State, ...] = ("waiting", "running", "paused")
DOWNLOADS = Table(
    "downloads",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("model", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("place", Float, nullable=False),
    Column("done_bytes", BigInteger, nullable=False),
    Column("total_bytes", BigInteger),
    Column("error", Text, nullable=False),
    Column("hint", Text, nullable=False),
    Column("parts", Text, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("ended_at", Float),
)
SPEED_SECONDS = 5.0  # speed is that of the last so many seconds


@dataclass
class Download:
    """One model of the queue, as far as it is."""

    model: str
    place: float
    id: str = field(default_factory=lambda: f"job_{token_hex(8)}")
    state: State = "waiting"
    done_bytes: int = 0
    total_bytes: int | None = None
    error: str = ""
    hint: str = ""
    parts: set[str] = field(default_factory=set)  # the files that it lies in while it is not whole
    created_at: float = field(default_factory=time.time)
    ended_at: float | None = None
    step: str = ""
    cause: DomovError | None = None  # what it failed with, if that was in this process
    begun: asyncio.Event = field(default_factory=asyncio.Event)  # how large it is, or how it ended, is known
    _seen: list[tuple[float, int]] = field(default_factory=list)

    def note(self, progress: Progress) -> None:
        self.step = progress.step
        if progress.total_bytes is None or progress.step == CHECKING:
            return
        self.done_bytes = max(self.done_bytes, progress.done_bytes)
        self.total_bytes = max(self.total_bytes or 0, progress.total_bytes)
        moment = time.monotonic()
        self._seen = [s for s in self._seen if moment - s[0] < SPEED_SECONDS] + [(moment, self.done_bytes)]
        self.begun.set()

    def end(self, state: State, error: DomovError | None = None) -> None:
        self.state, self.cause, self.step, self._seen = state, error, "", []
        self.error, self.hint = (error.message, error.hint) if error else ("", "")
        self.ended_at = time.time() if state in ("done", "failed") else None
        self.begun.set()

    @property
    def bytes_per_second(self) -> float:
        if len(self._seen) < 2:
            return 0.0
        (first, start), (last, end) = self._seen[0], self._seen[-1]
        return (end - start) / (last - first) if last > first else 0.0

    @property
    def seconds_left(self) -> float | None:
        speed = self.bytes_per_second
        return (self.total_bytes - self.done_bytes) / speed if speed and self.total_bytes is not None else None

    def row(self) -> dict[str, Any]:
        """As it is told."""
        keys = ("id", "model", "state", "done_bytes", "total_bytes", "step", "error", "hint", "created_at", "ended_at")
        pace = {"bytes_per_second": self.bytes_per_second, "seconds_left": self.seconds_left}
        return {key: getattr(self, key) for key in keys} | pace

    def kept(self) -> dict[str, Any]:
        """As it stands in the database: one under way waits there, as a restart finds it."""
        table = {column.name: getattr(self, column.name) for column in DOWNLOADS.c}
        state = "waiting" if self.state == "running" else self.state
        return table | {"state": state, "parts": "\n".join(sorted(self.parts))}


def read_all(database: Database) -> list[Download]:
    """Those that were kept."""
    with database.reading() as connection:
        return [_download(row) for row in connection.execute(select(DOWNLOADS)).mappings()]


def write(database: Database, row: dict[str, Any]) -> None:
    with database.transaction() as connection:
        connection.execute(insert(DOWNLOADS).values(row).on_conflict_do_update(set_=row))


def remove(database: Database, id: str) -> None:
    with database.transaction() as connection:
        connection.execute(delete(DOWNLOADS).where(DOWNLOADS.c.id == id))


def _download(row: RowMapping) -> Download:
    table: dict[str, Any] = dict(row)
    return Download(
        **table | {"state": cast(State, row["state"]), "parts": set(filter(None, row["parts"].split("\n")))}
    )


def throw_away(parts: Sequence[str]) -> None:
    """Removes the files of a download, unless somebody else is fetching them."""
    locks = [FileLock(part) for part in parts if part.endswith(".lock")]
    try:
        for lock in locks:
            lock.acquire(timeout=0)
        for part in parts:
            if not part.endswith(".lock"):
                Path(part).unlink(missing_ok=True)
    except (Timeout, OSError):
        return
    finally:
        for lock in locks:
            lock.release()
