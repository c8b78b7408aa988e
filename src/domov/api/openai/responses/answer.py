"""An answer as OpenAI's response: its named events as they stream, or the one object that they end with.

Events come in OpenAI's order: an item is added, its parts grow and are done, the item is done. `sequence_number` counts
them all.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from domov.api.errors import sentence
from domov.api.openai.answers import dropped_table, timings_table
from domov.api.openai.responses.items import Item, sealed
from domov.api.openai.responses.request import Called
from domov.errors import BadInput, Busy, ContextOverflow, DomovError
from domov.types import (
    Done,
    Event,
    Message,
    Progress,
    ReasoningDelta,
    TextDelta,
    Token,
    ToolCall,
    ToolCallDelta,
    Usage,
)

Table = dict[str, Any]
# As OpenAI's clients tell them apart; the first that fits.
CODES: tuple[tuple[type[DomovError], str], ...] = (
    (ContextOverflow, "context_length_exceeded"),
    (Busy, "rate_limit_exceeded"),
    (BadInput, "invalid_prompt"),
    (DomovError, "server_error"),
)


@dataclass
class Answer:
    """The events of one response; it knows which item is open.

    response  the response as it is told, from its beginning to its end
    called    how the caller named the tools, by the names that the model knows
    """

    response: Table
    called: Mapping[str, Called]
    as_summary: bool = False  # thoughts come as their summary
    seals: bool = False  # thoughts come sealed as well
    sequence: int = 0
    item: Item | None = None  # the open one
    text: list[str] = field(default_factory=list)  # of the open item, in pieces
    tokens: list[Token] = field(default_factory=list)  # of the open item
    call: int | None = None  # the number of the open call
    thought_pieces: int = 0  # thoughts come token by token

    @property
    def output(self) -> list[Item]:
        output: list[Item] = self.response["output"]
        return output

    def begin(self) -> Iterator[Table]:
        for name in ("response.created", "response.in_progress"):
            yield self._event(name, response=dict(self.response))

    def events(self, event: Event) -> Iterator[Table]:
        if isinstance(event, TextDelta):
            yield from self._open("message")
            self.text.append(event.text)
            self.tokens += event.tokens
            yield self._event(
                "response.output_text.delta", **self._place(), delta=event.text, logprobs=self._figures(event.tokens)
            )
        elif isinstance(event, ReasoningDelta):
            yield from self._open("reasoning")
            self.text.append(event.text)
            self.thought_pieces += event.pieces
            name = "reasoning_summary_text" if self.as_summary else "reasoning_text"
            yield self._event(f"response.{name}.delta", **self._place(), delta=event.text)
        elif isinstance(event, ToolCallDelta):
            yield from self._call(event)
        elif isinstance(event, Done):
            yield from self._close(whole=event.reason != "length")
            self._end(event)

    def end(self) -> Table:
        """The last event."""
        return self._event(f"response.{self.response['status']}", response=self.response)

    def encode(self, event: Event) -> bytes:
        """One event as server-sent events; the reading of a long prompt in comments, which keep a connection."""
        first = b"" if self.sequence else b"".join(map(sse, self.begin()))
        if isinstance(event, Progress):
            return first + b": read %d of %d\n\n" % (event.read_tokens, event.total_tokens)
        return first + b"".join(map(sse, self.events(event)))

    def failed(self, error: DomovError) -> bytes:
        """What goes wrong after the answer has begun."""
        code = next(code for kind, code in CODES if isinstance(error, kind))
        self.response |= {"status": "failed", "error": {"code": code, "message": sentence(error)}}
        return sse(self.end())

    def _event(self, name: str, **more: Any) -> Table:
        self.sequence += 1
        return {"type": name, "sequence_number": self.sequence - 1, **more}

    def _place(self) -> Table:
        """Where the open part stands."""
        assert self.item is not None
        table: Table = {"item_id": self.item["id"], "output_index": len(self.output) - 1}
        if self.item["type"] == "reasoning" and self.as_summary:
            return table | {"summary_index": 0}
        return table if self.item["type"] == "function_call" else table | {"content_index": 0}

    def _item_id(self, kind: str) -> str:
        """Of the item that comes next; it holds the response's id, by which a reference to it is found."""
        start = {"message": "msg", "reasoning": "rs", "function_call": "fc"}[kind]
        return f"{start}_{self.response['id'].removeprefix('resp_')}_{len(self.output)}"

    def _open(self, kind: str) -> Iterator[Table]:
        if self.item is not None and self.item["type"] == kind and self.call is None:
            return
        yield from self._close()
        item: Item = {"id": self._item_id(kind), "type": kind, "status": "in_progress"}
        item |= {"role": "assistant", "content": []} if kind == "message" else {"summary": [], "content": []}
        yield self._add(item)
        yield self._event(self._part_event("added"), **self._place(), part=self._part(""))

    def _add(self, item: Item) -> Table:
        self.item, self.text, self.tokens = item, [], []
        self.output.append(item)
        return self._event("response.output_item.added", output_index=len(self.output) - 1, item=dict(item))

    def _call(self, event: ToolCallDelta) -> Iterator[Table]:
        if self.call != event.index:
            yield from self._close()
            called = self.called.get(event.name or "", Called(event.name or ""))
            item: Item = {
                "id": self._item_id("function_call"),
                "type": "function_call",
                "status": "in_progress",
                "call_id": event.id or f"call_{self.response['id'].removeprefix('resp_')}_{event.index}",
                "name": called.name,
                "arguments": "",
            }
            self.call = event.index
            yield self._add(item | ({"namespace": called.namespace} if called.namespace else {}))
        if event.arguments:
            self.text.append(event.arguments)
            yield self._event("response.function_call_arguments.delta", **self._place(), delta=event.arguments)

    def _close(self, *, whole: bool = True) -> Iterator[Table]:
        """Ends the open item. whole: not cut off."""
        if self.item is None:
            return
        item, text = self.item, "".join(self.text)
        if item["type"] == "function_call":
            item["arguments"] = text
            yield self._event("response.function_call_arguments.done", **self._place(), arguments=text)
        else:
            yield from self._close_part(item, text)
        item["status"] = "completed" if whole else "incomplete"
        yield self._event("response.output_item.done", output_index=len(self.output) - 1, item=item)
        self.item = self.call = None

    def _close_part(self, item: Item, text: str) -> Iterator[Table]:
        part, place = self._part(text), self._place()
        if item["type"] == "message":
            item["content"] = [part]
            yield self._event("response.output_text.done", **place, text=text, logprobs=self._figures(self.tokens))
        else:
            item["summary" if self.as_summary else "content"] = [part]
            item |= {"encrypted_content": sealed(text)} if self.seals else {}
            name = "reasoning_summary_text" if self.as_summary else "reasoning_text"
            yield self._event(f"response.{name}.done", **place, text=text)
        yield self._event(self._part_event("done"), **place, part=part)

    def _part_event(self, step: str) -> str:
        assert self.item is not None
        summary = self.item["type"] == "reasoning" and self.as_summary
        return f"response.reasoning_summary_part.{step}" if summary else f"response.content_part.{step}"

    def _part(self, text: str) -> Table:
        assert self.item is not None
        if self.item["type"] == "message":
            return {"type": "output_text", "text": text, "annotations": [], "logprobs": self._figures(self.tokens)}
        return {"type": "summary_text" if self.as_summary else "reasoning_text", "text": text}

    def _figures(self, tokens: list[Token] | tuple[Token, ...]) -> list[Table]:
        return [_figure(token) | {"top_logprobs": [_figure(x) for x in token.alternatives]} for token in tokens]

    def _end(self, done: Done) -> None:
        if done.reason == "length":
            self.response |= {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
        else:
            self.response |= {"status": "completed", "completed_at": int(time.time())}
        usage = usage_table(done.usage, thought_tokens=self.thought_pieces)
        self.response |= {"usage": usage, "timings": timings_table(done.usage), **dropped_table(done.dropped)}

    def message(self) -> Message:
        """What was answered, as the next request is to find it."""
        texts: dict[str, str] = {"message": "", "reasoning": ""}
        calls = []
        for item in self.output:
            if item["type"] == "function_call":
                name = next((name for name, called in self.called.items() if _is(called, item)), item["name"])
                calls.append(ToolCall(item["call_id"], name, item["arguments"]))
            else:
                texts[item["type"]] += "".join(part["text"] for part in (*item["content"], *item.get("summary", ())))
        return Message("assistant", texts["message"], tuple(calls), reasoning=texts["reasoning"])


def _is(called: Called, item: Item) -> bool:
    return (called.name, called.namespace) == (item["name"], item.get("namespace"))


def _figure(token: Token) -> Table:
    return {"token": token.text, "logprob": token.logprob, "bytes": list(token.content)}


def usage_table(usage: Usage, *, thought_tokens: int) -> Table:
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached_tokens, "cache_write_tokens": 0},
        "output_tokens": usage.answer_tokens,
        "output_tokens_details": {"reasoning_tokens": min(thought_tokens, usage.answer_tokens)},
        "total_tokens": usage.prompt_tokens + usage.answer_tokens,
    }


def sse(table: Table) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (str(table["type"]).encode(), orjson.dumps(table))
