"""A model run by llama.cpp in a worker process of its own.

The worker is started by the first request and again by the first one after it died. A crash, a bad file or an
abort in native code costs this model its running requests, and nothing else.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import aiohttp

from domov.engine.answer import answer, rendered, tokens_of, vectors_of
from domov.engine.connection import Care, Connection
from domov.engine.fitting import counter, fit
from domov.engine.launch import Launch
from domov.engine.process import WorkerProcess
from domov.engine.protocol import Abilities
from domov.engine.wire_vectors import (
    ranking_fields,
    read_embeddings,
    read_ranking,
    text_fields,
)
from domov.errors import BadRequest, WorkerDied
from domov.types import ChatRequest, CompletionRequest, Done, Embeddings, Event, Progress, Ranking

Answer = TypeVar("Answer")
LOST = (aiohttp.ClientError, TimeoutError, ConnectionError)


class LlamaCpp:
    def __init__(
        self, launch: Launch, *, name: str, log: Path, care: Care | None = None, smaller: Sequence[Launch] = ()
    ) -> None:
        """smaller: what to try in turn where the model can't be loaded with `launch`."""
        self.name, self._launch, self._log, self._care = name, launch, log, care or Care()
        self._smaller = list(smaller)
        self._connection: Connection | None = None
        self._loading: WorkerProcess | None = None
        self._starting = asyncio.Lock()

    @property
    def worker(self) -> WorkerProcess | None:
        """The process, if one was started; it may be loading still, or have died since."""
        return self._connection.worker if self._connection else self._loading

    @property
    def running(self) -> int:
        """Requests that have a slot now."""
        return self._connection.slots.running if self._connection else 0

    @property
    def waiting(self) -> int:
        """Requests that wait for a slot."""
        return self._connection.slots.waiting if self._connection else 0

    @property
    def _task(self) -> str:
        return self._launch.options.task or "chat"

    async def start(self) -> Abilities:
        connection = await self._connected()
        return connection.traits.abilities(embeds=self._task == "embedding", reranks=self._task == "reranking")

    async def stream(self, request: ChatRequest | CompletionRequest) -> AsyncIterator[Event]:
        """The answer. If the worker dies before the first word of it, it is asked once more of a new one."""
        self._must_be("chat", "writes no text")
        dropped = None
        if isinstance(request, ChatRequest):
            context_tokens = (await self._connected()).traits.context_tokens
            request, dropped = await fit(
                request, context_tokens=context_tokens, count=counter(self), policy=self._care.overflow
            )
        for last_try in (False, True):
            connection = await self._connected()
            event: Event | None = None
            cause: Exception | None = None
            try:
                async with (
                    connection.slots.take(request) as slot,
                    aclosing(answer(connection, request, {"id_slot": slot})) as events,  # type: ignore[type-var]
                ):
                    async for event in events:
                        yield replace(event, dropped=dropped) if isinstance(event, Done) else event
            except LOST as error:
                cause = error
            if isinstance(event, Done):
                return
            died = await self._died(connection)
            if last_try or not (event is None or isinstance(event, Progress)):
                raise died from cause

    async def embed(self, texts: Sequence[str | tuple[int, ...]]) -> Embeddings:
        self._must_be("embedding", "makes no vectors")
        return await self._asked(lambda c: vectors_of(c, texts), read_embeddings)

    async def rerank(self, query: str, documents: Sequence[str]) -> Ranking:
        self._must_be("reranking", "ranks nothing")
        fields = ranking_fields(query, documents)
        return await self._asked(
            lambda c: c.ask("/v1/rerank", fields), lambda answer: read_ranking(answer, documents=len(documents))
        )

    async def tokenize(self, text: str, *, special: bool = False, first: bool = False) -> tuple[int, ...]:
        return await self._asked(lambda c: tokens_of(c, text, special=special, first=first), tuple)

    async def detokenize(self, tokens: Sequence[int]) -> str:
        return await self._asked(
            lambda c: c.ask("/detokenize", text_fields(tokens, c.traits)), lambda answer: str(answer["content"])
        )

    async def render(self, request: ChatRequest) -> str:
        return await self._asked(lambda c: rendered(c, request), str)

    def _must_be(self, task: str, otherwise: str) -> None:
        if self._task != task:
            raise BadRequest(f"{self.name} {otherwise}", hint=f"choose a model for {task}")

    async def _asked(self, ask: Callable[[Connection], Awaitable[Any]], read: Callable[[Any], Answer]) -> Answer:
        """The answer to one question. If the worker dies over it, it is asked once more of a new one."""
        for last_try in (False, True):
            connection = await self._connected()
            try:
                return read(await ask(connection))
            except LOST as error:
                died = await self._died(connection)
                if last_try:
                    raise died from error
        raise AssertionError("one of two tries returns or raises")

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
                self._connection = await self._started()
            return self._connection

    async def _started(self) -> Connection:
        """A new worker, with the first launch that works; it is the one for later workers too."""
        worker = await self._loaded()
        connection = Connection(worker, self._launch, self._care)
        try:
            await connection.learn()
        except LOST as error:
            raise await self._died(connection, "as soon as it was loaded") from error
        except BaseException:
            await connection.drop()
            raise
        return connection

    async def _loaded(self) -> WorkerProcess:
        """A worker that has loaded the model. Where all tries fail, the first one's error is the one that tells."""
        first: WorkerDied | None = None
        for number, launch in enumerate((self._launch, *self._smaller)):
            worker = self._loading = WorkerProcess(launch, name=self.name, log=self._log)
            try:
                await worker.start()
            except WorkerDied as error:
                first = first or error
            else:
                self._launch, self._smaller = launch, self._smaller[number:]
                return worker
            finally:
                self._loading = None
        assert first is not None
        raise first

    async def _died(self, connection: Connection, when: str = "in the middle of an answer") -> WorkerDied:
        if not connection.lost:  # several requests find it out
            connection.lost = True
            self._care.happened("worker_died")
        try:
            why = await connection.worker.reason()
        finally:
            await connection.drop()  # one that hangs is no use either
        return WorkerDied(
            f"{self.name} stopped {when}: {why}",
            hint=f"ask again, it is started anew; llama.cpp's own words are in {self._log}",
        )
