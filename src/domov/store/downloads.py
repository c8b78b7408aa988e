"""Models that are to be fetched, one after the other: a queue that a restart does not lose.

    waiting -> running -> done
                 |-> failed, paused -> waiting, when somebody wants it again

Whatever happens, what was fetched of a model stays until it is whole or the download is cancelled.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from domov.database import Database
from domov.errors import BadRequest, DomovError, NoSuchDownload, Offline
from domov.store import queued
from domov.store.download import Progress
from domov.store.pull import Puller
from domov.store.queued import UNFINISHED, Download

MOST_ENDED = 50  # that are remembered
KEEP_SECONDS = 5.0  # how often the bytes of one under way are kept
TELL_SECONDS = 0.25  # how often somebody who watches is told at most


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
        async with self._keeping:
            if self._loaded:
                return
            for one in await asyncio.to_thread(lambda: queued.read_all(self._database())):
                self._all[one.id] = one
            self._loaded = True
        self._work_on()

    async def close(self) -> None:
        """Stops; the next `begin` goes on from there."""
        for task in (self._working, self._pulling):
            if task:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        for one in self._all.values():
            if one.state == "running":
                with contextlib.suppress(DomovError):  # then it goes on from what was kept last
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
        try:
            await self._keep(one)
        except DomovError:  # a full disk: then it is not in the queue
            del self._all[one.id]
            raise
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
            await asyncio.to_thread(queued.throw_away, sorted(one.parts))
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
        try:
            await asyncio.wait([pulling])
        finally:
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
            row = one.kept()
            await _whole(lambda: queued.write(self._database(), row))

    async def _remove(self, one: Download) -> None:
        self._all.pop(one.id, None)
        self._tell()
        async with self._keeping:
            await _whole(lambda: queued.remove(self._database(), one.id))

    async def _forget_the_oldest(self) -> None:
        ended = sorted((x for x in self._all.values() if x.ended_at), key=lambda x: x.ended_at or 0)
        for one in ended[: max(0, len(ended) - MOST_ENDED + 1)]:
            await self._remove(one)


async def _whole(write: Callable[[], None]) -> None:
    """Writes in a thread, and ends when the write has, also for who is cancelled: no thread can be stopped."""
    writing = asyncio.ensure_future(asyncio.to_thread(write))
    try:
        await asyncio.shield(writing)
    finally:
        await asyncio.wait([writing])


def _told(error: BaseException) -> DomovError:
    return error if isinstance(error, DomovError) else DomovError(f"Domov failed: {type(error).__name__}")
