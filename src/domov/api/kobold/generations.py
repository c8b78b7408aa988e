"""The answers that are on their way, or just were: so that a client can look at one, end it, and ask for its figures.

A client knows its answer by the key that it made up for it (`genkey`). Without a key it means the only one there is.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing

from domov.engine.scheduler import Scheduled
from domov.types import CompletionRequest, Done, TextDelta, Token, Usage

MOST_KEPT = 32  # answers that have ended

# Makes the request, once the model is loaded, and notes on the answer what became of it.
Prepare = Callable[["Generation"], Awaitable[CompletionRequest]]


class Generation:
    """One answer. It is made at the model's pace, whoever reads it."""

    def __init__(self, key: str, seed: int) -> None:
        self.key, self.seed = key, seed
        self.left_out_tokens = 0  # of the prompt
        self.tokens: list[Token] = []
        self.done: Done | None = None
        self.aborted = False
        self._pieces: list[str] = []
        self._ready = asyncio.Queue[TextDelta | Done | None]()
        self._task: asyncio.Task[None] | None = None

    @property
    def text(self) -> str:
        """As far as it has come."""
        return "".join(self._pieces)

    def start(self, engine: Scheduled, prepare: Prepare, ended: Callable[[], None]) -> None:
        self._task = asyncio.ensure_future(self._make(engine, prepare))
        self._task.add_done_callback(lambda _: ended())

    async def _make(self, engine: Scheduled, prepare: Prepare) -> None:
        try:
            async with engine.ready(), aclosing(engine.stream(await prepare(self))) as events:  # type: ignore[type-var]
                async for event in events:
                    if isinstance(event, TextDelta):
                        self._pieces.append(event.text)
                        self.tokens += event.tokens
                    elif isinstance(event, Done):
                        self.done = event
                    else:
                        continue  # a verbatim prompt has no reasoning and calls no tools
                    self._ready.put_nowait(event)
        finally:
            self._ready.put_nowait(None)

    async def events(self) -> AsyncIterator[TextDelta | Done]:
        """Its pieces as they come, and how it ended. Raises what went wrong. A reader that leaves ends it."""
        assert self._task is not None
        try:
            while (event := await self._ready.get()) is not None:
                yield event
            if self.done is None and self.aborted:
                self.done = Done("length", Usage(0, len(self._pieces)))
                yield self.done
            elif not self.aborted:
                await self._task
        finally:
            await self._end()

    async def abort(self) -> None:
        """Ends it; whoever reads it gets what there is."""
        self.aborted = True
        await self._end()

    async def _end(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)


class Generations:
    """All answers of this dialect in this process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._running: list[Generation] = []
        self._ended = deque[Generation](maxlen=MOST_KEPT)
        self.started_seconds = self.used_seconds = clock()
        self.total = 0
        self.last: Generation | None = None  # of those that have their figures

    def begin(self, generation: Generation, engine: Scheduled, prepare: Prepare) -> None:
        self.total += 1
        self.used_seconds = self._clock()
        self._running.append(generation)
        generation.start(engine, prepare, lambda: self._note(generation))

    def _note(self, generation: Generation) -> None:
        self.used_seconds = self._clock()
        self._running.remove(generation)
        self._ended.append(generation)
        if generation.done is not None or generation.aborted:
            self.last = generation

    def find(self, key: str) -> Generation | None:
        """The newest answer of that key, one on its way first. Without a key nobody sees an answer that has one."""
        return next((g for g in [*reversed(self._running), *reversed(self._ended)] if g.key == key), None)

    async def abort(self, key: str) -> bool:
        """Ends the answers of a key; without one the answer on its way, if it is only one. Tells whether there was one.

        A client that leaves ends its own anyway.
        """
        meant = [g for g in self._running if g.key == key] if key else self._running[:]
        if not meant or (not key and len(meant) > 1):
            return False
        await asyncio.gather(*(generation.abort() for generation in meant))
        return True

    @property
    def idle_seconds(self) -> float:
        return 0.0 if self._running else self._clock() - self.used_seconds

    @property
    def up_seconds(self) -> float:
        return self._clock() - self.started_seconds
