"""Carries out POST /api/v1/chat: loads the model, asks it, tells all of it as events, keeps the answer."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any

from fastapi.responses import Response

from domov.access.callers import current
from domov.api.answers import json_response, streaming
from domov.api.lmstudio.answers import Answer, named
from domov.api.lmstudio.describing import described
from domov.api.lmstudio.errors import error_table
from domov.api.lmstudio.loading import make_room_for, watched
from domov.api.lmstudio.request import ChatBody, added, decode
from domov.api.models import installed
from domov.app import App
from domov.chats.answers import KeptAnswer
from domov.engine.protocol import Engine
from domov.errors import BadRequest, DomovError
from domov.store.models import Model
from domov.types import ChatRequest

Table = dict[str, Any]


async def chat(domov: App, body: ChatBody) -> Response:
    """Raises BadRequest, NoSuchModel, NoSuchAnswer before anything is loaded."""
    model = installed(domov, body.model)
    request = await asyncio.to_thread(_understood, domov, body, model)
    if body.context_length is not None:
        await make_room_for(domov, model, body.context_length)
    turn = Turn(domov, model, body, request)
    if body.stream:
        return await streaming(turn.events(), failed=_failed, media_type="text/event-stream")
    return json_response(await turn.whole())


def _understood(domov: App, body: ChatBody, model: Model) -> ChatRequest:
    """The request; where it is to be kept, the place for it is opened before a word is written."""
    kept = domov.answers if body.store or body.previous_response_id else None
    before = (
        kept.conversation(body.previous_response_id, owner=current().owner)
        if kept and body.previous_response_id
        else ()
    )
    request = decode(body, before)
    allowed = described(domov, model).reasoning
    if body.reasoning not in (None, "off", *allowed):
        words = f"reasoning may be {', '.join(allowed)}" if allowed else "it does not reason: leave reasoning out"
        raise BadRequest(f"{model.name} does not support reasoning {body.reasoning}", hint=words)
    return request


def _failed(error: DomovError) -> bytes:
    return named({"type": "error", "error": error_table(error)})


@dataclass
class Turn:
    """One request on its way to its answer."""

    domov: App
    model: Model
    body: ChatBody
    request: ChatRequest
    engine: Engine = field(init=False)
    answer: Answer = field(default_factory=Answer)
    load_seconds: float | None = None  # None: it was loaded already
    reasoning_tokens: int = 0

    async def events(self) -> AsyncGenerator[bytes, None]:
        """All events to `chat.end`, also after an error in the middle."""
        yield named({"type": "chat.start", "model_instance_id": self.model.name})
        kept: Table = {}
        try:
            async with aclosing(self._tables()) as tables:
                async for table in tables:
                    yield named(table)
            kept = await self._keep()
        except DomovError as error:
            for table in (*self.answer.end_of_reading(), *self.answer.close()):
                yield named(table)
            yield _failed(error)
        yield named({"type": "chat.end", "result": self._result() | kept})

    async def whole(self) -> Table:
        async with aclosing(self._tables()) as tables:
            async for _ in tables:
                pass
        return self._result() | await self._keep()

    def _result(self) -> Table:
        return self.answer.result(
            model=self.model.name, load_seconds=self.load_seconds, reasoning_tokens=self.reasoning_tokens
        )

    async def _tables(self) -> AsyncGenerator[Table, None]:
        async with AsyncExitStack() as stack:
            loading = stack.enter_async_context(self.domov.scheduler.use(self.model))
            async with aclosing(self._load(loading)) as steps:  # type: ignore[type-var]
                async for step in steps:
                    yield step
            start = time.monotonic()
            yield self.answer.begin()
            async with aclosing(self.engine.stream(self.request)) as events:  # type: ignore[type-var]
                async for event in events:
                    for table in self.answer.tables(event):
                        if self.answer.output and self.answer.first_seconds is None:
                            self.answer.first_seconds = time.monotonic() - start
                        yield table
            if thoughts := self.answer.text_of("reasoning"):
                engine = self.domov.scheduler.engine_for(self.model)
                self.reasoning_tokens = len(await engine.tokenize(thoughts))

    async def _load(self, loading: Awaitable[Engine]) -> AsyncIterator[Table]:
        """Waits until the model is loaded, and tells how far it is where it was not."""
        row, start = self.domov.scheduler.row(self.model), time.monotonic()
        if row is not None and row.state != "loading":
            self.engine = await loading
            return
        told: Table = {"model_instance_id": self.model.name}
        task = asyncio.ensure_future(loading)
        try:
            yield {"type": "model_load.start", **told}
            async for share in watched(self.domov, self.model, task):
                yield {"type": "model_load.progress", **told, "progress": share}
            self.engine = await task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        self.load_seconds = time.monotonic() - start
        yield {"type": "model_load.progress", **told, "progress": 1.0}
        yield {"type": "model_load.end", **told, "load_time_seconds": self.load_seconds}

    async def _keep(self) -> Table:
        """Keeps the answer where that is wanted, and tells its id."""
        if not self.body.store:
            return {}
        kept = KeptAnswer(
            id=f"resp_{token_hex(24)}",
            previous=self.body.previous_response_id,
            model=self.model.name,
            created_at=time.time(),
            messages=(*added(self.body), self.answer.message()),
            body=self._result(),
            owner=current().owner,
        )
        await asyncio.to_thread(self.domov.answers.put, kept)
        return {"response_id": kept.id}
