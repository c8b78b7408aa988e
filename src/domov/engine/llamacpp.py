"""A model run by llama.cpp in a worker process of its own.

The worker is started by the first request and again by the first one after it died. A crash, a bad file or an
abort in native code costs this model its running requests, and nothing else.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import orjson

from domov.engine.launch import Endpoint, Launch
from domov.engine.process import WorkerProcess
from domov.engine.protocol import Abilities
from domov.engine.wire import EventReader, error_of, request_body
from domov.errors import Broken, WorkerDied
from domov.types import ChatRequest, Done, Event

CONNECT_SECONDS = 10
SHORTEST_READ_SECONDS = 0.025


class LlamaCpp:
    def __init__(self, launch: Launch, *, name: str, log: Path) -> None:
        self.name, self._launch, self._log = name, launch, log
        self._worker: WorkerProcess | None = None
        self._session: aiohttp.ClientSession | None = None
        self._starting = asyncio.Lock()

    @property
    def worker(self) -> WorkerProcess | None:
        """The process, if one was started; it may have died since."""
        return self._worker

    async def start(self) -> Abilities:
        await self._ready()
        return Abilities(self._launch.context_tokens, local=True)

    async def stream(self, request: ChatRequest) -> AsyncIterator[Event]:
        """The answer. If the worker dies before the first word of it, it is asked once more of a new one."""
        body = request_body(request)
        for last_try in (False, True):
            worker, session = await self._ready()
            event: Event | None = None
            try:
                async with session.post("/v1/chat/completions", data=body) as response:
                    async for event in _events(response):
                        yield event
                cause = None
            except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
                cause = error
            if isinstance(event, Done):
                return
            died = await self._died(worker)
            if event is not None or last_try:
                raise died from cause

    async def close(self) -> None:
        async with self._starting:
            await self._end()

    async def _ready(self) -> tuple[WorkerProcess, aiohttp.ClientSession]:
        async with self._starting:
            if self._worker is None or self._session is None or not self._worker.alive:
                await self._end()
                self._worker = WorkerProcess(self._launch, name=self.name, log=self._log)
                await self._worker.start()
                self._session = _session(self._worker.endpoint)
            return self._worker, self._session

    async def _end(self) -> None:
        if self._session is not None:
            await self._session.close()
        if self._worker is not None:
            await self._worker.end()
        self._worker = self._session = None

    async def _died(self, worker: WorkerProcess) -> WorkerDied:
        why = await worker.reason()
        await worker.end()  # one that hangs is no use either
        return WorkerDied(
            f"{self.name} stopped in the middle of an answer: {why}",
            hint=f"ask again, it is started anew; llama.cpp's own words are in {self._log}",
        )


def _session(endpoint: Endpoint) -> aiohttp.ClientSession:
    # llama-server closes a connection after a streamed answer: never keep one.
    connector: aiohttp.BaseConnector
    if endpoint.socket:
        base, connector = "http://worker", aiohttp.UnixConnector(endpoint.socket, force_close=True, limit=0)
    else:
        base, connector = f"http://127.0.0.1:{endpoint.port}", aiohttp.TCPConnector(force_close=True, limit=0)
    return aiohttp.ClientSession(
        base_url=base,
        connector=connector,
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {endpoint.key}"},
    )


async def _events(response: aiohttp.ClientResponse) -> AsyncIterator[Event]:
    if response.status != 200:
        raise error_of(_json(await response.read()))
    reader, pace = EventReader(), _Pace(response)
    async for received in response.content.iter_any():
        for event in reader.feed(received):
            yield event
            pace.moving = not isinstance(event, Done)
        await pace.rest()


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


def _json(body: bytes) -> dict[str, object]:
    try:
        table = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Broken("the worker answered with something that is not JSON") from error
    return table if isinstance(table, dict) else {}
