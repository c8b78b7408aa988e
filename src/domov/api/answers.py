"""How answers of every dialect go out: one as JSON, or a stream whose errors still have their own status at first."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import orjson
from fastapi.responses import Response, StreamingResponse

from domov.errors import DomovError
from domov.types import Done, Event, ReasoningDelta, TextDelta, Token, ToolCall, ToolCallDelta, Usage


def json_response(body: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(body), status, media_type="application/json")


async def streaming(
    chunks: AsyncGenerator[bytes, None], *, failed: Callable[[DomovError], bytes], media_type: str
) -> Response:
    """The first chunk is awaited before the status is sent, so that an error still has its own.

    The rest is made at the model's pace, whoever reads it: a reader that is slow costs memory, but no slot. What has
    been made when it comes to be sent goes out in one piece: each costs the way through the server, and a wake-up.

    failed  the bytes that tell an error once the status has gone out
    """
    first = await anext(chunks)
    return StreamingResponse(_content(first, chunks, failed), media_type=media_type)


async def _content(
    first: bytes, chunks: AsyncGenerator[bytes, None], failed: Callable[[DomovError], bytes]
) -> AsyncIterator[bytes]:
    made, more = [first], asyncio.Event()

    async def make() -> None:
        try:
            async with aclosing(chunks):
                async for chunk in chunks:
                    made.append(chunk)
                    more.set()
        except DomovError as error:
            made.append(failed(error))
        finally:
            more.set()

    making = asyncio.ensure_future(make())
    try:
        while made or not making.done():
            if made:
                content = b"".join(made)
                made.clear()
                yield content
            else:
                more.clear()
                await more.wait()
        await making  # raises what went wrong
    finally:
        making.cancel()
        await asyncio.gather(making, return_exceptions=True)


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
