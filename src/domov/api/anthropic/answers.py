"""An answer as Anthropic's content blocks: streamed as named events, or folded from them into one whole message."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import orjson

from domov.types import Done, Event, Progress, ReasoningDelta, StopReason, TextDelta, ToolCallDelta, Usage

STOP_REASONS: dict[StopReason, str] = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}
# Thoughts come back with the next request, and clients hold them to have a signature; there is nothing to prove here.
SIGNATURE = "ZG9tb3Y="
INVALID = "INVALID_JSON"  # Anthropic's own name for arguments that are not JSON, in its guide to streaming tools

Table = dict[str, Any]


@dataclass
class Answer:
    """The events of one answer; it knows which block is open."""

    model: str
    max_tokens: int
    shows_thoughts: bool = True
    id: str = field(default_factory=lambda: f"msg_{uuid4().hex}")
    begun: bool = False
    index: int = -1  # of the last block
    block: str | int | None = None  # the open one: text, thinking, or the number of a tool's call

    def events(self, event: Event) -> Iterator[Table]:
        if not self.begun:
            self.begun = True
            yield self._start(event)
        if isinstance(event, Progress):
            yield {"type": "ping"}
        elif isinstance(event, Done):
            yield from self._close()
            yield self._end(event)
            yield {"type": "message_stop"}
        elif not self.max_tokens:
            return  # only the reading was asked for; llama-server writes one token anyway
        elif isinstance(event, TextDelta):
            yield from self._open("text", {"type": "text", "text": ""})
            yield self._delta({"type": "text_delta", "text": event.text})
        elif isinstance(event, ReasoningDelta):
            yield from self._open("thinking", {"type": "thinking", "thinking": "", "signature": ""})
            if self.shows_thoughts:
                yield self._delta({"type": "thinking_delta", "thinking": event.text})
        else:
            yield from self._call(event)

    def encode(self, event: Event) -> bytes:
        """One event as server-sent events."""
        return b"".join(
            b"event: " + table["type"].encode() + b"\ndata: " + orjson.dumps(table) + b"\n\n"
            for table in self.events(event)
        )

    def _start(self, event: Event) -> Table:
        usage = Usage(event.total_tokens, 0, event.cached_tokens) if isinstance(event, Progress) else Usage(0, 0)
        message = {"id": self.id, "type": "message", "role": "assistant", "model": self.model, "content": []}
        end = {"stop_reason": None, "stop_sequence": None, "usage": usage_table(usage)}
        return {"type": "message_start", "message": {**message, **end}}

    def _call(self, event: ToolCallDelta) -> Iterator[Table]:
        call = {"type": "tool_use", "id": event.id or f"toolu_{uuid4().hex}", "name": event.name or "", "input": {}}
        yield from self._open(event.index, call)
        if event.arguments:
            yield self._delta({"type": "input_json_delta", "partial_json": event.arguments})

    def _open(self, block: str | int, table: Table) -> Iterator[Table]:
        if block != self.block:
            yield from self._close()
            self.block, self.index = block, self.index + 1
            yield {"type": "content_block_start", "index": self.index, "content_block": table}

    def _close(self) -> Iterator[Table]:
        if self.block == "thinking":
            yield self._delta({"type": "signature_delta", "signature": SIGNATURE})
        if self.block is not None:
            yield {"type": "content_block_stop", "index": self.index}
        self.block = None

    def _end(self, done: Done) -> Table:
        stopped = done.reason == "stop" and done.stop_text is not None
        reason = "stop_sequence" if stopped else STOP_REASONS[done.reason]
        if done.reason == "length" and done.usage.answer_tokens < self.max_tokens:
            reason = "model_context_window_exceeded"
        delta = {"stop_reason": reason, "stop_sequence": done.stop_text if stopped else None}
        return {"type": "message_delta", "delta": delta, "usage": usage_table(done.usage)}

    def _delta(self, delta: Table) -> Table:
        return {"type": "content_block_delta", "index": self.index, "delta": delta}


def usage_table(usage: Usage) -> Table:
    """Anthropic's input_tokens are those that had to be read: the cached ones are counted apart."""
    return {
        "input_tokens": usage.prompt_tokens - usage.cached_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": usage.cached_tokens,
        "output_tokens": usage.answer_tokens,
    }


class Whole:
    """The message that streamed events add up to."""

    def __init__(self) -> None:
        self.message: Table = {}
        self._arguments = ""

    def add(self, table: Table) -> None:
        kind = table["type"]
        if kind == "message_start":
            self.message = table["message"]
        elif kind == "content_block_start":
            self._arguments = ""
            self.message["content"].append(dict(table["content_block"]))
        elif kind == "content_block_delta":
            self._extend(self.message["content"][-1], table["delta"])
        elif kind == "content_block_stop" and self.message["content"][-1]["type"] == "tool_use":
            self.message["content"][-1]["input"] = input_of(self._arguments)
        elif kind == "message_delta":
            self.message |= {**table["delta"], "usage": table["usage"]}

    def _extend(self, block: Table, delta: Table) -> None:
        if delta["type"] == "input_json_delta":
            self._arguments += delta["partial_json"]
            return
        key = delta["type"].removesuffix("_delta")  # text, thinking or signature
        block[key] += delta[key]


def input_of(arguments: str) -> Table:
    """The arguments of a call as an object. What was cut off, or is none, is told as such."""
    try:
        value = orjson.loads(arguments or "{}")
    except orjson.JSONDecodeError:
        value = None
    return value if isinstance(value, dict) else {INVALID: arguments}
