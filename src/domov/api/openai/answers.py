"""What OpenAI's answers have in common: usage, timings, and how their events are written."""

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from domov.api.openai.errors import error_body
from domov.api.streaming import Asked, all_events
from domov.engine.protocol import Engine
from domov.errors import DomovError
from domov.types import (
    Done,
    Dropped,
    Event,
    ReasoningDelta,
    TextDelta,
    Token,
    ToolCall,
    ToolCallDelta,
    Usage,
)

END = b"data: [DONE]\n\n"


def sse(body: Any) -> bytes:
    return b"data: " + orjson.dumps(body) + b"\n\n"


def failed(error: DomovError) -> bytes:
    """An error in the middle of a stream."""
    return b"data: " + error_body(error)[1] + b"\n\n"


def several(request: Asked, count: int) -> list[Asked]:
    """The same request `count` times; a seed is another for each, or the answers would be the same."""
    seed = request.sampling.seed
    if seed is None or count == 1:
        return [request] * count
    return [replace(request, sampling=replace(request.sampling, seed=(seed + n) % 2**32)) for n in range(count)]


@dataclass
class Collected:
    """One whole answer."""

    text: str = ""
    reasoning: str = ""
    tokens: list[Token] = field(default_factory=list)
    calls: dict[int, ToolCall] = field(default_factory=dict)
    done: Done = Done("stop", Usage(0, 0))

    def add(self, event: Event) -> None:
        if isinstance(event, TextDelta):
            self.text += event.text
            self.tokens += event.tokens
        elif isinstance(event, ReasoningDelta):
            self.reasoning += event.text
        elif isinstance(event, ToolCallDelta):
            call = self.calls.get(event.index, ToolCall("", "", ""))
            arguments = call.arguments + event.arguments
            self.calls[event.index] = ToolCall(event.id or call.id, event.name or call.name, arguments)
        elif isinstance(event, Done):
            self.done = event


async def collected(engine: Engine, requests: Sequence[Asked]) -> list[Collected]:
    answers = [Collected() for _ in requests]
    async with aclosing(all_events(engine, requests)) as events:  # type: ignore[type-var]
        async for number, event in events:
            answers[number].add(event)
    return answers


def total(usages: Sequence[Usage], *, prompts: int = 1) -> Usage:
    """Of several answers to the same prompts: a prompt counts once. The first answers to each come first in turn."""
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
