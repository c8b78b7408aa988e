"""What the scheduler tells of requests and models, with engines that have no model."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from pathlib import Path

import pytest

from domov.engine.fake import FakeEngine
from domov.engine.scheduler import Scheduled, Scheduler
from domov.errors import Busy, ContextOverflow, DomovError, WorkerDied
from domov.meter.energy import Energy
from domov.sizing.plan import Plan
from domov.store.manifest import Manifest, Source
from domov.store.models import Model
from domov.types import ChatRequest, Done, Event, Happening, Message, ModelLeft, ModelLoaded, Spent


class Failing(FakeEngine):
    """Says one word, then fails."""

    def __init__(self, error: DomovError) -> None:
        super().__init__()
        self.error = error

    async def stream(self, request: ChatRequest) -> AsyncIterator[Event]:  # type: ignore[override]
        async for event in super().stream(request):
            yield event
            raise self.error


class Shelf:
    """A scheduler of one model, and what it told."""

    def __init__(self, folder: Path, engine: FakeEngine, *, readings: Sequence[float] = ()) -> None:
        self.told: list[Happening] = []
        self.readings: Iterator[float] = iter(readings)
        (folder / "m").touch()
        self.model = Model(
            Manifest("m:1b", "", 1, Source("file", "m", "m"), "", "", "2026-11-24T00:00:00Z"), folder / "m"
        )
        plan = Plan(context_tokens=64, slots=2, threads=1, weights_bytes=0, cache_bytes=1)
        self.scheduler = Scheduler(
            lambda model, idle_bytes: (engine, plan),
            key=lambda model: model.path,
            free_bytes=lambda: 1 << 40,
            keep_alive_seconds=-1,
            tell=self.told.append,
        )
        self.scheduler.energy = Energy(lambda: next(self.readings, None))

    @property
    def engine(self) -> Scheduled:
        return self.scheduler.engine_for(self.model)

    @property
    def spent(self) -> Spent:
        (one,) = [happening for happening in self.told if isinstance(happening, Spent)]
        return one


def ask(words: str, **more: bool) -> ChatRequest:
    return ChatRequest("m", (Message("user", words),), **more)  # type: ignore[arg-type]


async def test_an_answer_is_told_once_with_what_it_took(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, FakeEngine(seconds_per_token=0.005))
    events = [event async for event in shelf.engine.stream(ask("one two three", progress=True))]
    assert len(events) == 5  # a progress, three words, the end
    assert (shelf.spent.model, shelf.spent.task, shelf.spent.outcome) == ("m:1b", "chat", "answered")
    assert shelf.spent.usage and (shelf.spent.usage.prompt_tokens, shelf.spent.usage.answer_tokens) == (3, 3)
    assert shelf.spent.pieces == 3
    assert shelf.spent.first_seconds and 0.005 <= shelf.spent.first_seconds < shelf.spent.seconds


async def test_the_energy_of_an_answer_is_told_with_its_end_and_counted_once(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, FakeEngine(), readings=[100.0, 130.0])
    *_, done = [event async for event in shelf.engine.stream(ask("one two"))]
    assert isinstance(done, Done) and done.usage.joules == 30.0
    assert shelf.spent.joules == 30.0


async def test_an_answer_that_is_cut_short_has_drawn_energy_too(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, FakeEngine(), readings=[100.0, 107.0])
    async with aclosing(shelf.engine.stream(ask("one two three"))) as events:  # type: ignore[type-var]
        await anext(aiter(events))
    assert (shelf.spent.usage, shelf.spent.joules) == (None, 7.0)


async def test_a_reader_that_leaves_is_told_as_cancelled(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, FakeEngine())
    async with aclosing(shelf.engine.stream(ask("one two three"))) as events:  # type: ignore[type-var]
        await anext(aiter(events))
    assert (shelf.spent.outcome, shelf.spent.usage, shelf.spent.pieces) == ("cancelled", None, 1)


async def test_a_reader_that_leaves_at_the_last_event_was_answered(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, FakeEngine())
    async with aclosing(shelf.engine.stream(ask("one"))) as events:  # type: ignore[type-var]
        for _ in range(2):
            await anext(aiter(events))
    assert shelf.spent.outcome == "answered"


async def test_a_task_that_is_cancelled_is_told_as_such(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, FakeEngine(seconds_per_token=60))

    async def read() -> None:
        async for _ in shelf.engine.stream(ask("one")):
            pass

    task = asyncio.ensure_future(read())
    await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert shelf.spent.outcome == "cancelled"


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (ContextOverflow(prompt_tokens=9, context_tokens=4), "refused"),
        (Busy("too many", retry_seconds=1), "busy"),
        (WorkerDied("m:1b stopped"), "failed"),
    ],
)
async def test_an_error_is_told_by_its_kind(tmp_path: Path, error: DomovError, outcome: str) -> None:
    shelf = Shelf(tmp_path, Failing(error))
    with pytest.raises(type(error)):
        async for _ in shelf.engine.stream(ask("one two")):
            pass
    assert shelf.spent.outcome == outcome


async def test_vectors_and_rankings_are_told_too(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, FakeEngine())
    await shelf.engine.embed(["a b", "c"])
    await shelf.engine.rerank("a", ["a b"])
    spent = [happening for happening in shelf.told if isinstance(happening, Spent)]
    assert [(s.task, s.outcome, s.usage and s.usage.prompt_tokens) for s in spent] == [
        ("embedding", "answered", 3),
        ("reranking", "answered", 2),
    ]


async def test_loading_and_leaving_are_told(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, FakeEngine())
    await shelf.engine.start()
    await shelf.scheduler.unload(shelf.model)
    loaded, left = shelf.told
    assert isinstance(loaded, ModelLoaded) and loaded.seconds is not None
    assert left == ModelLeft("m:1b", "asked")
