"""Which model stays and which goes, with engines that have no model and a memory that the test makes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from domov.engine import scheduler as module
from domov.engine.fake import FakeEngine
from domov.engine.launch import Endpoint, Launch
from domov.engine.llamacpp import LlamaCpp
from domov.engine.protocol import Abilities, Engine
from domov.engine.scheduler import Scheduler
from domov.errors import Busy, WorkerDied
from domov.sizing.offload import RAM, Share
from domov.sizing.plan import Plan
from domov.store.manifest import Manifest, Source
from domov.store.models import Model
from domov.types import ChatRequest, Message, Spent

MODEL_BYTES = 100


@dataclass
class Shelf:
    """A machine with so much memory, and what happened on it."""

    folder: Path
    total_bytes: int = 250
    loaded: list[str] = field(default_factory=list)
    happened: list[str] = field(default_factory=list)
    loading: asyncio.Event | None = None  # loading waits for it
    ending: asyncio.Event | None = None  # ending waits for it
    broken: set[str] = field(default_factory=set)
    options: dict[str, int] = field(default_factory=dict)
    opened: list[str] = field(default_factory=list)
    idle_bytes: list[int] = field(default_factory=list)  # told at each opening
    time_seconds: float = 0.0

    def model(self, name: str, file: str = "") -> Model:
        path = self.folder / (file or name)
        if not path.exists():  # a file that changes is another model
            path.touch()
        manifest = Manifest(name, "", 1, Source("file", name, name), "", "", "2026-11-24T00:00:00Z")
        return Model(manifest, path)

    def key(self, model: Model) -> tuple[object, ...]:
        return model.path, model.path.stat().st_mtime_ns, self.options.get(model.name)

    def open(self, model: Model, idle_bytes: int) -> tuple["Shelved", Plan]:
        self.opened.append(model.name)
        self.idle_bytes.append(idle_bytes)
        plan = Plan(context_tokens=64, slots=2, threads=1, weights_bytes=0, cache_bytes=MODEL_BYTES)
        return Shelved(self, model.name), plan

    def free_bytes(self) -> int:
        return self.total_bytes - MODEL_BYTES * len(self.loaded)


class Shelved(FakeEngine):
    def __init__(self, shelf: Shelf, name: str) -> None:
        super().__init__(seconds_per_token=0.001)
        self.shelf, self.name = shelf, name

    async def start(self) -> Abilities:
        if self.name not in self.shelf.loaded:
            self.shelf.happened.append(f"+{self.name}")
            if self.shelf.loading:
                await self.shelf.loading.wait()
            if self.name in self.shelf.broken:
                raise WorkerDied(f"{self.name} could not be loaded")
            self.shelf.loaded.append(self.name)
        return await super().start()

    async def close(self) -> None:
        if self.name in self.shelf.loaded:
            if self.shelf.ending:
                await self.shelf.ending.wait()
            self.shelf.loaded.remove(self.name)
            self.shelf.happened.append(f"-{self.name}")


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    monkeypatch.setattr("domov.sizing.plan.PROCESS_BYTES", 0)
    return Shelf(tmp_path)


@pytest.fixture
async def scheduler(shelf: Shelf) -> AsyncIterator[Scheduler]:
    opened = make(shelf)
    yield opened
    await opened.close()


def make(shelf: Shelf, keep_alive_seconds: float = -1) -> Scheduler:
    return Scheduler(shelf.open, key=shelf.key, free_bytes=shelf.free_bytes, keep_alive_seconds=keep_alive_seconds)


def ask(words: str = "hello", keep_alive_seconds: float | None = None) -> ChatRequest:
    return ChatRequest("m", (Message("user", words),), keep_alive_seconds=keep_alive_seconds)


async def answer(scheduler: Scheduler, shelf: Shelf, name: str, request: ChatRequest | None = None) -> None:
    async for _ in scheduler.engine_for(shelf.model(name)).stream(request or ask()):
        pass


async def test_the_least_recently_used_model_makes_room(scheduler: Scheduler, shelf: Shelf) -> None:
    for name in ("a", "b", "a", "c"):
        await answer(scheduler, shelf, name)
    assert shelf.happened == ["+a", "+b", "-b", "+c"]
    assert [row.model for row in scheduler.rows()] == ["c", "a"]


async def test_tokens_are_told_in_full_at_the_end_and_by_pieces_where_an_answer_is_cut_short(
    scheduler: Scheduler, shelf: Shelf
) -> None:
    told: list[int] = []
    scheduler.tell = lambda happening: told.append(happening.tokens) if isinstance(happening, Spent) else None
    await answer(scheduler, shelf, "a", ask("one two three"))
    assert told == [3 + 3]  # a word of the fake's is a token
    async with aclosing(scheduler.engine_for(shelf.model("a")).stream(ask("w " * 50))) as cut:  # type: ignore[type-var]
        for _ in range(7):
            await anext(aiter(cut))
    assert told[1:] == [7]
    engine = scheduler.engine_for(shelf.model("a"))
    read = [(await engine.embed(["one two"])).tokens, (await engine.rerank("one", ["two"])).tokens]
    assert told[2:] == read and min(read) > 0


async def test_a_running_model_is_never_ended_to_make_room(scheduler: Scheduler, shelf: Shelf) -> None:
    shelf.total_bytes = 100
    async with aclosing(scheduler.engine_for(shelf.model("a")).stream(ask("w " * 50))) as running:  # type: ignore[type-var]
        await anext(aiter(running))
        waiting = asyncio.ensure_future(answer(scheduler, shelf, "b"))
        await asyncio.sleep(0.02)
        assert shelf.happened == ["+a"] and not waiting.done()
        words = [event async for event in running]
    await asyncio.wait_for(waiting, 2)
    assert len(words) == 50
    assert shelf.happened == ["+a", "-a", "+b"]


async def test_who_waits_too_long_for_room_is_told_to_come_back(
    scheduler: Scheduler, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ROOM_SECONDS", 0.02)
    shelf.total_bytes = 100
    async with aclosing(scheduler.engine_for(shelf.model("a")).stream(ask("w " * 500))) as running:  # type: ignore[type-var]
        await anext(aiter(running))
        with pytest.raises(Busy):
            await answer(scheduler, shelf, "b")
    await answer(scheduler, shelf, "b")


async def test_loading_one_model_does_not_hold_up_another(scheduler: Scheduler, shelf: Shelf) -> None:
    await answer(scheduler, shelf, "a")
    shelf.loading = asyncio.Event()
    slow = asyncio.ensure_future(answer(scheduler, shelf, "b"))
    await asyncio.sleep(0.01)
    await asyncio.wait_for(answer(scheduler, shelf, "a"), 1)
    assert not slow.done()
    shelf.loading.set()
    await slow


async def test_two_models_that_load_at_once_do_not_both_count_the_same_memory(
    scheduler: Scheduler, shelf: Shelf
) -> None:
    shelf.loading = asyncio.Event()
    tasks = [asyncio.ensure_future(answer(scheduler, shelf, name)) for name in "abc"]
    await asyncio.sleep(0.01)
    assert shelf.happened == ["+a", "+b"]
    shelf.loading.set()
    await asyncio.gather(*tasks)
    assert len(shelf.loaded) == 2


async def test_many_requests_load_a_model_once(scheduler: Scheduler, shelf: Shelf) -> None:
    await asyncio.gather(*(answer(scheduler, shelf, "a") for _ in range(5)))
    assert shelf.happened == ["+a"]


async def test_a_model_that_fits_nowhere_is_tried_when_all_others_are_gone(scheduler: Scheduler, shelf: Shelf) -> None:
    await answer(scheduler, shelf, "a")
    shelf.total_bytes = 50
    await answer(scheduler, shelf, "b")
    assert shelf.happened == ["+a", "-a", "+b"]


async def test_a_model_that_can_not_be_loaded_takes_no_memory(scheduler: Scheduler, shelf: Shelf) -> None:
    shelf.broken = {"b"}
    with pytest.raises(WorkerDied):
        await answer(scheduler, shelf, "b")
    await answer(scheduler, shelf, "a")
    await answer(scheduler, shelf, "c")
    assert shelf.loaded == ["a", "c"]


async def test_an_idle_model_goes_after_its_time(shelf: Shelf) -> None:
    scheduler = make(shelf, keep_alive_seconds=0.03)
    await answer(scheduler, shelf, "a")
    assert scheduler.rows()[0].expires_in_seconds is not None
    assert shelf.loaded == ["a"]
    await asyncio.sleep(0.06)
    assert shelf.loaded == []
    assert scheduler.rows() == []


async def test_a_request_may_say_how_long_its_model_stays(scheduler: Scheduler, shelf: Shelf) -> None:
    await answer(scheduler, shelf, "a", ask(keep_alive_seconds=0))
    await asyncio.sleep(0.01)
    assert shelf.loaded == []
    await answer(scheduler, shelf, "b", ask(keep_alive_seconds=-1))
    assert scheduler.rows()[0].expires_in_seconds is None


async def test_the_time_that_a_request_gave_ends_with_the_model(scheduler: Scheduler, shelf: Shelf) -> None:
    await answer(scheduler, shelf, "a", ask(keep_alive_seconds=0))
    await asyncio.sleep(0.01)
    await answer(scheduler, shelf, "a")
    await asyncio.sleep(0.01)
    assert shelf.loaded == ["a"]


async def test_a_model_is_released_when_it_has_answered(scheduler: Scheduler, shelf: Shelf) -> None:
    engine = scheduler.engine_for(shelf.model("a"))
    async with engine.ready() as seconds:
        await scheduler.release(shelf.model("a"))
        assert shelf.loaded == ["a"] and seconds >= 0
    await asyncio.sleep(0.01)
    assert shelf.loaded == []
    await answer(scheduler, shelf, "a")
    await scheduler.release(shelf.model("a"))
    assert shelf.loaded == []


async def test_a_new_request_keeps_a_model_that_was_about_to_go(shelf: Shelf) -> None:
    scheduler = make(shelf, keep_alive_seconds=0.03)
    await answer(scheduler, shelf, "a")
    await asyncio.sleep(0.02)
    await answer(scheduler, shelf, "a", ask("w " * 30))
    assert shelf.happened == ["+a"]


async def test_a_running_model_can_not_be_unloaded_an_idle_one_can(scheduler: Scheduler, shelf: Shelf) -> None:
    model = shelf.model("a")
    assert not await scheduler.unload(model)
    async with aclosing(scheduler.engine_for(model).stream(ask("w " * 50))) as running:  # type: ignore[type-var]
        await anext(aiter(running))
        assert scheduler.rows()[0].state == "running"
        with pytest.raises(Busy):
            await scheduler.unload(model)
    assert await scheduler.unload(model)
    assert shelf.loaded == []


async def test_a_client_that_leaves_while_the_model_loads_leaves_nothing_behind(
    scheduler: Scheduler, shelf: Shelf
) -> None:
    shelf.loading = asyncio.Event()
    leaving = asyncio.ensure_future(answer(scheduler, shelf, "a"))
    await asyncio.sleep(0.01)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    shelf.loading.set()
    for name in "bc":
        await answer(scheduler, shelf, name)
    assert sorted(shelf.loaded) == ["b", "c"]


async def ask_all(scheduler: Scheduler, *models: Model) -> None:
    for model in models:
        async for _ in scheduler.engine_for(model).stream(ask()):
            pass


async def test_two_names_of_a_file_share_an_engine_if_they_ask_for_the_same(scheduler: Scheduler, shelf: Shelf) -> None:
    a, same, other = shelf.model("a"), shelf.model("same", "a"), shelf.model("other", "a")
    shelf.options["other"] = 1
    await ask_all(scheduler, a, same, other, a)
    assert shelf.happened == ["+a", "+other"]
    assert await scheduler.unload(same)
    assert [row.model for row in scheduler.rows()] == ["other"]


async def test_a_model_is_told_by_any_name_that_wants_it_as_it_is(scheduler: Scheduler, shelf: Shelf) -> None:
    a, same, other = shelf.model("a"), shelf.model("same", "a"), shelf.model("other", "a")
    shelf.options["other"] = 1
    assert scheduler.row(a) is None
    await ask_all(scheduler, a)
    row = scheduler.row(same)
    assert row and (row.model, row.state) == ("a", "idle") and scheduler.row(other) is None


async def test_a_model_that_comes_back_is_planned_anew(scheduler: Scheduler, shelf: Shelf) -> None:
    for _ in range(2):
        await answer(scheduler, shelf, "a")
        await scheduler.unload(shelf.model("a"))
    assert shelf.opened == ["a", "a"]


async def test_a_model_that_could_not_be_loaded_is_opened_anew(scheduler: Scheduler, shelf: Shelf) -> None:
    shelf.broken = {"a"}
    with pytest.raises(WorkerDied):
        await answer(scheduler, shelf, "a")
    shelf.broken = set()
    await answer(scheduler, shelf, "a")
    assert shelf.opened == ["a", "a"]


async def test_a_model_that_is_just_going_is_waited_for(scheduler: Scheduler, shelf: Shelf) -> None:
    shelf.total_bytes, shelf.ending = 100, asyncio.Event()
    await answer(scheduler, shelf, "a")
    going = asyncio.ensure_future(scheduler.unload(shelf.model("a")))
    await asyncio.sleep(0)
    coming = asyncio.ensure_future(answer(scheduler, shelf, "b"))
    back = asyncio.ensure_future(answer(scheduler, shelf, "a"))
    await asyncio.sleep(0.02)
    assert shelf.happened == ["+a"]
    back.cancel()
    shelf.ending.set()
    await asyncio.gather(going, coming)
    assert shelf.happened == ["+a", "-a", "+b"]


async def test_models_may_come_while_others_forget(scheduler: Scheduler, shelf: Shelf) -> None:
    class Forgetting(LlamaCpp):
        async def forget(self, conversation: str) -> None:
            await answer(scheduler, shelf, "b")

    await answer(scheduler, shelf, "a")
    launch = Launch("m", Endpoint(None), context_tokens=64, threads=1, parent=0)
    next(iter(scheduler._loaded.values())).engine = Forgetting(launch, name="a", log=shelf.folder / "log")
    await scheduler.forget("conversation")
    assert "b" in shelf.loaded


async def test_a_plan_counts_on_the_memory_that_idle_models_would_give_back(scheduler: Scheduler, shelf: Shelf) -> None:
    await answer(scheduler, shelf, "a")
    async with aclosing(scheduler.engine_for(shelf.model("b")).stream(ask("w " * 50))) as running:  # type: ignore[type-var]
        await anext(aiter(running))
        await answer(scheduler, shelf, "c")
    assert shelf.idle_bytes == [0, MODEL_BYTES, MODEL_BYTES]  # b runs while c is planned


async def test_what_lies_on_a_card_takes_no_main_memory(shelf: Shelf) -> None:
    card = Share("CUDA0", weights_bytes=400, cache_bytes=0, compute_bytes=0, free_bytes=1000)
    ram = Share(RAM, weights_bytes=0, cache_bytes=MODEL_BYTES, compute_bytes=0, free_bytes=1000)

    def on_a_card(model: Model, idle_bytes: int) -> tuple[Engine, Plan]:
        engine, plan = shelf.open(model, idle_bytes)
        return engine, replace(plan, weights_bytes=400, devices=(card, ram))

    scheduler = Scheduler(on_a_card, key=shelf.key, free_bytes=shelf.free_bytes, keep_alive_seconds=-1)
    await ask_all(scheduler, shelf.model("a"), shelf.model("b"))
    assert shelf.loaded == ["a", "b"]
    await scheduler.close()
