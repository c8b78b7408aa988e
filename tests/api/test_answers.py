"""How answers of every dialect are streamed: at the model's pace, and each wake-up once."""

import asyncio
from collections.abc import AsyncGenerator

import pytest
from fastapi.responses import StreamingResponse

from domov.api.answers import streaming
from domov.errors import Busy, DomovError


class Chunks:
    """Four chunks, the last two in one step. Knows how far it is, and whether it was closed."""

    def __init__(self, error: Exception | None = None) -> None:
        self.made, self.closed, self.error = 0, False, error

    async def __call__(self) -> AsyncGenerator[bytes, None]:
        try:
            for number in range(4):
                if number < 3:
                    await asyncio.sleep(0)
                self.made += 1
                yield b"%d" % number
            if self.error:
                raise self.error
        finally:
            self.closed = True


def failed(error: DomovError) -> bytes:
    return error.message.encode()


async def streamed(chunks: Chunks) -> AsyncGenerator[bytes, None]:
    response = await streaming(chunks(), failed=failed, media_type="text/plain")
    assert isinstance(response, StreamingResponse)
    content = response.body_iterator
    assert isinstance(content, AsyncGenerator)
    return content


async def test_a_reader_that_is_slow_holds_nothing_up_and_gets_the_rest_in_one_piece() -> None:
    chunks = Chunks()
    content = await streamed(chunks)
    assert await anext(content) == b"0"
    while not chunks.closed:
        await asyncio.sleep(0)
    assert [piece async for piece in content] == [b"123"]


async def test_what_is_made_in_one_step_goes_out_together() -> None:
    assert [piece async for piece in await streamed(Chunks())] == [b"0", b"1", b"23"]


async def test_a_reader_that_leaves_ends_the_work() -> None:
    for steps in (0, 1):  # before the work goes on, and in its midst
        chunks = Chunks()
        content = await streamed(chunks)
        await anext(content)
        for _ in range(steps):
            await asyncio.sleep(0)
        await content.aclose()
        del content
        async with asyncio.timeout(10):
            while not chunks.closed:
                await asyncio.sleep(0)
        assert chunks.made == 1


async def test_an_error_in_the_middle_is_told_at_the_end() -> None:
    content = await streamed(Chunks(Busy("too many", retry_seconds=1)))
    assert b"".join([piece async for piece in content]) == b"0123too many"


async def test_an_error_that_is_a_fault_of_ours_is_not_hidden() -> None:
    content = await streamed(Chunks(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        [piece async for piece in content]
