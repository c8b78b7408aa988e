"""A model run by llama.cpp in a worker process of its own.

The worker is started by the first request and again by the first one after it died. A crash, a bad file or an
abort in native code costs this model its running requests, and nothing else.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import aiohttp

from domov.engine.connection import Care, Connection
from domov.engine.launch import Launch
from domov.engine.process import WorkerProcess
from domov.engine.protocol import Abilities
from domov.engine.wire import request_body
from domov.errors import BadRequest, WorkerDied
from domov.types import ChatRequest, CompletionRequest, Done, Embeddings, Event, Ranking

LOST = (aiohttp.ClientError, TimeoutError, ConnectionError)


class LlamaCpp:
    def __init__(self, launch: Launch, *, name: str, log: Path, care: Care | None = None) -> None:
        self.name, self._launch, self._log, self._care = name, launch, log, care or Care()
        self._connection: Connection | None = None
        self._starting = asyncio.Lock()

    @property
    def worker(self) -> WorkerProcess | None:
        """The process, if one was started; it may have died since."""
        return self._connection.worker if self._connection else None

    @property
    def running(self) -> int:
        """Requests that have a slot now."""
        return self._connection.slots.running if self._connection else 0

    @property
    def waiting(self) -> int:
        """Requests that wait for a slot."""
        return self._connection.slots.waiting if self._connection else 0

    async def start(self) -> Abilities:
        await self._connected()
        return Abilities(self._launch.context_tokens, local=True, slots=self._launch.slots)

    async def stream(self, request: ChatRequest | CompletionRequest) -> AsyncIterator[Event]:
        """The answer. If the worker dies before the first word of it, it is asked once more of a new one."""
        for last_try in (False, True):
            connection = await self._connected()
            event: Event | None = None
            cause: Exception | None = None
            try:
                async with connection.slots.take(request) as slot:
                    body = request_body(request, id_slot=slot)
                    async for event in connection.events("/v1/chat/completions", body):
                        yield event
            except LOST as error:
                cause = error
            if isinstance(event, Done):
                return
            died = await self._died(connection)
            if event is not None or last_try:
                raise died from cause

    async def embed(self, texts: Sequence[str | tuple[int, ...]]) -> Embeddings:
        raise BadRequest(f"{self.name} makes no embeddings")

    async def rerank(self, query: str, documents: Sequence[str]) -> Ranking:
        raise BadRequest(f"{self.name} ranks nothing")

    async def forget(self, conversation: str) -> None:
        """Has the worker forget what it has read of a conversation."""
        if self._connection is not None and self._connection.worker.alive:
            with contextlib.suppress(*LOST):
                await self._connection.slots.forget(conversation)

    async def close(self) -> None:
        async with self._starting:
            connection, self._connection = self._connection, None
            if connection is not None:
                await connection.close()

    async def _connected(self) -> Connection:
        async with self._starting:
            if self._connection is None or not self._connection.worker.alive:
                if self._connection is not None:
                    await self._connection.drop()
                    self._connection = None
                worker = WorkerProcess(self._launch, name=self.name, log=self._log)
                await worker.start()
                self._connection = Connection(
                    worker, self._care, slots=self._launch.slots, context_tokens=self._launch.context_tokens
                )
            return self._connection

    async def _died(self, connection: Connection) -> WorkerDied:
        why = await connection.worker.reason()
        await connection.drop()  # one that hangs is no use either
        return WorkerDied(
            f"{self.name} stopped in the middle of an answer: {why}",
            hint=f"ask again, it is started anew; llama.cpp's own words are in {self._log}",
        )
