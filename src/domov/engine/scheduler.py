"""Which models are loaded: as many as fit, the least recently used idle one makes room, a running one never.

What a model will need is known from its Plan before it is loaded. Two models load at the same time if both fit. An
estimate is no reason to refuse: a model that fits nowhere is tried when all others are gone.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Hashable, Sequence
from contextlib import AbstractContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace

from domov.engine.allocated import Allocated
from domov.engine.llamacpp import LlamaCpp
from domov.engine.protocol import Abilities, Engine, Tokenizer
from domov.engine.spending import Energy, Spending, spending
from domov.errors import BadRequest, Busy, DomovError
from domov.sizing.plan import Plan
from domov.store.models import Model
from domov.store.preset import Applied, applied
from domov.types import (
    ChatRequest,
    CompletionRequest,
    Done,
    Embeddings,
    Event,
    Happening,
    Leaving,
    ModelLeft,
    ModelLoaded,
    Progress,
    Ranking,
    Task,
    Usage,
    pieces_of,
)

ROOM_SECONDS = 60.0  # how long a request waits for running models to make room


@dataclass(frozen=True, slots=True)
class Row:
    """One loaded model, as `domov ps` shows it."""

    model: str
    state: str  # loading, idle or running
    memory_bytes: int  # measured: what its process holds in RAM
    planned_bytes: int  # predicted before it was loaded, all devices
    allocated_bytes: dict[str, int]  # for each device, as llama.cpp's log tells; mapped weights included
    context_tokens: int
    slots: int
    running: int
    waiting: int
    expires_in_seconds: float | None  # None: not while it runs, or never
    planned_device_bytes: dict[str, int] = field(default_factory=dict)
    measured_device_bytes: dict[str, int] = field(default_factory=dict)  # `allocated_bytes`, by the plan's devices


@dataclass
class Loaded:
    """A model that is loaded, or will be for the requests that want it."""

    key: Hashable
    model: Model
    engine: Engine
    plan: Plan
    ready: bool = False
    leaving: bool = False  # it is being ended, and still has its memory
    users: int = 0  # requests under way, those that wait included
    used_seconds: float = 0.0  # of the clock, when the last one ended
    keep_alive_seconds: float = 0.0
    expiry: asyncio.TimerHandle | None = None
    changing: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def idle(self) -> bool:
        return self.ready and not self.users


class Scheduler:
    def __init__(
        self,
        open_engine: Callable[[Model, int], tuple[Engine, Plan]],
        *,
        key: Callable[[Model], Hashable],
        free_bytes: Callable[[], int],
        keep_alive_seconds: float,
        when_loaded: Callable[[Row], None] = lambda row: None,
        tell: Callable[[Happening], None] = lambda happening: None,
    ) -> None:
        """
        open_engine         an engine that is not started yet, and what it will need; asked before each loading, with
                            the bytes of main memory that idle models would make room of
        key                 the same for names of models that one engine can run
        free_bytes          main memory that the system would give to a new process now
        keep_alive_seconds  how long an idle model stays; negative: for ever
        when_loaded         is told of each model that has been loaded, and what it took
        tell                is told what happens, once it has
        """
        self._open_engine, self._key, self._free_bytes = open_engine, key, free_bytes
        self._keep_alive_seconds, self._when_loaded, self.tell = keep_alive_seconds, when_loaded, tell
        self.energy: Energy | None = None  # measures what requests draw, where somebody does
        self._loaded: dict[Hashable, Loaded] = {}  # nothing that is neither ready nor wanted
        self._loading_bytes = 0
        self._changed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def engine_for(self, model: Model) -> "Scheduled":
        """What runs this model when it is asked to; nothing is opened or loaded before."""
        return Scheduled(self, model)

    @asynccontextmanager
    async def use(self, model: Model, keep_alive_seconds: float | None = None) -> AsyncIterator[Engine]:
        """The engine with its model loaded, for one request.

        Raises Busy where no room is made in time, and what opening it raises: BadModelFile, EngineUnavailable.
        """
        loaded = self._of(model)
        loaded.users += 1
        if loaded.expiry:
            loaded.expiry.cancel()
        try:
            await self._load(loaded)
            yield loaded.engine
        finally:
            loaded.users -= 1
            loaded.used_seconds = time.monotonic()
            if keep_alive_seconds is not None:
                loaded.keep_alive_seconds = keep_alive_seconds
            self._expire_later(loaded)
            if not loaded.leaving:
                self._forget_unwanted(loaded)
            self._wake()

    def _of(self, model: Model) -> Loaded:
        key = self._key(model)
        if key not in self._loaded:
            engine, plan = self._open_engine(model, self._idle_bytes())
            self._loaded[key] = Loaded(key, model, engine, plan, keep_alive_seconds=self._keep_alive_seconds)
        return self._loaded[key]

    def _forget_unwanted(self, loaded: Loaded) -> None:
        """Next time it is opened anew: its file, its options and the free memory may be others by then."""
        if not loaded.ready and not loaded.users and self._loaded.get(loaded.key) is loaded:
            del self._loaded[loaded.key]

    async def unload(self, model: Model) -> bool:
        """Ends a model that is idle, or tells that it was not loaded. Raises Busy while it runs."""
        found = [x for x in self._known_as(model) if x.ready]
        for loaded in found:
            if loaded.users:
                raise Busy(f"{model.name} is answering {loaded.users} requests", retry_seconds=5)
            await self._unload(loaded, "asked")
        return bool(found)

    async def release(self, model: Model) -> None:
        """Ends a model as soon as it has answered what it was asked."""
        for loaded in self._known_as(model):
            if loaded.users:
                loaded.keep_alive_seconds = 0
            else:
                await self._unload(loaded, "asked")

    def _known_as(self, model: Model) -> list[Loaded]:
        """What is loaded under this name: its file as it is now, and as it was."""
        key = self._key(model)
        return [x for x in self._loaded.values() if x.key == key or x.model.name == model.name]

    def rows(self) -> list[Row]:
        """The models that are loaded or loading, the one used last first."""
        return [self._row(x) for x in self._shown()]

    def models(self) -> list[Model]:
        """Those of the rows, without measuring anything."""
        return [x.model for x in self._shown()]

    def pids(self) -> list[int]:
        """The processes of the models that are loaded or loading. From any thread."""
        workers = (x.engine.worker for x in list(self._loaded.values()) if isinstance(x.engine, LlamaCpp))
        return [worker.pid for worker in workers if worker and worker.pid]

    def _shown(self) -> list[Loaded]:
        shown = [x for x in self._loaded.values() if x.ready or x.users]
        return sorted(shown, key=lambda x: (x.users, x.used_seconds), reverse=True)

    def row(self, model: Model) -> Row | None:
        """A model, as it is wanted now, if it is loaded or loading under whatever name."""
        loaded = self._loaded.get(self._key(model))
        return self._row(loaded) if loaded and (loaded.ready or loaded.users) else None

    async def forget(self, conversation: str) -> None:
        """Has all models forget what they have read of a conversation."""
        for loaded in list(self._loaded.values()):
            if isinstance(loaded.engine, LlamaCpp):
                await loaded.engine.forget(conversation)

    async def close(self) -> None:
        """Ends all models."""
        loaded, self._loaded = list(self._loaded.values()), {}
        for each in loaded:
            if each.expiry:
                each.expiry.cancel()
        await asyncio.gather(*(each.engine.close() for each in loaded))

    async def _load(self, loaded: Loaded) -> None:
        async with loaded.changing:
            if not loaded.ready:
                await self._reserve(loaded.plan.ram_bytes)
                start = time.monotonic()
                try:
                    await loaded.engine.start()
                    loaded.ready = True
                    self._when_loaded(self._row(loaded))
                except DomovError:
                    self.tell(ModelLoaded(loaded.model.name, None))
                    raise
                else:
                    self.tell(ModelLoaded(loaded.model.name, time.monotonic() - start))
                finally:
                    self._loading_bytes -= loaded.plan.ram_bytes
                    self._wake()

    async def _reserve(self, needed_bytes: int) -> None:
        """Waits until there is room, making some where it can. Raises Busy after ROOM_SECONDS."""
        deadline = time.monotonic() + ROOM_SECONDS
        while needed_bytes > self.room_bytes():
            self._changed.clear()
            idle = min((x for x in self._loaded.values() if x.idle), key=lambda x: x.used_seconds, default=None)
            if idle is not None:
                await self._unload(idle, "evicted")
            elif not self._loading_bytes and not any(x.ready or x.leaving for x in self._loaded.values()):
                break  # nothing is left that could make room
            else:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
                        await self._changed.wait()
                if time.monotonic() >= deadline:
                    raise Busy("other models are running and leave no memory for this one", retry_seconds=30)
        self._loading_bytes += needed_bytes

    @property
    def serving(self) -> bool:
        """Whether anybody waits for an answer now."""
        return any(x.users for x in self._loaded.values())

    def room_bytes(self) -> int:
        """What a new model may take. The system counts mapped weights of loaded models as free: they are not."""
        mapped = sum(x.plan.ram_weights_bytes for x in self._loaded.values() if x.ready)
        return self._free_bytes() - mapped - self._loading_bytes

    def _idle_bytes(self) -> int:
        """What idle models hold. Their mapped weights count as free already."""
        return sum(x.plan.ram_bytes - x.plan.ram_weights_bytes for x in self._loaded.values() if x.idle)

    async def _unload(self, loaded: Loaded, why: Leaving) -> None:
        """Ends a model, unless a request comes for it before its turn."""
        async with loaded.changing:
            if loaded.idle:
                loaded.ready, loaded.leaving = False, True
                self.tell(ModelLeft(loaded.model.name, why))
                loaded.keep_alive_seconds = self._keep_alive_seconds
                if loaded.expiry:
                    loaded.expiry.cancel()
                try:
                    await loaded.engine.close()
                finally:
                    loaded.leaving = False
                    self._forget_unwanted(loaded)
                    self._wake()

    def _expire_later(self, loaded: Loaded) -> None:
        if loaded.idle and loaded.keep_alive_seconds >= 0:
            loop = asyncio.get_running_loop()
            loaded.expiry = loop.call_later(loaded.keep_alive_seconds, self._expire, loaded)

    def _expire(self, loaded: Loaded) -> None:
        task = asyncio.ensure_future(self._unload(loaded, "expired"))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _wake(self) -> None:
        self._changed.set()

    def _row(self, loaded: Loaded) -> Row:
        engine = loaded.engine if isinstance(loaded.engine, LlamaCpp) else None
        worker = engine.worker if engine else None
        allocated = worker.allocated if worker and loaded.ready else Allocated(())
        waiting = engine.waiting if engine else 0
        expires = None
        if loaded.idle and loaded.keep_alive_seconds >= 0:
            expires = max(0.0, loaded.used_seconds + loaded.keep_alive_seconds - time.monotonic())
        return Row(
            model=loaded.model.name,
            state="loading" if not loaded.ready else "running" if loaded.users else "idle",
            memory_bytes=worker.memory_bytes() if worker else 0,
            planned_bytes=loaded.plan.needed_bytes,
            allocated_bytes={device: allocated.bytes_of(device=device) for device in allocated.devices},
            context_tokens=loaded.plan.context_tokens,
            slots=loaded.plan.slots,
            running=loaded.users - waiting if loaded.ready else 0,
            waiting=waiting if loaded.ready else loaded.users,
            expires_in_seconds=expires,
            planned_device_bytes=loaded.plan.device_bytes,
            measured_device_bytes=allocated.device_bytes,
        )


class Scheduled:
    """An engine whose model is loaded when it is needed and stays for a while."""

    def __init__(self, scheduler: Scheduler, model: Model) -> None:
        self._scheduler, self._model = scheduler, model

    @asynccontextmanager
    async def ready(self, keep_alive_seconds: float | None = None) -> AsyncIterator[float]:
        """Keeps the model loaded for the block. Gives the seconds that loading took."""
        start = time.monotonic()
        async with self._scheduler.use(self._model, keep_alive_seconds):
            yield time.monotonic() - start

    async def start(self) -> Abilities:
        async with self._scheduler.use(self._model) as engine:
            return await engine.start()

    async def stream(self, request: ChatRequest | CompletionRequest) -> AsyncIterator[Event]:
        given = self._given(request)
        event: Event | None = None
        pieces = 0
        with self._spending("chat" if isinstance(request, ChatRequest) else "completion") as spent:
            try:
                async with (
                    self._scheduler.use(self._model, request.keep_alive_seconds) as engine,
                    aclosing(engine.stream(given.request)) as events,  # type: ignore[type-var]
                ):
                    async for event in events:
                        if not isinstance(event, Progress):
                            spent.begin()
                            pieces = pieces_of(event)
                            yield given.told(_ended(event, spent))
                            break
                        yield event
                    async for event in events:  # nothing more is done for a piece than to count it
                        pieces += pieces_of(event)
                        event = _ended(event, spent)
                        yield given.told(event) if given.added else event
            finally:
                spent.pieces = pieces - 1 if isinstance(event, Done) else pieces

    def _given(self, request: ChatRequest | CompletionRequest) -> Applied:
        """The request with what the model's name adds to it."""
        preset = self._model.manifest.preset
        return applied(request, preset) if preset else Applied(request)

    def _spending(self, task: Task) -> AbstractContextManager[Spending]:
        return spending(self._scheduler.tell, self._scheduler.energy, model=self._model.name, task=task)

    async def embed(self, texts: Sequence[str | tuple[int, ...]]) -> Embeddings:
        with self._spending("embedding") as spent:
            async with self._scheduler.use(self._model) as engine:
                made = await engine.embed(texts)
            spent.end(Usage(made.tokens, 0))
            return made

    async def rerank(self, query: str, documents: Sequence[str]) -> Ranking:
        with self._spending("reranking") as spent:
            async with self._scheduler.use(self._model) as engine:
                ranking = await engine.rerank(query, documents)
            spent.end(Usage(ranking.tokens, 0))
            return ranking

    async def tokenize(self, text: str, *, special: bool = False, first: bool = False) -> tuple[int, ...]:
        async with self._tokenizer() as tokenizer:
            return await tokenizer.tokenize(text, special=special, first=first)

    async def detokenize(self, tokens: Sequence[int]) -> str:
        async with self._tokenizer() as tokenizer:
            return await tokenizer.detokenize(tokens)

    async def render(self, request: ChatRequest) -> str:
        async with self._tokenizer() as tokenizer:
            given = self._given(request).request
            assert isinstance(given, ChatRequest)
            return await tokenizer.render(given)

    @asynccontextmanager
    async def _tokenizer(self) -> AsyncIterator[Tokenizer]:
        async with self._scheduler.use(self._model) as engine:
            if not isinstance(engine, Tokenizer):
                raise BadRequest(f"{self._model.name} does not tell its tokens")
            yield engine

    async def close(self) -> None:
        """Nothing: the scheduler decides when the model goes."""


def _ended(event: Event, spent: Spending) -> Event:
    """The event, the last one with the energy of all."""
    return replace(event, usage=spent.end(event.usage)) if isinstance(event, Done) else event
