"""How every dialect sends an answer: whole as JSON, or event by event; an early error still has its own status."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from typing import Any

import orjson
from fastapi.responses import Response, StreamingResponse

from domov.engine.protocol import Engine
from domov.errors import DomovError
from domov.types import ChatRequest, CompletionRequest, Event

Asked = ChatRequest | CompletionRequest


def json_response(body: Any) -> Response:
    return Response(orjson.dumps(body), media_type="application/json")


async def all_events(engine: Engine, requests: Sequence[Asked]) -> AsyncIterator[tuple[int, Event]]:
    """The events of one answer after the other, each with the number of its request."""
    for number, request in enumerate(requests):
        async with aclosing(engine.stream(request)) as events:  # type: ignore[type-var]
            async for event in events:
                yield number, event


async def streamed(
    events: AsyncIterator[tuple[int, Event]],
    encode: Callable[[int, Event], bytes],
    *,
    last: Callable[[], bytes] = lambda: b"",
    failed: Callable[[DomovError], bytes],
    media_type: str = "text/event-stream",
) -> StreamingResponse:
    """The first event is awaited before the status is sent, so that an error still has its own.

    encode  the bytes of an event
    last    the bytes that follow them all
    failed  the bytes of an error after the status has gone out: the stream itself must say it
    """
    first = await anext(aiter(events))

    async def content() -> AsyncIterator[bytes]:
        async with aclosing(events):  # type: ignore[type-var]
            yield encode(*first)
            try:
                async for number, event in events:
                    yield encode(number, event)
            except DomovError as error:
                yield failed(error)
            else:
                yield last()

    return StreamingResponse(content(), media_type=media_type)
