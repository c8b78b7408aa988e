"""OpenAI's batches: many requests in a file, answered while nothing else is asked.

Source: OpenAI's API reference and guide, batches.
"""

import asyncio
import re
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import BaseModel, Field

from domov.access.callers import current
from domov.api.answers import json_response
from domov.api.openai.files import checked_expiry
from domov.api.openai.inside import ROUTES, answered
from domov.api.openai.paging import Page
from domov.api.openai.responses.body import ID
from domov.app import App
from domov.batches.jobs import About, Batch, Counts
from domov.batches.running import Runner
from domov.errors import BadRequest, DomovError

MOST_ROWS = 100
MOST_HOURS = 30 * 24
TOLD = ("in_progress", "finalizing", "completed", "failed", "expired", "cancelling", "cancelled")
_WINDOW = re.compile(r"([1-9]\d{0,3})([hd])")


class OutputExpiry(BaseModel):
    anchor: Literal["created_at"]
    seconds: int


class BatchBody(BaseModel):
    input_file_id: Annotated[str, Field(pattern=ID)]
    endpoint: Annotated[str, Field(max_length=200)]
    completion_window: Annotated[str, Field(max_length=10)]
    metadata: Annotated[dict[str, str], Field(max_length=16)] | None = None
    output_expires_after: OutputExpiry | None = None


class Batches:
    """The batches of one server: carried out while it runs, one after the other."""

    def __init__(self, domov: App) -> None:
        self._domov, self._changed = domov, asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Batches are carried out for as long as the block lasts."""
        task = asyncio.ensure_future(self._run())
        task.add_done_callback(_tell_failure)
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def wake(self) -> None:
        """Tells that there is a batch more, or one that is cancelled."""
        self._changed.set()

    async def _run(self) -> None:
        """A database that is not there yet is not opened before it has a batch in it."""
        while not self._domov.config.database.exists():
            await self._changed.wait()
        while True:
            try:
                jobs, files = await asyncio.to_thread(lambda: (self._domov.jobs, self._domov.files))
                lock = self._domov.config.home / "batches.lock"
                await Runner(jobs, files, partial(answered, self._domov), lock, changed=self._changed).run()
            except DomovError:  # the database can't be opened: whoever asks for a batch is told so
                self._changed.clear()
                await self._changed.wait()


def _tell_failure(task: "asyncio.Task[None]") -> None:
    """A fault of Domov's own is not swallowed: its traceback goes to standard error."""
    if not task.cancelled() and (error := task.exception()):
        told = {"message": "batches are not carried out any more", "exception": error, "task": task}
        task.get_loop().call_exception_handler(told)


def router(domov: App, batches: Batches) -> APIRouter:
    routes = APIRouter()

    @routes.post("/v1/batches")
    async def create(body: BatchBody) -> Response:
        """Begins a batch, whose requests are in a file that was sent."""
        batch = await asyncio.to_thread(_create, domov, body)
        batches.wake()
        return json_response(_table(batch, Counts(0, 0)))

    @routes.get("/v1/batches")
    async def batches_here(
        limit: Annotated[int, Query(ge=1, le=MOST_ROWS)] = 20,
        after: Annotated[str | None, Query(max_length=200)] = None,
    ) -> Response:
        """The batches, the newest first."""

        def page() -> dict[str, Any]:
            rows = [{"id": batch.id, "batch": batch} for batch in domov.jobs.all(owner=current().owner)]
            told = Page(limit, after=after).of(rows)
            shown = [row["batch"] for row in told["data"]]
            return told | {"data": [_table(batch, domov.jobs.counts(batch)) for batch in shown]}

        return json_response(await asyncio.to_thread(page))

    @routes.get("/v1/batches/{id}")
    async def retrieve(id: str) -> Response:
        """How far a batch is, and where its answers are."""
        return json_response(await asyncio.to_thread(_retrieve, domov, id))

    @routes.post("/v1/batches/{id}/cancel")
    async def cancel(id: str) -> Response:
        """Ends a batch; the answers that it has are kept."""
        table = await asyncio.to_thread(_cancel, domov, id)
        batches.wake()
        return json_response(table)

    return routes


def _create(domov: App, body: BatchBody) -> Batch:
    if body.endpoint not in ROUTES:
        raise BadRequest(f"no batches of {body.endpoint[:80]}", hint=f"endpoint is one of {', '.join(ROUTES)}")
    try:
        orjson.dumps(body.metadata)
    except TypeError as error:
        raise BadRequest(f"metadata can't be told again: {error}") from error
    file = domov.files.get(body.input_file_id, owner=current().owner)
    if file.purpose != "batch":
        raise BadRequest(f"{file.id} was sent for {file.purpose}", hint="send it with the purpose batch")
    now = time.time()
    expiry = body.output_expires_after
    about = About(
        endpoint=body.endpoint,
        window=body.completion_window,
        expires_at=now + _window_seconds(body.completion_window),
        metadata=body.metadata or {},
        key=current().account_key,
        output_seconds=None if expiry is None else checked_expiry(expiry.seconds),
    )
    return domov.jobs.create(Batch(f"batch_{uuid.uuid4().hex}", now, "validating", file.id, about, owner=file.owner))


def _window_seconds(text: str) -> int:
    found = _WINDOW.fullmatch(text)
    hours = int(found[1]) * {"h": 1, "d": 24}[found[2]] if found else 0
    if not 1 <= hours <= MOST_HOURS:
        raise BadRequest(
            f"completion_window can't be {text[:20]}", hint='it takes "24h", other hours, or days to "30d"'
        )
    return hours * 3600


def _retrieve(domov: App, id: str) -> dict[str, Any]:
    batch = domov.jobs.get(id, owner=current().owner)
    return _table(batch, domov.jobs.counts(batch))


def _cancel(domov: App, id: str) -> dict[str, Any]:
    batch = domov.jobs.get(id, owner=current().owner)
    if batch.status != "cancelling" and not domov.jobs.move(id, "cancelling", of=("validating", "in_progress")):
        raise BadRequest(f"{id} is {domov.jobs.get(id, owner=current().owner).status}: there is nothing to cancel")
    return _retrieve(domov, id)


def _table(batch: Batch, counts: Counts) -> dict[str, Any]:
    about = batch.about
    problems = {"object": "list", "data": about.problems} if about.problems else None
    return {
        "id": batch.id,
        "object": "batch",
        "endpoint": about.endpoint,
        "errors": problems,
        "input_file_id": batch.input_file,
        "completion_window": about.window,
        "status": batch.status,
        "output_file_id": about.output_file,
        "error_file_id": about.error_file,
        "created_at": int(batch.created_at),
        "expires_at": int(about.expires_at),
        **{f"{status}_at": _whole(about.times.get(status)) for status in TOLD},
        "request_counts": {"total": about.total, "completed": counts.completed, "failed": counts.failed},
        "usage": _usage(about.used) if about.used else None,
        "metadata": about.metadata,
    }


def _whole(seconds: float | None) -> int | None:
    return None if seconds is None else int(seconds)


def _usage(used: dict[str, int]) -> dict[str, Any]:
    return {
        "input_tokens": used["prompt_tokens"],
        "input_tokens_details": {"cached_tokens": used["cached_tokens"]},
        "output_tokens": used["answer_tokens"],
        "output_tokens_details": {"reasoning_tokens": used["thought_tokens"]},
        "total_tokens": used["prompt_tokens"] + used["answer_tokens"],
    }
