"""Events as Ollama's answers: one JSON object a line, times in nanoseconds, the last line with the figures."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import orjson

from domov.api.answers import Collected
from domov.errors import Broken
from domov.types import Done, Event, ReasoningDelta, TextDelta, Token, ToolCall, ToolCallDelta

NDJSON = "application/x-ndjson"
NEVER_SECONDS = 292 * 365 * 86_400  # as far as Go's nanoseconds reach


def line(body: dict[str, Any]) -> bytes:
    return orjson.dumps(body) + b"\n"


def timestamp(in_seconds: float = 0) -> str:
    """Now, or so many seconds later, as RFC 3339 has it."""
    return (datetime.now(UTC) + timedelta(seconds=in_seconds)).isoformat().replace("+00:00", "Z")


def nanoseconds(seconds: float) -> int:
    return round(seconds * 1e9)


@dataclass
class Reply:
    """One answer of a chat, or of `generate`, as it is made.

    started_seconds  of the monotonic clock, when the request came
    load_seconds     that the model took to be ready
    """

    model: str
    form: Literal["chat", "generate"]
    started_seconds: float
    load_seconds: float = 0.0
    calls: dict[int, ToolCall] = field(default_factory=dict)

    def tables(self, event: Event) -> Iterator[dict[str, Any]]:
        """The lines that an event becomes. Raises Broken for a call of a tool that is no JSON."""
        if isinstance(event, TextDelta):
            yield self._part(event.text, **_logprobs(event.tokens))
        elif isinstance(event, ReasoningDelta):
            yield self._part("", thinking=event.text)
        elif isinstance(event, ToolCallDelta):
            yield from self._finished_calls(before=event.index)
            call = self.calls.get(event.index, ToolCall("", "", ""))
            arguments = call.arguments + event.arguments
            self.calls[event.index] = ToolCall(event.id or call.id, event.name or call.name, arguments)
        elif isinstance(event, Done):
            yield from self._finished_calls(cut=event.reason == "length")
            yield self._part("", done=True) | self._figures(event)

    def whole(self, answer: Collected) -> dict[str, Any]:
        """All of it in one object."""
        calls = []
        for index, call in sorted(answer.calls.items()):
            calls += told(call, index, cut=answer.done.reason == "length")
        more: dict[str, Any] = _logprobs(answer.tokens)
        more |= {"thinking": answer.reasoning} if answer.reasoning else {}
        more |= {"tool_calls": calls} if calls else {}
        return self._part(answer.text, done=True, **more) | self._figures(answer.done)

    def empty(self, reason: Literal["load", "unload"]) -> dict[str, Any]:
        """The answer to a request that only loads a model, or unloads it."""
        return self._part("", done=True) | {"done_reason": reason}

    def _part(self, text: str, *, done: bool = False, **more: Any) -> dict[str, Any]:
        table: dict[str, Any] = {"model": self.model, "created_at": timestamp()}
        figures = {"logprobs": more.pop("logprobs")} if "logprobs" in more else {}
        if self.form == "chat":
            return table | {"message": {"role": "assistant", "content": text, **more}, "done": done, **figures}
        return table | {"response": text, "done": done, **more, **figures}

    def _finished_calls(self, *, before: int | None = None, cut: bool = False) -> Iterator[dict[str, Any]]:
        for index in [i for i in sorted(self.calls) if before is None or i < before]:
            if calls := told(self.calls.pop(index), index, cut=cut):
                yield self._part("", tool_calls=calls)

    def _figures(self, done: Done) -> dict[str, Any]:
        usage = done.usage
        table: dict[str, Any] = {
            "done_reason": "length" if done.reason == "length" else "stop",
            "total_duration": nanoseconds(time.monotonic() - self.started_seconds),
            "load_duration": nanoseconds(self.load_seconds),
            "prompt_eval_count": usage.prompt_tokens,
            "prompt_eval_duration": nanoseconds(usage.prompt_seconds),
            "eval_count": usage.answer_tokens,
            "eval_duration": nanoseconds(usage.answer_seconds),
        }
        if done.dropped is not None:
            table["dropped"] = {"policy": done.dropped.policy, "messages": list(done.dropped.messages)}
        return table


def told(call: ToolCall, index: int, *, cut: bool) -> list[dict[str, Any]]:
    """A call of a tool, its arguments an object.

    cut: the answer ended early, as `done_reason` tells; then a call that is not whole is left out. Raises Broken for
    one that is wrong otherwise.
    """
    try:
        arguments = orjson.loads(call.arguments or "{}")
    except orjson.JSONDecodeError:
        arguments = None
    if isinstance(arguments, dict):
        return [{"id": call.id, "function": {"index": index, "name": call.name, "arguments": arguments}}]
    if cut:
        return []
    raise Broken("the model called a tool with arguments that are no JSON object", hint="ask again")


def _logprobs(tokens: Sequence[Token]) -> dict[str, Any]:
    if not tokens:
        return {}
    return {"logprobs": [_figure(t) | {"top_logprobs": [_figure(a) for a in t.alternatives]} for t in tokens]}


def _figure(token: Token) -> dict[str, Any]:
    return {"token": token.text, "logprob": token.logprob, "bytes": list(token.content)}
