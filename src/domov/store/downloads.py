"""Models that are to be fetched, one after the other: a queue that a restart does not lose.

    waiting -> running -> done
                 |-> failed, paused -> waiting, when somebody wants it again

Whatever happens, what was fetched of a model stays until it is whole or the download is cancelled.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from typing import Any, Literal, cast

from filelock import FileLock, Timeout
from sqlalchemy import BigInteger, Column, Float, RowMapping, Table, Text, delete, select
from sqlalchemy.dialects.sqlite import insert

from domov.database import METADATA, Database
from domov.errors import BadRequest, DomovError, NoSuchDownload, Offline
from domov.store.download import CHECKING, Progress
from domov.store.pull import Puller

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
MOST_ENDED = 50  # that are remembered
SPEED_SECONDS = 5.0  # speed is that of the last so many seconds
KEEP_SECONDS = 5.0  # how often the bytes of one under way are kept
TELL_SECONDS = 0.25  # how often somebody who watches is told at most


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


class Downloads:
    """The queue of one server. Its methods are for the event loop that it was begun in."""

    def __init__(
        self, database: Callable[[], Database], puller: Callable[[], AbstractAsyncContextManager[Puller]]
    ) -> None:
        """database  opened when there is something to keep, not before"""
        self._database, self._puller = database, puller
        self._all: dict[str, Download] = {}
        self._loaded = False
        self._pulling: asyncio.Task[Any] | None = None
        self._working: asyncio.Task[None] | None = None
        self._keeping = asyncio.Lock()
        self._changes = 0
        self._changed = asyncio.Event()

    async def begin(self) -> None:
        """Takes up what was left of the queue, and goes on with it."""
        if not self._loaded:
            self._loaded = True
            for one in await asyncio.to_thread(self._read):
                self._all[one.id] = one
            self._work_on()

    async def close(self) -> None:
        """Stops; the next `begin` goes on from there."""
        for task in (self._working, self._pulling):
            if task:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        for one in self._all.values():
            if one.state == "running":
                await self._keep(one)

    def rows(self) -> list[dict[str, Any]]:
        """Those under way and waiting first, in their order; then what has ended, the newest first."""
        queue = sorted((x for x in self._all.values() if x.state in UNFINISHED), key=lambda x: x.place)
        ended = sorted((x for x in self._all.values() if x.ended_at), key=lambda x: -(x.ended_at or 0))
        return [one.row() for one in (*queue, *ended)]

    async def get(self, id: str) -> Download:
        """Raises NoSuchDownload."""
        await self.begin()
        if id not in self._all:
            raise NoSuchDownload(f"no such download: {id[:60]}")
        return self._all[id]

    async def add(self, model: str) -> Download:
        """Wants a model. One that is wanted already is the same download; one that failed is tried again."""
        await self.begin()
        same = [x for x in self._all.values() if x.model == model]
        for one in same:
            if one.state in ("waiting", "running"):
                return one
            if one.state in ("paused", "failed"):
                return await self.resume(one)
            await self._remove(one)
        await self._forget_the_oldest()
        one = Download(model, place=max((x.place for x in self._all.values()), default=0.0) + 1)
        self._all[one.id] = one
        await self._keep(one)
        self._work_on()
        return one

    async def pause(self, one: Download) -> Download:
        """Raises BadRequest for one that has ended."""
        if one.state not in UNFINISHED:
            raise BadRequest(f"{one.model} is {one.state}: there is nothing to pause")
        runs, one.state = one.state == "running", "paused"
        one.end("paused")
        if runs:
            await self._stop()
        await self._keep(one)
        return one

    async def resume(self, one: Download) -> Download:
        """Wants one again that was paused, or has failed."""
        if one.state in ("paused", "failed"):
            one.end("waiting")
            one.begun = asyncio.Event()
            await self._keep(one)
            self._work_on()
        return one

    async def cancel(self, one: Download) -> None:
        """Takes it off the list; what was fetched of a model that is not whole is thrown away."""
        runs, one.state = one.state == "running", "paused" if one.state != "done" else "done"
        if runs:
            await self._stop()
        if one.state != "done":
            await asyncio.to_thread(_throw_away, sorted(one.parts))
        await self._remove(one)

    async def move(self, one: Download, *, before: Download | None) -> None:
        """Has one fetched before another, or after all."""
        places = sorted(x.place for x in self._all.values() if x is not one)
        if before is None:
            one.place = (places[-1] if places else 0.0) + 1
        else:
            lower = [place for place in places if place < before.place]
            one.place = (lower[-1] + before.place) / 2 if lower else before.place - 1
        await self._keep(one)

    async def watch(self) -> AsyncIterator[list[dict[str, Any]]]:
        """The whole list, now and whenever it has changed."""
        await self.begin()
        while True:
            seen = self._changes
            yield self.rows()
            await asyncio.sleep(TELL_SECONDS)
            while seen == self._changes:
                self._changed.clear()
                await self._changed.wait()

    def _work_on(self) -> None:
        self._tell()
        if self._working is None or self._working.done():
            self._working = asyncio.ensure_future(self._work())

    async def _work(self) -> None:
        while True:
            waiting = [x for x in self._all.values() if x.state == "waiting"]
            if not waiting:
                return
            await self._fetch(min(waiting, key=lambda x: x.place))

    async def _fetch(self, one: Download) -> None:
        one.state = "running"
        self._pulling = pulling = asyncio.ensure_future(self._pull(one))
        keeping = asyncio.ensure_future(self._keep_now_and_then(one))
        await asyncio.wait([pulling])
        keeping.cancel()
        if one.state == "running":
            error = None if pulling.cancelled() else pulling.exception()
            if isinstance(error, Offline):
                one.end("paused", error)  # it is as whole as it was, and somebody may allow it again
            elif error is not None:
                one.end("failed", _told(error))
            elif not pulling.cancelled():
                one.done_bytes = one.total_bytes = pulling.result()
                one.end("done")
            with contextlib.suppress(DomovError):
                await self._keep(one)

    async def _pull(self, one: Download) -> int:
        loop = asyncio.get_running_loop()

        def note(progress: Progress) -> None:
            loop.call_soon_threadsafe(self._note, one, progress)

        async with self._puller() as puller:
            puller.parts = one.parts
            return (await puller.pull(one.model, on_progress=note)).manifest.size_bytes

    def _note(self, one: Download, progress: Progress) -> None:
        if one.state == "running":
            one.note(progress)
            self._tell()

    async def _stop(self) -> None:
        if self._pulling:
            self._pulling.cancel()
            await asyncio.wait([self._pulling])

    def _tell(self) -> None:
        self._changes += 1
        self._changed.set()

    async def _keep_now_and_then(self, one: Download) -> None:
        while True:
            await asyncio.sleep(KEEP_SECONDS)
            with contextlib.suppress(DomovError):  # a busy database is no reason to stop
                await self._keep(one)

    async def _keep(self, one: Download) -> None:
        self._tell()
        async with self._keeping:
            await asyncio.to_thread(self._write, one.kept())

    def _write(self, row: dict[str, Any]) -> None:
        with self._database().transaction() as connection:
            connection.execute(insert(DOWNLOADS).values(row).on_conflict_do_update(set_=row))

    async def _remove(self, one: Download) -> None:
        self._all.pop(one.id, None)
        self._tell()
        async with self._keeping:
            await asyncio.to_thread(self._delete, [one.id])

    async def _forget_the_oldest(self) -> None:
        ended = sorted((x for x in self._all.values() if x.ended_at), key=lambda x: x.ended_at or 0)
        for one in ended[: max(0, len(ended) - MOST_ENDED + 1)]:
            await self._remove(one)

    def _delete(self, ids: Sequence[str]) -> None:
        with self._database().transaction() as connection:
            connection.execute(delete(DOWNLOADS).where(DOWNLOADS.c.id.in_(ids)))

    def _read(self) -> list[Download]:
        with self._database().reading() as connection:
            return [_download(row) for row in connection.execute(select(DOWNLOADS)).mappings()]


def _download(row: RowMapping) -> Download:
    table: dict[str, Any] = dict(row)
    return Download(
        **table | {"state": cast(State, row["state"]), "parts": set(filter(None, row["parts"].split("\n")))}
    )


def _told(error: BaseException) -> DomovError:
    return error if isinstance(error, DomovError) else DomovError(f"Domov failed: {type(error).__name__}")


def _throw_away(parts: Sequence[str]) -> None:
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
