"""Events as the messages that LM Studio's SDKs read on a channel `predict`."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

import orjson

from domov.types import Done, Event, Progress, ReasoningDelta, TextDelta, ToolCall, ToolCallDelta, Usage

Table = dict[str, Any]
STOPS = {"stop": "eosFound", "length": "maxPredictedTokensReached", "tool_calls": "toolCalls"}


async def until(events: AsyncIterator[Event], enough: asyncio.Event) -> AsyncGenerator[Event, None]:
    """The events, until the client has enough."""
    ready: asyncio.Queue[Event | None] = asyncio.Queue()

    async def make() -> None:
        try:
            async with aclosing(events):  # type: ignore[type-var]
                async for event in events:
                    ready.put_nowait(event)
        finally:
            ready.put_nowait(None)

    making, stopping = asyncio.ensure_future(make()), asyncio.ensure_future(enough.wait())
    stopping.add_done_callback(lambda _: making.cancel())
    try:
        while (event := await ready.get()) is not None:
            yield event
        if not enough.is_set():
            await making  # raises what went wrong
    finally:
        stopping.cancel()
        await asyncio.gather(making, stopping, return_exceptions=True)


class Told:
    """What has been told of one prediction."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._first_seconds: float | None = None
        self._done = Done("stop", Usage(0, 0))
        self._stopped = True  # until it has come to its own end
        self._calls: dict[int, ToolCall] = {}

    def messages(self, event: Event) -> list[Table]:
        if isinstance(event, Progress):
            share = event.read_tokens / event.total_tokens if event.total_tokens else 1.0
            return [{"type": "promptProcessingProgress", "progress": share}]
        if self._first_seconds is None:
            self._first_seconds = time.monotonic() - self._start
        if isinstance(event, TextDelta):
            return [_fragment(event, "none")]
        if isinstance(event, ReasoningDelta):
            return [_fragment(event, "reasoning")]
        if isinstance(event, ToolCallDelta):
            call = self._calls.get(event.index, ToolCall("", "", ""))
            arguments = call.arguments + event.arguments
            self._calls[event.index] = ToolCall(event.id or call.id, event.name or call.name, arguments)
            return []
        self._done, self._stopped = event, False
        return [message for _, call in sorted(self._calls.items()) for message in _called(call)]

    def stats(self) -> Table:
        usage = self._done.usage
        reason = "stopStringFound" if self._done.stop_text else STOPS[self._done.reason]
        return {
            "stopReason": "userStopped" if self._stopped else reason,
            "tokensPerSecond": usage.answer_tokens_per_second,
            "timeToFirstTokenSec": self._first_seconds or 0.0,
            "promptTokensCount": usage.prompt_tokens,
            "predictedTokensCount": usage.answer_tokens,
            "totalTokensCount": usage.prompt_tokens + usage.answer_tokens,
        }


def _fragment(event: TextDelta | ReasoningDelta, kind: str) -> Table:
    fragment = {"content": event.text, "tokensCount": event.pieces, "containsDrafted": False, "reasoningType": kind}
    return {"type": "fragment", "fragment": {**fragment, "isStructural": False}}


def _called(call: ToolCall) -> list[Table]:
    """A call of a tool; one whose arguments are no object has failed."""
    try:
        arguments = orjson.loads(call.arguments or "{}")
    except orjson.JSONDecodeError:
        arguments = None
    if not isinstance(arguments, dict):
        return [{"type": "toolCallGenerationStart"}, {"type": "toolCallGenerationFailed"}]
    request = {"type": "function", "id": call.id, "name": call.name, "arguments": arguments}
    return [{"type": "toolCallGenerationStart"}, {"type": "toolCallGenerationEnd", "toolCallRequest": request}]
