"""A streamed answer read at a pace of our own, from a server that the test holds by hand."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path

import pytest

from domov.engine.launch import Endpoint
from domov.engine.paced import PACE_SECONDS, posted

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
Answering = Callable[[asyncio.StreamWriter], Coroutine[None, None, None]]


@contextlib.asynccontextmanager
async def worker(folder: Path, answering: Answering) -> AsyncIterator[Endpoint]:
    """Answers one request as `answering` does, and hangs up."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"POST /completion HTTP/1.1\r\n")
        assert await reader.readexactly(2) == b"{}"
        with contextlib.suppress(ConnectionError):
            await answering(writer)
        writer.close()

    path = str(folder / "s")
    async with await asyncio.start_unix_server(connected, path):
        yield Endpoint(path, key="k")


def chunk(text: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(text), text)


async def read(endpoint: Endpoint, *, flows: bool = True, silence_seconds: float = 10) -> tuple[int, list[bytes]]:
    async with posted(endpoint, "/completion", b"{}", silence_seconds=silence_seconds) as answer:
        pieces = []
        async for piece in answer.pieces():
            answer.flows = flows
            pieces.append(piece)
        return answer.status, pieces


def tokens(count: int, *, seconds: float) -> Answering:
    async def answering(writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD)
        for _ in range(count):
            writer.write(chunk(b"t"))
            await asyncio.sleep(seconds)
        writer.write(chunk(b""))

    return answering


async def test_a_fast_answer_comes_in_fewer_pieces_and_whole(tmp_path: Path) -> None:
    async with worker(tmp_path, tokens(400, seconds=0.001)) as endpoint:
        started = time.monotonic()
        status, pieces = await read(endpoint)
        seconds = time.monotonic() - started
    assert status == 200 and b"".join(pieces) == b"t" * 400
    assert len(pieces) < 40 + seconds / PACE_SECONDS  # the first ones come faster


async def test_a_slow_answer_is_not_held_back(tmp_path: Path) -> None:
    async with worker(tmp_path, tokens(5, seconds=3 * PACE_SECONDS)) as endpoint:
        assert (await read(endpoint))[1] == [b"t"] * 5


async def test_what_does_not_flow_is_read_as_it_comes(tmp_path: Path) -> None:
    async with worker(tmp_path, tokens(20, seconds=0.01)) as endpoint:
        _, pieces = await read(endpoint, flows=False)
        assert len(pieces) >= 10


@pytest.mark.parametrize("sent", [b"", HEAD, HEAD + chunk(b"t"), HEAD + b"zz", b"SSH-2.0 hello\r\n\r\n"])
async def test_an_answer_that_ends_early_is_a_lost_connection(tmp_path: Path, sent: bytes) -> None:
    async def answering(writer: asyncio.StreamWriter) -> None:
        writer.write(sent)

    async with worker(tmp_path, answering) as endpoint:
        with pytest.raises(ConnectionError):
            await read(endpoint)


@pytest.mark.parametrize("sent", [b"", HEAD, HEAD + chunk(b"t")])
async def test_silence_is_a_timeout(tmp_path: Path, sent: bytes) -> None:
    async def answering(writer: asyncio.StreamWriter) -> None:
        writer.write(sent)
        await asyncio.sleep(3)

    async with worker(tmp_path, answering) as endpoint:
        with pytest.raises(TimeoutError):
            await read(endpoint, silence_seconds=0.1)


async def test_nobody_there_is_a_lost_connection(tmp_path: Path) -> None:
    with pytest.raises(ConnectionError):
        await read(Endpoint(str(tmp_path / "nobody")))
