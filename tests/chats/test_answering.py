"""Answers under way: kept while they are made, told to whoever listens, ended in every way."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

import pytest

from domov.chats.answering import Answering, Live, Made, settled
from domov.chats.chats import Chats
from domov.chats.records import Turn
from domov.errors import Busy, DomovError
from domov.meter.tariff import Tariff
from domov.types import Done, Dropped, Event, Progress, ReasoningDelta, TextDelta, Usage
from tests.chats.kept import made as made_chat


@pytest.fixture
def turn(chats: Chats) -> Turn:
    chat = made_chat(chats)
    turn = Turn("m", chat.id, None, "assistant", "", status="running")
    chats.turns.add([turn], chat=chat.id)
    return turn


async def events(*given: Event | dict[str, Any] | DomovError, wait: asyncio.Event | None = None) -> Made:
    for event in given:
        if isinstance(event, DomovError):
            raise event
        yield event
    if wait:
        await wait.wait()


async def heard(live: Live, after: int = 0) -> list[dict[str, Any]]:
    return [event async for event in live.events(after)]


DONE = Done("stop", Usage(10, 4, 6, answer_seconds=2.0))


async def test_an_answer_is_kept_with_its_figures(chats: Chats, turn: Turn) -> None:
    told = {"size_tokens": 100, "place": {"where": "home", "reason": ""}}
    live = Answering().begin(
        chats.turns, turn, events(told, ReasoningDelta("hm"), TextDelta("Ahoj"), TextDelta("!"), DONE)
    )
    await heard(live)
    (kept,) = chats.turns.of(turn.chat)
    assert (kept.content, kept.reasoning, kept.status) == ("Ahoj!", "hm", "done")
    assert kept.about["finish_reason"] == "stop" and kept.about["place"]["where"] == "home"
    assert kept.about["context"] == {"used_tokens": 14, "size_tokens": 100}
    stats = kept.about["stats"]
    assert (stats["prompt_tokens"], stats["cached_tokens"], stats["answer_tokens"]) == (10, 6, 4)
    assert stats["tokens_per_second"] == 2.0 and stats["first_token_seconds"] >= 0


async def test_the_energy_of_an_answer_is_told_with_its_cost(chats: Chats, turn: Turn) -> None:
    tariff = Tariff(kilowatt_hour=0.5, currency="CZK", estimated=True)
    done = Done("stop", Usage(10, 4, joules=3600.0))
    await heard(Answering(lambda: tariff).begin(chats.turns, turn, events(TextDelta("Ahoj"), done, done)))
    (kept,) = chats.turns.of(turn.chat)
    told = {name: kept.about["stats"][name] for name in ("joules", "cost", "currency", "estimated")}
    assert told == {"joules": 7200.0, "cost": 0.001, "currency": "CZK", "estimated": True}


async def test_who_comes_late_hears_all_that_is_missing_and_nothing_twice(chats: Chats, turn: Turn) -> None:
    gate = asyncio.Event()

    async def slowly() -> AsyncGenerator[Event | dict[str, Any], None]:
        for word in ("a", "b", "c"):
            yield TextDelta(word)
        await gate.wait()
        yield TextDelta("d")
        yield DONE

    live = Answering().begin(chats.turns, turn, slowly())
    while len(live.pieces) < 3:
        await asyncio.sleep(0)
    assert live.table()["seq"] == 3 and live.table()["content"] == "abc"
    listening = [asyncio.ensure_future(heard(live, after)) for after in (0, 2, 3, 9)]
    await asyncio.sleep(0)
    gate.set()
    whole, tail, rest, beyond = await asyncio.gather(*listening)
    assert whole == [{"seq": 3, "text": "abc"}, {"seq": 4, "text": "d"}]
    assert tail == [{"seq": 3, "text": "c"}, {"seq": 4, "text": "d"}]
    assert rest == [{"seq": 4, "text": "d"}] and beyond == []


async def test_how_far_it_is_is_told_until_the_first_word(chats: Chats, turn: Turn) -> None:
    loading = {"progress": {"stage": "loading", "fraction": 0.5}}
    gate = asyncio.Event()

    async def made() -> Made:
        yield loading
        await gate.wait()
        yield Progress(3, 4, 0)
        await asyncio.sleep(0.01)
        yield TextDelta("x")
        yield DONE

    live = Answering().begin(chats.turns, turn, made())
    task = asyncio.ensure_future(heard(live))
    while not live.progress:
        await asyncio.sleep(0)
    gate.set()
    told = await task
    assert {"seq": 0, "progress": {"stage": "reading", "fraction": 0.75}} in told
    assert told[-1] == {"seq": 1, "text": "x"} and live.progress is None


async def test_what_is_stopped_keeps_its_text_and_tells_what_was_seen(chats: Chats, turn: Turn) -> None:
    answering = Answering()
    live = answering.begin(chats.turns, turn, events(TextDelta("half"), wait=asyncio.Event()))
    while not live.pieces:
        await asyncio.sleep(0)
    await answering.stop(live)
    (kept,) = chats.turns.of(turn.chat)
    assert (kept.content, kept.status) == ("half", "stopped")
    assert kept.about["stats"]["answer_tokens"] == 1 and kept.about["stats"]["prompt_tokens"] is None
    await answering.stop(live)  # once more is no matter
    assert answering.of(turn) is None


async def test_one_that_is_stopped_before_it_begins_ends_too(chats: Chats, turn: Turn) -> None:
    answering = Answering()
    live = answering.begin(chats.turns, turn, events(TextDelta("x")))
    await answering.stop(live)
    assert live.ended and live.ended.status == "stopped" and await heard(live) == []


async def test_an_error_is_kept_with_what_to_do(chats: Chats, turn: Turn) -> None:
    live = Answering().begin(chats.turns, turn, events(TextDelta("so "), Busy("too much", retry_seconds=5)))
    await heard(live)
    (kept,) = chats.turns.of(turn.chat)
    assert (kept.status, kept.content) == ("failed", "so ")
    assert kept.about["error"] == {"message": "too much", "hint": "ask again in 5 s"}


async def test_the_text_is_kept_while_it_is_written(chats: Chats, turn: Turn) -> None:
    answering = Answering(write_seconds=0.01)
    live = answering.begin(chats.turns, turn, events(TextDelta("so far"), wait=asyncio.Event()))
    while (await asyncio.to_thread(chats.turns.of, turn.chat))[0].content != "so far":
        await asyncio.sleep(0.01)
    assert chats.turns.of(turn.chat)[0].status == "running"
    await answering.close()
    assert chats.turns.of(turn.chat)[0].status == "interrupted" and live.ended


async def test_what_is_gone_on_with_is_told_from_its_first_character(chats: Chats, turn: Turn) -> None:
    begun = replace(turn, content="once ", reasoning="r")
    live = Answering().begin(chats.turns, begun, events(TextDelta("more"), DONE))
    assert live.table()["seq"] == 2
    assert await heard(live, 2) == [{"seq": 3, "text": "more"}]
    assert chats.turns.of(turn.chat)[0].content == "once more"


async def test_an_answer_whose_message_is_deleted_meanwhile_comes_to_its_end(chats: Chats, turn: Turn) -> None:
    live = Answering().begin(chats.turns, turn, events(TextDelta("x"), DONE))
    chats.delete(turn.chat, owner="")
    assert (await heard(live))[-1]["text"] == "x"


def test_what_was_left_out_is_told_by_the_ids_of_messages() -> None:
    about = {"dropped": Dropped("drop_oldest", (1, 2)), "turns": ((), ("a", "b"), ("c",), ("d",)), "size_tokens": 5}
    assert settled(about, None) == {"overflow": {"policy": "drop_oldest", "messages": ["a", "b", "c"]}}
