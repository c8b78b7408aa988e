"""What every engine must do, the fake one and the real ones alike."""

import asyncio
from contextlib import aclosing

import orjson
import pytest

from domov.engine.protocol import Engine, Tokenizer
from domov.errors import BadRequest, ContextOverflow
from domov.types import (
    Adapter,
    ChatRequest,
    CompletionRequest,
    Done,
    Event,
    Media,
    Message,
    Sampling,
    TextDelta,
    Tool,
    ToolCallDelta,
)
from tests.engine.conftest import CONTEXT_TOKENS, is_idle

LIKELIEST = Sampling(temperature=0.0)
QUESTION = (Message("user", "Tell me a story about a house by the sea and the people in it."),)


async def collect(engine: Engine, request: ChatRequest | CompletionRequest) -> tuple[str, list[Event]]:
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


async def test_the_stop_text_that_ended_an_answer_is_told(engine: Engine) -> None:
    whole, _ = await collect(engine, ChatRequest("m", QUESTION, LIKELIEST, max_tokens=12))
    stop = whole.split()[2]
    _, events = await collect(engine, ChatRequest("m", QUESTION, LIKELIEST, max_tokens=12, stop=("zzz", stop)))
    assert isinstance(events[-1], Done) and events[-1].stop_text == stop


async def test_a_text_is_written_on_too(engine: Engine) -> None:
    text, events = await collect(engine, CompletionRequest("m", "one two three four five", LIKELIEST, max_tokens=4))
    assert text and isinstance(events[-1], Done) and events[-1].usage.answer_tokens == 4


async def test_figures_are_told_of_each_token_when_they_are_wanted(engine: Engine) -> None:
    _, events = await collect(engine, ChatRequest("m", QUESTION, LIKELIEST, max_tokens=4, top_logprobs=2))
    tokens = [token for event in events if isinstance(event, TextDelta) for token in event.tokens]
    assert len(tokens) == 4
    assert all(token.logprob <= 0 and len(token.alternatives) == 2 for token in tokens)


async def test_a_banned_text_is_never_written(engine: Engine) -> None:
    whole, _ = await collect(engine, ChatRequest("m", QUESTION, LIKELIEST, max_tokens=12))
    word = whole.split()[2]
    sampling = Sampling(temperature=0.0, banned_texts=(word.upper(),))
    text, _ = await collect(engine, ChatRequest("m", QUESTION, sampling, max_tokens=12))
    assert text and word.lower() not in text.lower()


async def test_a_tool_that_must_be_called_is(engine: Engine) -> None:
    tool = Tool("look", "Looks.", {"type": "object", "properties": {}, "additionalProperties": False})
    _, events = await collect(engine, ChatRequest("m", QUESTION, LIKELIEST, tools=(tool,), tool_choice="=look"))
    (name,) = [event.name for event in events if isinstance(event, ToolCallDelta) and event.name]
    assert name == "look" and isinstance(events[-1], Done) and events[-1].reason == "tool_calls"


@pytest.mark.parametrize(
    "request_",
    [
        ChatRequest("m", ()),
        ChatRequest("m", QUESTION, Sampling(temperature=float("nan"))),
        ChatRequest("m", QUESTION, Sampling(samplers=("magic",))),
        ChatRequest("m", QUESTION, tool_choice="required"),
        ChatRequest("m", QUESTION, adapters=(Adapter(9, 1.0),)),
        ChatRequest("m", QUESTION, json_schema={}, grammar='root ::= "x"'),
        ChatRequest("m", (Message("user", (Media("image", b"x", "image/png"),)),)),
        CompletionRequest("m", ()),
        CompletionRequest("m", (-1,)),
        CompletionRequest("m", "def f(", suffix=")"),
    ],
    ids=lambda r: repr(r)[-60:],
)
async def test_what_it_is_not_able_to_do_it_refuses(engine: Engine, request_: ChatRequest | CompletionRequest) -> None:
    with pytest.raises(BadRequest):
        await collect(engine, request_)


async def test_tokens_are_told_and_read_back(engine: Engine) -> None:
    assert isinstance(engine, Tokenizer)
    tokens = await engine.tokenize("Dobrý den 🏠")
    assert tokens and await engine.detokenize(tokens) == "Dobrý den 🏠"
    assert "story" in await engine.render(ChatRequest("m", QUESTION))
    with pytest.raises(BadRequest):
        await engine.detokenize([-1])
