"""HTTP to one worker: a question and its answer, or the events of a stream as they come."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Protocol

import aiohttp

from domov.engine.launch import Endpoint
from domov.engine.wire_errors import error_of, from_json, to_json
from domov.types import Done, Event, Progress

CONNECT_SECONDS = 10
SHORTEST_READ_SECONDS = 0.025


class Reader(Protocol):
    def feed(self, received: bytes) -> Iterator[Event]: ...


class Client:
    """Raises aiohttp's errors where the worker is gone, and what its error objects mean."""

    def __init__(self, endpoint: Endpoint) -> None:
        # llama-server closes a connection after a streamed answer: never keep one.
        connector: aiohttp.BaseConnector
        if endpoint.socket:
            base, connector = "http://worker", aiohttp.UnixConnector(endpoint.socket, force_close=True, limit=0)
        else:
            base, connector = f"http://127.0.0.1:{endpoint.port}", aiohttp.TCPConnector(force_close=True, limit=0)
        self._session = aiohttp.ClientSession(
            base_url=base,
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
            headers={"Content-Type": "application/json", "Authorization": f"Bearer {endpoint.key}"},
        )

    async def get(self, path: str) -> Any:
        async with self._session.get(path) as response:
            return await _answer(response)

    async def post(self, path: str, fields: Mapping[str, Any]) -> Any:
        async with self._session.post(path, data=to_json(dict(fields))) as response:
            return await _answer(response)

    async def stream(self, path: str, fields: Mapping[str, Any], reader: Reader) -> AsyncIterator[Event]:
        async with self._session.post(path, data=to_json(dict(fields))) as response:
            if response.status != 200:
                raise error_of(from_json(await response.read()))
            pace = _Pace(response)
            async for received in response.content.iter_any():
                for event in reader.feed(received):
                    yield event
                    pace.moving = not isinstance(event, Done | Progress)
                await pace.rest()

    async def close(self) -> None:
        await self._session.close()


async def _answer(response: aiohttp.ClientResponse) -> Any:
    body = from_json(await response.read())
    if response.status != 200:
        raise error_of(body)
    return body


class _Pace:
    """Reads at most every SHORTEST_READ_SECONDS, once there is something to read.

    Each time this process wakes it takes a core from the threads that calculate, and they wait for each other:
    to wake for every token of a fast model cost it a tenth of its speed on two cores (docs/log.md). Nothing is
    late that an eye could see, the first word never, and a model slower than that is not held back at all.
    """

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response, self._last, self.moving = response, 0.0, False

    async def rest(self) -> None:
        now = time.monotonic()
        wait = self._last + SHORTEST_READ_SECONDS - now
        transport = self._response.connection and self._response.connection.transport
        if wait > 0 and self.moving and transport is not None and not transport.is_closing():
            transport.pause_reading()
            await asyncio.sleep(wait)
            transport.resume_reading()
            now += wait
        self._last = now
