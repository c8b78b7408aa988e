"""What every engine must do, the fake one and the real ones alike."""

import asyncio
from contextlib import aclosing

import orjson
import pytest

from domov.engine.protocol import Engine
from domov.errors import ContextOverflow
from domov.types import ChatRequest, Done, Event, Message, Sampling, TextDelta
from tests.engine.conftest import CONTEXT_TOKENS, is_idle

LIKELIEST = Sampling(temperature=0.0)
QUESTION = (Message("user", "Tell me a story about a house by the sea and the people in it."),)


async def collect(engine: Engine, request: ChatRequest) -> tuple[str, list[Event]]:
    events = [event async for event in engine.stream(request)]
    return "".join(e.text for e in events if isinstance(e, TextDelta)), events


async def test_an_answer_is_words_and_then_one_done(engine: Engine) -> None:
    text, events = await collect(engine, ChatRequest("m", QUESTION, LIKELIEST, max_tokens=8))
    assert text
    assert isinstance(events[-1], Done)
    assert sum(isinstance(e, Done) for e in events) == 1
    assert events[-1].usage.prompt_tokens >= 10


async def test_max_tokens_cuts_an_answer_and_says_so(engine: Engine) -> None:
    _, events = await collect(engine, ChatRequest("m", QUESTION, LIKELIEST, max_tokens=5))
    done = events[-1]
    assert isinstance(done, Done)
    assert (done.reason, done.usage.answer_tokens) == ("length", 5)


async def test_a_stop_text_ends_the_answer_and_is_not_in_it(engine: Engine) -> None:
    whole, _ = await collect(engine, ChatRequest("m", QUESTION, LIKELIEST, max_tokens=12))
    stop = whole.split()[2]
    text, events = await collect(engine, ChatRequest("m", QUESTION, LIKELIEST, max_tokens=12, stop=(stop,)))
    assert stop not in text
    assert whole.startswith(text.rstrip())
    assert isinstance(events[-1], Done) and events[-1].reason == "stop"


async def test_at_temperature_zero_an_answer_repeats(engine: Engine) -> None:
    request = ChatRequest("m", QUESTION, LIKELIEST, max_tokens=10)
    assert (await collect(engine, request))[0] == (await collect(engine, request))[0]


async def test_an_answer_matches_its_json_schema(engine: Engine) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "additionalProperties": False}
    text, _ = await collect(engine, ChatRequest("m", QUESTION, LIKELIEST, max_tokens=40, json_schema=schema))
    assert isinstance(orjson.loads(text).get("n", 0), int)


async def test_a_prompt_longer_than_the_context_is_refused_with_the_numbers(engine: Engine) -> None:
    long = (Message("user", "home " * (2 * CONTEXT_TOKENS)),)
    with pytest.raises(ContextOverflow) as caught:
        await collect(engine, ChatRequest("m", long))
    assert caught.value.context_tokens == CONTEXT_TOKENS
    assert caught.value.prompt_tokens >= 2 * CONTEXT_TOKENS


async def test_closing_the_stream_stops_the_work(engine: Engine) -> None:
    request = ChatRequest("m", (Message("user", "Count. " * 300),), LIKELIEST, max_tokens=400)
    async with aclosing(engine.stream(request)) as events:  # type: ignore[type-var]
        await anext(aiter(events))
        assert not await is_idle(engine)
    async with asyncio.timeout(2):
        while not await is_idle(engine):
            await asyncio.sleep(0.005)


async def test_it_can_be_started_again_after_it_was_closed(engine: Engine) -> None:
    before = await engine.start()
    await engine.close()
    assert await engine.start() == before
    assert (await collect(engine, ChatRequest("m", QUESTION, max_tokens=2)))[0]
