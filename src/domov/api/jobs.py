"""Domov's own routes for long work: order it, watch it, pause it, end it. A key sees its own jobs, an admin's all."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import asdict
from typing import Annotated, Any

import orjson
from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from domov.access.callers import current, tell
from domov.api.answers import streaming
from domov.api.errors import sentence
from domov.api.models import no_path
from domov.app import App
from domov.errors import DomovError
from domov.jobs.house import ordering_of, queue_of, runner_of
from domov.jobs.queue import Job
from domov.jobs.table import KINDS, work_of
from domov.jobs.watching import table, watch, watch_all
from domov.jobs.work import Work, check_names

EVENTS = "text/event-stream"


class JobBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    kind: Annotated[str, Field(max_length=60)]
    parameters: dict[str, Any] = {}
    agreed: bool = False


class Jobs:
    """The jobs of one server: carried out while it runs."""

    def __init__(self, domov: App) -> None:
        self._domov, self._changed = domov, asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Jobs are carried out for as long as the block lasts."""
        task = asyncio.ensure_future(self._run())
        task.add_done_callback(_tell_failure)
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def wake(self) -> None:
        """Tells that something else is wanted of a job."""
        self._changed.set()

    async def _run(self) -> None:
        """A database that is not there yet is not opened before it has a job in it."""
        while not self._domov.config.database.exists():
            await self._changed.wait()
        while True:
            try:
                await asyncio.to_thread(lambda: self._domov.database)
                await runner_of(self._domov, self._changed).run()
            except DomovError:  # the database can't be opened: whoever asks for a job is told so
                self._changed.clear()
                await self._changed.wait()


def _tell_failure(task: "asyncio.Task[None]") -> None:
    """A fault of Domov's own is not swallowed: its traceback goes to standard error."""
    if not task.cancelled() and (error := task.exception()):
        told = {"message": "jobs are not carried out any more", "exception": error, "task": task}
        task.get_loop().call_exception_handler(told)


def router(domov: App, jobs: Jobs) -> APIRouter:
    routes = APIRouter(prefix="/api/domov/jobs", tags=["Domov"])
    _add_orders(routes, domov, jobs)
    _add_wishes(routes, domov, jobs)

    @routes.get("")
    async def all_jobs() -> dict[str, Any]:
        """The jobs, the newest first, without their logs and curves."""
        found = await asyncio.to_thread(queue_of(domov).all, owner=_owner())
        return {"jobs": [table(job, whole=False) for job in found]}

    @routes.get("/events")
    async def all_events() -> Response:
        """All jobs whenever one has changed, as server-sent events `jobs`."""
        return await streaming(_list_events(domov, _owner()), failed=_failed, media_type=EVENTS)

    @routes.get("/{id}")
    async def one(id: int) -> dict[str, Any]:
        """A job with its log, its curves and what it found."""
        return table(await asyncio.to_thread(queue_of(domov).get, id, owner=_owner()))

    @routes.get("/{id}/events")
    async def events(id: int) -> Response:
        """A job whenever it has changed, as server-sent events `job`, and at its end one `done`."""
        return await streaming(_events(domov, id, _owner()), failed=_failed, media_type=EVENTS)

    return routes


def _add_orders(routes: APIRouter, domov: App, jobs: Jobs) -> None:
    @routes.get("/kinds")
    async def kinds() -> dict[str, Any]:
        """What kinds of jobs there are, and what each is told, as JSON schemas."""
        return {"kinds": [_kind(kind) for kind in KINDS.values()]}

    @routes.post("")
    async def order(body: JobBody) -> dict[str, Any]:
        """Puts work into the queue. What must be agreed to first is a 400 with its words, unless `agreed` is true."""
        work, by = _work(domov, body), current()
        placing = await asyncio.to_thread(ordering_of, domov)
        job = await asyncio.to_thread(placing.place_order, work, owner=by.owner, key=by.account_key, agreed=body.agreed)
        tell(job=str(job.id), kind=job.kind, title=job.title)
        jobs.wake()
        return table(job)

    @routes.post("/forecast")
    async def forecast(body: JobBody) -> dict[str, Any]:
        """What work would take, what it would wait for, and what should be agreed to; nothing is done."""
        work = _work(domov, body)
        placing = await asyncio.to_thread(ordering_of, domov)
        return {"title": work.title(), **asdict(await asyncio.to_thread(placing.forecast, work))}


def _add_wishes(routes: APIRouter, domov: App, jobs: Jobs) -> None:
    @routes.post("/{id}/pause")
    async def pause(id: int) -> dict[str, Any]:
        """Holds a job; the next one may begin meanwhile."""
        return await wish("pause", id)

    @routes.post("/{id}/resume")
    async def resume(id: int) -> dict[str, Any]:
        """Has a paused job go on, or one that failed or was cancelled tried again."""
        return await wish("resume", id)

    @routes.post("/{id}/cancel")
    async def cancel(id: int) -> dict[str, Any]:
        """Ends a job and removes what it has made so far."""
        return await wish("cancel", id)

    @routes.delete("/{id}")
    async def remove(id: int) -> dict[str, Any]:
        """Forgets a job that has ended; the model that it made stays."""
        return await wish("remove", id)

    async def wish(verb: str, id: int) -> dict[str, Any]:
        job: Job = await asyncio.to_thread(getattr(queue_of(domov), verb), id, owner=_owner())
        tell(job=str(id), title=job.title)
        jobs.wake()
        return table(job)


def _owner() -> str | None:
    """Whose jobs the caller sees."""
    caller = current()
    return None if caller.grant.covers("admin") else caller.owner


def _work(domov: App, body: JobBody) -> Work:
    """What is ordered. Raises BadRequest, and NotPermitted for a model that the caller's key does not give."""
    work = work_of(body.kind, body.parameters)
    for name in work.names():
        no_path(name)
    check_names(work, current(), domov.models)
    return work


def _kind(kind: type[Work]) -> dict[str, Any]:
    more = {"lane": kind.lane, "pausing": kind.pausing, "again": kind.again}
    return {"kind": kind.kind, "words": kind.words, **more, "parameters": kind.model_json_schema()}


async def _events(domov: App, id: int, owner: str | None) -> AsyncGenerator[bytes, None]:
    async with aclosing(watch(queue_of(domov), id, owner=owner)) as jobs:
        async for job in jobs:
            yield _event("done" if job.finished else "job", table(job))


async def _list_events(domov: App, owner: str | None) -> AsyncGenerator[bytes, None]:
    async with aclosing(watch_all(queue_of(domov), owner=owner)) as lists:
        async for jobs in lists:
            yield _event("jobs", {"jobs": [table(job, whole=False) for job in jobs]})


def _event(name: str, content: dict[str, Any]) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name.encode(), orjson.dumps(content))


def _failed(error: DomovError) -> bytes:
    return _event("error", {"error": {"message": sentence(error)}})
