from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domov.engine.fitting import MESSAGE_TOKENS, REQUEST_TOKENS, counter, fit, most_tokens
from domov.engine.llamacpp import LlamaCpp
from domov.errors import ContextOverflow
from domov.store.models import Model
from domov.types import ChatRequest, Done, Media, Message, Tool, ToolCall
from tests.engine.test_loading import app_with, call, loaded

CONTEXT_TOKENS = 2048


class Bytes:
    """A tokenizer of one token a byte, with marks of four around each message."""

    def __init__(self) -> None:
        self.counted = 0

    async def tokenize(self, text: str, *, special: bool = False, first: bool = False) -> tuple[int, ...]:
        self.counted += 1
        return tuple(text.encode())

    async def detokenize(self, tokens: Sequence[int]) -> str:
        return bytes(tokens).decode()

    async def render(self, request: ChatRequest) -> str:
        return "".join(f"<<{m.text}>>" for m in request.messages)


def asked(*texts: str, **more: object) -> ChatRequest:
    roles = ("user", "assistant") * len(texts)
    return ChatRequest("m", tuple(map(Message, roles, texts)), **more)  # type: ignore[arg-type]


async def test_a_short_conversation_is_not_counted() -> None:
    tokenizer, request = Bytes(), asked("hello", "hello", "how are you")
    assert await fit(request, context_tokens=CONTEXT_TOKENS, count=counter(tokenizer)) == (request, None)
    assert tokenizer.counted == 0


async def test_a_long_one_is_counted_and_says_what_was_dropped() -> None:
    tokenizer, request = Bytes(), asked("a" * 900, "b" * 900, "c" * 900, max_tokens=100)
    fitted, dropped = await fit(request, context_tokens=CONTEXT_TOKENS, count=counter(tokenizer))
    assert fitted.messages == request.messages[2:]
    assert dropped and (dropped.policy, dropped.messages) == ("drop_oldest", (0, 1))
    assert tokenizer.counted == 2


async def test_the_request_says_how_and_otherwise_the_setting() -> None:
    long = ("a" * 300, "b" * 300, "c" * 900, "d" * 900, "e" * 100)
    count = counter(Bytes())
    _, dropped = await fit(asked(*long), context_tokens=CONTEXT_TOKENS, count=count, policy="keep_ends")
    assert dropped and (dropped.policy, dropped.messages) == ("keep_ends", (2, 3))
    _, dropped = await fit(asked(*long, overflow="drop_oldest"), context_tokens=CONTEXT_TOKENS, count=count)
    assert dropped and dropped.messages == (0, 1, 2, 3)
    with pytest.raises(ContextOverflow, match=f"has {2500 + 20} tokens"):
        await fit(asked(*long, overflow="stop"), context_tokens=CONTEXT_TOKENS, count=count)


async def test_one_prompt_too_long_is_an_error_with_the_numbers() -> None:
    with pytest.raises(ContextOverflow, match="has 5004 tokens, the model's context holds 2048"):
        await fit(asked("x" * 5000), context_tokens=CONTEXT_TOKENS, count=counter(Bytes()))


async def test_pictures_are_guessed_and_never_refused_by_a_guess() -> None:
    picture = Message("user", ("what is it?", Media("image", b"", "image/png")))
    request = ChatRequest("m", (picture,))
    assert await fit(request, context_tokens=1024, count=counter(Bytes())) == (request, None)
    older = ChatRequest("m", (Message("user", "x" * 900), Message("assistant", "y"), picture))
    _, dropped = await fit(older, context_tokens=CONTEXT_TOKENS, count=counter(Bytes()))
    assert dropped and dropped.messages == (0, 1)


async def test_a_text_that_is_no_unicode_is_counted_too() -> None:
    request = asked("\ud800")
    assert (await fit(request, context_tokens=CONTEXT_TOKENS, count=counter(Bytes())))[1] is None


class Worker:
    """The template and the vocabulary of a real model, asked of its worker."""

    def __init__(self, engine: LlamaCpp) -> None:
        self.engine = engine

    async def tokenize(self, text: str, *, special: bool = False, first: bool = False) -> tuple[int, ...]:
        body = {"content": text, "add_special": special, "parse_special": special}
        return tuple((await call(self.engine, "/tokenize", body))["tokens"])

    async def detokenize(self, tokens: Sequence[int]) -> str:
        return str((await call(self.engine, "/detokenize", {"tokens": tokens}))["content"])

    async def render(self, request: ChatRequest) -> str:
        messages = [{"role": m.role, "content": m.text} for m in request.messages]
        return str((await call(self.engine, "/apply-template", {"messages": messages}))["prompt"])


async def test_a_real_model_answers_what_was_made_to_fit(starter: Model, tmp_path: Path) -> None:
    said = "The house by the sea is old, and the people in it are kind. " * 12
    async with loaded(app_with(tmp_path, context_tokens=1024), starter) as engine:
        count = counter(Worker(engine))
        request = asked(*[said] * 9, max_tokens=20)
        whole = await count(request)
        assert 1024 < whole < most_tokens(request)
        with pytest.raises(ContextOverflow) as caught:
            await ask_of(engine, replace(request, overflow="stop"))
        assert caught.value.prompt_tokens == whole, "counted as the engine counts"
        fitted, dropped = await fit(request, context_tokens=1024, count=count)
        assert dropped and dropped.messages == tuple(range(len(dropped.messages)))
        done = await ask_of(engine, fitted)
        assert done.usage.prompt_tokens == await count(fitted) <= 1024 - 20


async def ask_of(engine: LlamaCpp, request: ChatRequest) -> Done:
    events = [event async for event in engine.stream(request)]
    assert isinstance(events[-1], Done)
    return events[-1]


@given(st.lists(st.text(max_size=50), min_size=1, max_size=5), st.text(), st.text())
def test_sizes_alone_never_tell_too_little(texts: list[str], name: str, arguments: str) -> None:
    request = asked(*texts)
    assert most_tokens(request) >= sum(len(t.encode()) + 4 for t in texts)
    calls = (Message("assistant", "", (ToolCall("1", name, arguments),)),)
    tool = Tool(name, arguments, {"type": "object"})
    more = ChatRequest("m", (*request.messages, *calls), tools=(tool,))
    assert most_tokens(more) >= most_tokens(request) + MESSAGE_TOKENS + 2 * len((name + arguments).encode())


def test_the_allowance_for_templates_is_per_message_and_per_request() -> None:
    assert most_tokens(asked("", "")) == REQUEST_TOKENS + 2 * MESSAGE_TOKENS
