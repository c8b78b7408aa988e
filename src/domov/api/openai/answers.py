"""What OpenAI's answers have in common: usage, timings, figures of tokens, and how they are streamed."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import orjson
from fastapi.responses import Response

from domov.api.answers import Collected, streaming
from domov.api.openai.errors import error_body
from domov.engine.protocol import Engine
from domov.errors import DomovError
from domov.types import ChatRequest, CompletionRequest, Dropped, Event, Usage

Asked = ChatRequest | CompletionRequest
END = b"data: [DONE]\n\n"


def sse(body: Any) -> bytes:
    return b"data: " + orjson.dumps(body) + b"\n\n"


def several(request: Asked, count: int) -> list[Asked]:
    """The same request `count` times; a seed is another for each, or the answers would be the same."""
    seed = request.sampling.seed
    if seed is None or count == 1:
        return [request] * count
    return [replace(request, sampling=replace(request.sampling, seed=(seed + n) % 2**32)) for n in range(count)]


async def all_events(engine: Engine, requests: Sequence[Asked]) -> AsyncIterator[tuple[int, Event]]:
    """The events of all answers as they come, each with the number of its request.

    As many are made at the same time as the model has slots.
    """
    if len(requests) == 1:
        async with aclosing(engine.stream(requests[0])) as events:  # type: ignore[type-var]
            async for event in events:
                yield 0, event
        return
    free, ready = asyncio.Semaphore((await engine.start()).slots), asyncio.Queue[tuple[int, Event | None]]()

    async def make(number: int, request: Asked) -> None:
        try:
            async with free, aclosing(engine.stream(request)) as events:  # type: ignore[type-var]
                async for event in events:
                    ready.put_nowait((number, event))
        finally:
            ready.put_nowait((number, None))

    tasks = [asyncio.ensure_future(make(number, request)) for number, request in enumerate(requests)]
    try:
        for _ in tasks:
            while (made := await ready.get())[1] is not None:
                yield made[0], made[1]
            await tasks[made[0]]  # raises what went wrong
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def streamed(
    events: AsyncIterator[tuple[int, Event]], encode: Callable[[int, Event], bytes], last: Callable[[], bytes]
) -> Response:
    """The answer as server-sent events; an error before the first of them keeps its status.

    encode  the bytes of an event
    last    the bytes that follow them all
    """

    async def chunks() -> AsyncGenerator[bytes, None]:
        async with aclosing(events):  # type: ignore[type-var]
            async for number, event in events:
                yield encode(number, event)
            yield last()

    def failed(error: DomovError) -> bytes:
        return b"data: " + error_body(error)[1] + b"\n\n"

    return await streaming(chunks(), failed=failed, media_type="text/event-stream")


async def collected(engine: Engine, requests: Sequence[Asked]) -> list[Collected]:
    answers = [Collected() for _ in requests]
    async with aclosing(all_events(engine, requests)) as events:  # type: ignore[type-var]
        async for number, event in events:
            answers[number].add(event)
    return answers


def in_order(usages: Mapping[int, Usage]) -> list[Usage]:
    """By the numbers of their requests."""
    return [usage for _, usage in sorted(usages.items())]


def total(usages: Sequence[Usage], *, prompts: int = 1) -> Usage:
    """Of several answers to the same prompts, in the order of their requests: a prompt counts once."""
    each = max(1, len(usages) // prompts)
    firsts = usages[::each]
    return Usage(
        prompt_tokens=sum(u.prompt_tokens for u in firsts),
        answer_tokens=sum(u.answer_tokens for u in usages),
        cached_tokens=sum(u.cached_tokens for u in firsts),
        prompt_seconds=sum(u.prompt_seconds for u in usages),
        answer_seconds=sum(u.answer_seconds for u in usages),
        drafted_tokens=sum(u.drafted_tokens for u in usages),
        accepted_tokens=sum(u.accepted_tokens for u in usages),
    )


def usage_table(usage: Usage) -> dict[str, Any]:
    table: dict[str, Any] = {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.answer_tokens,
        "total_tokens": usage.prompt_tokens + usage.answer_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
    }
    if usage.drafted_tokens:
        rejected = usage.drafted_tokens - usage.accepted_tokens
        table["completion_tokens_details"] = {
            "accepted_prediction_tokens": usage.accepted_tokens,
            "rejected_prediction_tokens": rejected,
        }
    return table


def timings_table(usage: Usage) -> dict[str, Any]:
    """llama.cpp's `timings`, which Open WebUI and others show."""
    table = {
        "cache_n": usage.cached_tokens,
        "prompt_n": usage.prompt_tokens - usage.cached_tokens,
        "prompt_ms": usage.prompt_seconds * 1000,
        "predicted_n": usage.answer_tokens,
        "predicted_ms": usage.answer_seconds * 1000,
        "predicted_per_second": usage.answer_tokens_per_second,
    }
    if usage.drafted_tokens:
        table |= {"draft_n": usage.drafted_tokens, "draft_n_accepted": usage.accepted_tokens}
    return table


def dropped_table(dropped: Dropped | None) -> dict[str, Any]:
    """What was left out of the prompt, where something was."""
    return {} if dropped is None else {"dropped": {"policy": dropped.policy, "messages": list(dropped.messages)}}
