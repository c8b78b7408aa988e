"""How answers of every dialect go out: one as JSON, or a stream whose errors still have their own status at first."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import orjson
from fastapi.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from domov.errors import DomovError
from domov.types import Done, Event, ReasoningDelta, TextDelta, Token, ToolCall, ToolCallDelta, Usage


def json_response(body: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(body), status, media_type="application/json")


async def streaming(
    chunks: AsyncGenerator[bytes, None], *, failed: Callable[[DomovError], bytes], media_type: str
) -> Response:
    """The first chunk is awaited before the status is sent, so that an error still has its own.

    The chunks are made at the model's pace, whoever reads them: a reader that is slow costs memory, but no slot.

    failed  the bytes that tell an error once the status has gone out
    """
    made = _Made(chunks)
    try:
        return _Streamed(await made.take(), made, failed=failed, media_type=media_type)
    except BaseException:
        await made.stop()
        raise


class _Made:
    """What has been made of an answer and nobody has taken yet."""

    def __init__(self, chunks: AsyncGenerator[bytes, None]) -> None:
        self._ready, self._waiting = asyncio.Event(), list[bytes]()
        self._making = asyncio.ensure_future(self._make(chunks))

    async def _make(self, chunks: AsyncGenerator[bytes, None]) -> None:
        try:
            async with aclosing(chunks):
                async for chunk in chunks:
                    if chunk:
                        self._waiting.append(chunk)
                        self._ready.set()
        finally:
            self._ready.set()

    async def take(self) -> bytes:
        """All that there is, as soon as there is something; nothing is the end. Raises what went wrong, last of all."""
        while not (self._waiting or self._making.done()):
            await self._ready.wait()
            self._ready.clear()
        taken, self._waiting = self._waiting, []
        if not taken:
            await self._making
        return b"".join(taken)

    async def stop(self) -> None:
        self._making.cancel()
        await asyncio.gather(self._making, return_exceptions=True)


class _Streamed(StreamingResponse):
    """Ends the making with the response, also where the client left before a byte of it was read."""

    def __init__(self, first: bytes, made: _Made, *, failed: Callable[[DomovError], bytes], media_type: str) -> None:
        super().__init__(self._content(first, made, failed), media_type=media_type)
        self._made = made

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._made.stop()

    @staticmethod
    async def _content(first: bytes, made: _Made, failed: Callable[[DomovError], bytes]) -> AsyncIterator[bytes]:
        yield first
        try:
            while chunk := await made.take():
                yield chunk
        except DomovError as error:
            yield failed(error)


@dataclass
class Collected:
    """One whole answer."""

    text: str = ""
    reasoning: str = ""
    tokens: list[Token] = field(default_factory=list)
    calls: dict[int, ToolCall] = field(default_factory=dict)
    done: Done = Done("stop", Usage(0, 0))

    def add(self, event: Event) -> None:
        if isinstance(event, TextDelta):
            self.text += event.text
            self.tokens += event.tokens
        elif isinstance(event, ReasoningDelta):
            self.reasoning += event.text
        elif isinstance(event, ToolCallDelta):
            call = self.calls.get(event.index, ToolCall("", "", ""))
            arguments = call.arguments + event.arguments
            self.calls[event.index] = ToolCall(event.id or call.id, event.name or call.name, arguments)
        elif isinstance(event, Done):
            self.done = event
