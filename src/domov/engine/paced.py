"""A streamed answer of a worker, read from its socket at a pace of our own.

Each time this process wakes it takes a core from the threads that calculate, and they wait for each other: to wake
for every token of a fast model cost it a tenth of its speed on two cores (docs/log.md). So the socket is in no event
loop's list while an answer flows; it is looked at fifteen times a second, and waited for only when it is empty. The
first word is never late, a short answer by less than a tenth, a model slower than the pace not at all.
"""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httptools

from domov.engine.launch import Endpoint

PACE_SECONDS = 1 / 15
PACE_SHARE = 0.1  # of the time since the first word: so much later at most is the end of an answer seen
CONNECT_SECONDS = 10
MOST_BYTES = 1 << 18  # taken from the socket at once


class Paced:
    """An answer whose head has been read. Set `flows` while what comes next may wait for a moment."""

    def __init__(self, connection: socket.socket, silence_seconds: float) -> None:
        self.status, self.flows = 0, False
        self._socket, self._silence_seconds = connection, silence_seconds
        self._parser = httptools.HttpResponseParser(self)
        self._pieces: list[bytes] = []
        self._whole = False
        self._flowing_since: float | None = None
        self._read_at, self._gap_seconds = 0.0, 0.0  # the last read, and how long the model takes for one

    async def read(self) -> bytes:
        """All of a short answer."""
        return b"".join([piece async for piece in self.pieces()])

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body as it comes. Raises ConnectionError where it ends early, TimeoutError where nothing comes."""
        while True:
            if self._pieces:
                received = b"".join(self._pieces)
                self._pieces.clear()
                yield received
            if self._whole:
                return
            await self._read()

    async def _read(self) -> None:
        """Reads once, not before its time."""
        if self.flows:
            now = time.monotonic()
            self._flowing_since = self._flowing_since or now
            pace = min(PACE_SECONDS, PACE_SHARE * (now - self._flowing_since))
            if pace > self._gap_seconds:  # else there would be nothing yet: one wake-up more for nothing
                await asyncio.sleep(self._read_at + pace - now)
        received = await self._received()
        self._read_at = time.monotonic()
        if not received:
            raise ConnectionResetError("the worker ended its answer early")
        try:
            self._parser.feed_data(received)
        except httptools.HttpParserError as error:
            raise ConnectionResetError(f"the worker's answer is not HTTP: {error}") from error

    async def _received(self) -> bytes:
        try:
            return self._socket.recv(MOST_BYTES)
        except BlockingIOError:
            async with asyncio.timeout(self._silence_seconds):
                received = await asyncio.get_running_loop().sock_recv(self._socket, MOST_BYTES)
            self._gap_seconds = time.monotonic() - self._read_at
            return received

    # What the parser calls.

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        self._pieces.append(body)

    def on_message_complete(self) -> None:
        self._whole = True


@asynccontextmanager
async def posted(endpoint: Endpoint, path: str, body: bytes, *, silence_seconds: float) -> AsyncIterator[Paced]:
    """The answer to a POST of JSON, for as long as the block lasts.

    Raises ConnectionError, and TimeoutError where the worker is silent for so long.
    """
    head = (
        f"POST {path} HTTP/1.1\r\nHost: worker\r\nAuthorization: Bearer {endpoint.key}\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    loop = asyncio.get_running_loop()
    family = socket.AF_UNIX if endpoint.socket else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as connection:
        connection.setblocking(False)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await loop.sock_connect(connection, endpoint.socket or ("127.0.0.1", endpoint.port))
        except OSError as error:  # its socket is removed with it
            raise ConnectionError(f"the worker has ended: {error}") from error
        async with asyncio.timeout(silence_seconds):
            await loop.sock_sendall(connection, head.encode("ascii") + body)
        answer = Paced(connection, silence_seconds)
        while not answer.status:
            await answer._read()
        yield answer
