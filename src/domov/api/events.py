"""Server-sent events of what goes on for long, each with JSON as its data; a comment where there is nothing to tell."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from typing import Any, TypeVar

import orjson

from domov.api.errors import sentence
from domov.errors import DomovError

SSE = "text/event-stream"
PULSE_SECONDS = 15.0  # shorter than what proxies wait for
T = TypeVar("T")


def event(table: Any, *, kind: str = "") -> bytes:
    head = f"event: {kind}\n".encode() if kind else b""
    return head + b"data: " + orjson.dumps(table) + b"\n\n"


def failure(error: DomovError) -> bytes:
    return event({"error": {"message": sentence(error)}}, kind="error")


async def with_pulse(source: AsyncIterator[T], *, seconds: float = PULSE_SECONDS) -> AsyncGenerator[T | None, None]:
    """What the source gives, and None whenever it has given nothing for so long: a client that is gone is seen then."""
    following: asyncio.Future[T] | None = None
    try:
        while True:
            following = following or asyncio.ensure_future(anext(source))
            done, _ = await asyncio.wait([following], timeout=seconds)
            if not done:
                yield None
                continue
            try:
                piece = following.result()
            except StopAsyncIteration:
                return
            following = None
            yield piece
    finally:
        if following:
            following.cancel()
            with suppress(asyncio.CancelledError, StopAsyncIteration):
                await following
