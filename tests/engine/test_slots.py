"""Who gets which slot and when; the worker's part is played by a few lines that note what they were told."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from domov.engine.slots import LEAST_CHARACTERS, Slots, prefix_of
from domov.engine.states import States
from domov.errors import Broken, Busy
from domov.types import Adapter, ChatRequest, CompletionRequest, Media, Message, Priority

LONG = "A long text about a house by the sea. " * (LEAST_CHARACTERS // 30)


class Orders:
    """Does what a worker does with the orders that slots give: it writes a file where it is told to save."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.given = folder, list[str]()
        self.refuses = False
        self.goes_on = asyncio.Event()  # nothing is carried out before
        self.goes_on.set()

    async def __call__(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        self.given.append(path)
        if "save" in path and not self.refuses:
            (self.folder / body["filename"]).write_bytes(b"cache")
        await self.goes_on.wait()
        if self.refuses:
            raise Broken("no")
        return {"n_saved": 10}

    @property
    def kinds(self) -> list[str]:
        return [path.partition("=")[2] for path in self.given]


@pytest.fixture
def states(tmp_path: Path) -> States:
    return States(tmp_path, "key", most_bytes=1 << 30)


def make(count: int, states: States | None = None, *, queue: int = 8) -> tuple[Slots, Orders]:
    orders = Orders(states.folder if states else Path())
    return Slots(count, orders, queue=queue, context_tokens=4096, states=states), orders


def chat(*texts: str, priority: Priority = "interactive", private: bool = False) -> ChatRequest:
    roles = ("user", "assistant")
    messages = tuple(Message(roles[n % 2], text) for n, text in enumerate(texts))  # type: ignore[arg-type]
    return ChatRequest("m", messages, priority=priority, private=private, conversation=texts[0][:8])


async def once(slots: Slots, request: ChatRequest | CompletionRequest) -> int:
    async with slots.take(request) as number:
        return number


async def test_a_conversation_comes_back_to_its_slot() -> None:
    slots, _ = make(3)
    one, two = "one " * 20, "two " * 20
    first, second = await once(slots, chat(one)), await once(slots, chat(two))
    assert first != second
    assert await once(slots, chat(one, "answer", "more")) == first
    assert await once(slots, chat(two, "answer", "more")) == second


async def test_two_conversations_with_the_same_long_start_share_its_slot() -> None:
    slots, _ = make(2)
    first = await once(slots, chat(LONG, "answer"))
    assert await once(slots, chat(LONG, "another answer")) == first


async def test_a_new_conversation_takes_the_slot_unused_for_longest() -> None:
    slots, _ = make(2)
    a, b = await once(slots, chat("a" * 50)), await once(slots, chat("b" * 50))
    assert await once(slots, chat("c" * 50)) == a
    assert await once(slots, chat("d" * 50)) == b


async def test_requests_beyond_the_slots_wait_for_their_turn() -> None:
    slots, _ = make(1)
    order: list[str] = []

    async def ask(name: str, priority: Priority) -> None:
        async with slots.take(chat(name, priority=priority)):
            order.append(name)
            await asyncio.sleep(0.01)

    names: list[tuple[str, Priority]] = [("first", "batch"), ("job", "batch"), ("person", "interactive")]
    async with asyncio.TaskGroup() as group:
        for name, priority in names:
            group.create_task(ask(name, priority))
            await asyncio.sleep(0)
    assert order == ["first", "person", "job"]
    assert (slots.running, slots.waiting) == (0, 0)


async def test_a_batch_leaves_a_slot_for_people() -> None:
    slots, _ = make(2)
    async with slots.take(chat("job 1", priority="batch")):
        waiting = asyncio.ensure_future(once(slots, chat("job 2", priority="batch")))
        await asyncio.sleep(0)
        assert slots.waiting == 1
        await asyncio.wait_for(once(slots, chat("person")), 1)
        assert not waiting.done()
    await asyncio.wait_for(waiting, 1)


async def test_a_full_queue_says_when_to_come_back() -> None:
    slots, _ = make(1, queue=1)
    async with slots.take(chat("one")):
        waiting = asyncio.ensure_future(once(slots, chat("two")))
        await asyncio.sleep(0)
        with pytest.raises(Busy) as caught:
            await once(slots, chat("three"))
        assert caught.value.retry_seconds >= 1
    await waiting


@pytest.mark.parametrize("turns", [0, 1, 2])
async def test_who_leaves_the_queue_blocks_nobody(turns: int) -> None:
    slots, _ = make(1)
    async with slots.take(chat("one")):
        leaving = asyncio.ensure_future(once(slots, chat("two")))
        staying = asyncio.ensure_future(once(slots, chat("three")))
        await asyncio.sleep(0)
        if turns == 0:
            leaving.cancel()
    for _ in range(turns):
        await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.wait_for(staying, 1)
    assert await asyncio.wait_for(once(slots, chat("four")), 1) == 0


async def test_when_the_worker_ends_those_who_wait_are_told() -> None:
    slots, _ = make(1)
    async with slots.take(chat("one")):
        waiting = asyncio.ensure_future(once(slots, chat("two")))
        await asyncio.sleep(0)
        slots.close()
        with pytest.raises(ConnectionError):
            await waiting


async def test_what_a_slot_loses_is_saved_first_and_comes_back(states: States) -> None:
    slots, orders = make(1, states)
    await once(slots, chat(LONG))
    await once(slots, chat("something else"))
    assert orders.kinds == ["save"]
    await once(slots, chat(LONG, "answer", "more"))
    assert orders.kinds == ["save", "restore"]


async def test_what_goes_on_in_its_slot_is_neither_saved_nor_restored(states: States) -> None:
    slots, orders = make(1, states)
    await once(slots, chat(LONG))
    await once(slots, chat(LONG, "answer", "more"))
    assert orders.kinds == []


async def test_at_the_end_everything_is_saved_once(states: States) -> None:
    slots, orders = make(2, states)
    await once(slots, chat(LONG))
    await slots.save_all()
    await slots.save_all()
    assert orders.kinds == ["save"]
    assert [s.tokens for s in states.all()] == [10]


async def test_a_private_conversation_is_never_saved(states: States) -> None:
    slots, orders = make(1, states)
    await once(slots, chat(LONG, private=True))
    await once(slots, chat("something else"))
    await slots.save_all()
    assert orders.kinds == []


async def test_of_suggestions_nothing_is_saved_and_they_stay_in_one_slot(states: States) -> None:
    slots, orders = make(2, states)
    typed = [CompletionRequest("m", LONG + "def f"[:n], suffix="\n") for n in range(1, 6)]
    marked = [CompletionRequest("m", f"<fim_prefix>{r.prompt!s}<fim_suffix>\n<fim_middle>") for r in typed]
    assert len({await once(slots, request) for request in typed}) == 1
    assert len({await once(slots, request) for request in marked}) == 1
    await slots.save_all()
    assert orders.kinds == []


async def test_a_conversation_is_saved_before_a_suggestion_takes_its_slot(states: States) -> None:
    slots, orders = make(1, states)
    await once(slots, chat(LONG))
    await once(slots, CompletionRequest("m", "def f", suffix="\n"))
    await once(slots, chat(LONG))
    assert orders.kinds == ["save", "restore"]


async def test_short_texts_are_not_worth_a_file(states: States) -> None:
    slots, orders = make(1, states)
    await once(slots, chat("short"))
    await slots.save_all()
    assert orders.kinds == []


async def test_a_state_that_can_not_be_restored_is_removed_and_the_request_goes_on(states: States) -> None:
    slots, orders = make(1, states)
    await once(slots, chat(LONG))
    await once(slots, chat("something else"))
    orders.refuses = True
    assert await once(slots, chat(LONG)) == 0
    assert states.all() == []


async def test_a_disk_without_room_costs_nothing_but_the_state(states: States) -> None:
    slots, orders = make(1, states)
    await once(slots, chat(LONG))
    orders.refuses = True
    assert await once(slots, chat("something else")) == 0
    assert states.all() == []


async def test_a_worker_that_is_gone_does_not_cost_a_state(states: States) -> None:
    slots, orders = make(1, states)
    await once(slots, chat(LONG))
    await once(slots, chat("something else"))

    async def gone(path: str, body: dict[str, Any]) -> dict[str, Any]:
        raise ConnectionError(path)

    with pytest.raises(ConnectionError):
        await once(Slots(1, gone, queue=1, context_tokens=4096, states=states), chat(LONG))
    assert len(states.all()) == 1


async def test_a_conversation_is_forgotten_in_the_slot_too(states: States) -> None:
    slots, orders = make(2, states)
    await once(slots, chat(LONG))
    await slots.forget(LONG[:8])
    await slots.save_all()
    assert orders.kinds == ["erase"]


async def test_a_queue_full_of_batch_work_keeps_nobody_else_out() -> None:
    slots, _ = make(2, queue=1)
    async with slots.take(chat("job 1", priority="batch")):
        waiting = asyncio.ensure_future(once(slots, chat("job 2", priority="batch")))
        await asyncio.sleep(0)
        with pytest.raises(Busy):
            await once(slots, chat("job 3", priority="batch"))
        await asyncio.wait_for(once(slots, chat("person")), 1)
    await waiting


async def start_of(orders: Orders, kind: str, work: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
    """The work, as far as an order of that kind, which is not carried out yet."""
    before = orders.kinds.count(kind)
    orders.goes_on.clear()
    task = asyncio.ensure_future(work)
    while orders.kinds.count(kind) == before:
        await asyncio.sleep(0)
    return task


async def test_a_state_is_kept_though_the_request_that_needed_its_slot_has_left(states: States) -> None:
    slots, orders = make(1, states)
    await once(slots, chat(LONG))
    leaving = await start_of(orders, "save", once(slots, chat("something else")))
    leaving.cancel()
    await asyncio.sleep(0)
    assert slots.running == 1  # the worker still saves it
    orders.goes_on.set()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert len(states.all()) == 1
    assert slots.running == 0


async def test_a_request_that_is_refused_says_nothing_about_its_slot(states: States) -> None:
    slots, orders = make(1, states)
    with pytest.raises(Broken):
        async with slots.take(chat(LONG)):
            raise Broken("the engine refused it")
    await slots.save_all()
    assert orders.kinds == []


async def test_a_conversation_forgotten_while_it_runs_is_not_saved_later(states: States) -> None:
    slots, orders = make(1, states)
    async with slots.take(chat(LONG)):
        await slots.forget(LONG[:8])
    await slots.save_all()
    assert states.all() == [] and orders.kinds == []


async def test_a_conversation_forgotten_while_it_is_saved_is_not_kept(states: States) -> None:
    slots, orders = make(1, states)
    await once(slots, chat(LONG))
    saving = await start_of(orders, "save", slots.save_all())
    await slots.forget(LONG[:8])
    orders.goes_on.set()
    await saving
    assert list(states.folder.iterdir()) == []


async def test_a_save_that_is_given_up_leaves_no_file(states: States) -> None:
    slots, orders = make(1, states)
    await once(slots, chat(LONG))
    saving = await start_of(orders, "save", slots.save_all())
    (states.folder / "0123456789abcdef.bin").touch()  # another process's: stays
    saving.cancel()
    await asyncio.gather(saving, return_exceptions=True)
    orders.goes_on.set()
    assert [path.name for path in states.folder.iterdir()] == ["0123456789abcdef.bin"]


def test_a_longer_conversation_starts_with_the_shorter_one() -> None:
    assert prefix_of(chat("a", "b", "c")).startswith(prefix_of(chat("a", "b")))
    assert prefix_of(CompletionRequest("m", "ab c")).startswith(prefix_of(CompletionRequest("m", "ab")))


def test_what_changes_every_token_after_it_differs_from_the_start() -> None:
    plain = ChatRequest("m", (Message("user", LONG),))
    adapted = ChatRequest("m", (Message("user", LONG),), adapters=(Adapter(0, 0.5),))
    seen = ChatRequest("m", (Message("user", (LONG, Media("image", b"1", "image/png"))),))
    other = ChatRequest("m", (Message("user", (LONG, Media("image", b"2", "image/png"))),))
    assert prefix_of(plain)[:8] != prefix_of(adapted)[:8]
    assert prefix_of(seen) != prefix_of(other)
