"""How answers are streamed, by an engine without a model: whoever reads slowly, leaves, or finds an error."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import pytest
from fastapi.responses import Response

from domov.api.answers import streaming
from domov.api.openai.answers import all_events, sse
from domov.engine.fake import FakeEngine
from domov.errors import Offline
from domov.types import ChatRequest, Message

WORDS = 40
STORY = ChatRequest("m", (Message("user", "word " * WORDS),))
SCOPE = {"type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}}


class Reader:
    """A client: reads as much as it likes, or hangs up. sent: what has reached it."""

    def __init__(self) -> None:
        self.reads, self.gone, self.sent = asyncio.Event(), asyncio.Event(), b""

    async def receive(self) -> dict[str, Any]:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.sent += message.get("body", b"")
        if self.sent:
            await self.reads.wait()


async def told(engine: FakeEngine) -> AsyncGenerator[bytes, None]:
    async with aclosing(all_events(engine, [STORY])) as events:  # type: ignore[type-var]
        async for _, event in events:
            yield sse(str(event))


async def respond(chunks: AsyncGenerator[bytes, None]) -> Response:
    return await streaming(chunks, failed=lambda error: error.message.encode(), media_type="text/event-stream")


async def until_idle(engine: FakeEngine) -> None:
    async with asyncio.timeout(10):
        while engine.running:
            await asyncio.sleep(0.001)


async def test_a_reader_that_reads_nothing_holds_no_slot_once_the_answer_is_made() -> None:
    engine, reader = FakeEngine(seconds_per_token=0.001), Reader()
    response = await respond(told(engine))
    sending = asyncio.ensure_future(response(dict(SCOPE), reader.receive, reader.send))
    await until_idle(engine)
    assert not sending.done() and reader.sent.count(b"word") < WORDS
    reader.reads.set()
    await sending
    assert reader.sent.count(b"word") == WORDS


async def test_a_reader_that_hangs_up_ends_the_answer_at_once() -> None:
    engine, reader = FakeEngine(), Reader()
    response = await respond(_then_for_ever(told(engine)))
    sending = asyncio.ensure_future(response(dict(SCOPE), reader.receive, reader.send))
    await asyncio.sleep(0)
    assert engine.running == 1
    reader.gone.set()
    await sending
    assert engine.running == 0


async def _then_for_ever(chunks: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(chunks):
        yield await anext(chunks)
        await asyncio.Event().wait()


async def test_an_answer_that_nobody_came_for_is_not_made() -> None:
    engine, reader = FakeEngine(), Reader()
    response = await respond(_then_for_ever(told(engine)))
    reader.gone.set()
    sending = asyncio.ensure_future(response(dict(SCOPE), reader.receive, reader.send))
    await sending
    assert engine.running == 0


async def failing(*chunks: bytes) -> AsyncGenerator[bytes, None]:
    for chunk in chunks:
        yield chunk
    raise Offline("no")


async def test_an_error_before_the_first_chunk_keeps_its_status() -> None:
    with pytest.raises(Offline):
        await respond(failing(b""))


async def test_an_error_after_it_is_told_behind_what_was_made() -> None:
    reader = Reader()
    reader.reads.set()
    response = await respond(failing(b"one ", b"two "))
    await response(dict(SCOPE), reader.receive, reader.send)
    assert reader.sent == b"one two no"
