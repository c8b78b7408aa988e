"""Events as LM Studio's named ones, and the result that they add up to. Pure. Source: its docs, streaming events."""

from collections.abc import Iterator
from typing import Any

import orjson

from domov.api.openai.answers import dropped_table
from domov.types import Done, Event, Message, Progress, ReasoningDelta, TextDelta, Usage

Table = dict[str, Any]


def named(table: Table) -> bytes:
    """As a server-sent event."""
    return b"event: %b\ndata: %b\n\n" % (table["type"].encode(), orjson.dumps(table))


class Answer:
    """One answer as it is made. block: the kind of output that is open, reasoning or message."""

    def __init__(self) -> None:
        self.output: list[Table] = []
        self.done = Done("stop", Usage(0, 0))
        self.first_seconds: float | None = None  # from the start of reading to the first word
        self._block: str | None = None
        self._pieces: list[str] = []  # of the open block
        self._reading = False

    def begin(self) -> Table:
        self._reading = True
        return {"type": "prompt_processing.start"}

    def tables(self, event: Event) -> Iterator[Table]:
        """What an event becomes."""
        if isinstance(event, Progress):
            share = event.read_tokens / event.total_tokens if event.total_tokens else 1.0
            yield {"type": "prompt_processing.progress", "progress": share}
            return
        if self._reading:
            yield from self.end_of_reading()
        if isinstance(event, TextDelta):
            yield from self._piece("message", event.text)
        elif isinstance(event, ReasoningDelta):
            yield from self._piece("reasoning", event.text)
        elif isinstance(event, Done):
            self.done = event
            yield from self.close()

    def end_of_reading(self) -> Iterator[Table]:
        if self._reading:
            self._reading = False
            yield {"type": "prompt_processing.end"}

    def close(self) -> Iterator[Table]:
        """The end of what is open."""
        if self._block:
            self.output[-1]["content"] = "".join(self._pieces)
            self._pieces.clear()
            yield {"type": f"{self._block}.end"}
        self._block = None

    def _piece(self, kind: str, text: str) -> Iterator[Table]:
        if kind != self._block:
            yield from self.close()
            self._block = kind
            self.output.append({"type": kind, "content": ""})
            yield {"type": f"{kind}.start"}
        self._pieces.append(text)
        yield {"type": f"{kind}.delta", "content": text}

    def text_of(self, kind: str) -> str:
        return "".join(item["content"] for item in self.output if item["type"] == kind)

    def message(self) -> Message:
        return Message("assistant", self.text_of("message"), reasoning=self.text_of("reasoning"))

    def result(self, *, model: str, load_seconds: float | None, reasoning_tokens: int) -> Table:
        """The whole. load_seconds: None where the model was loaded already."""
        usage = self.done.usage
        stats: Table = {
            "input_tokens": usage.prompt_tokens,
            "total_output_tokens": usage.answer_tokens,
            "reasoning_output_tokens": reasoning_tokens,
            "tokens_per_second": usage.answer_tokens_per_second,
            "time_to_first_token_seconds": self.first_seconds or 0.0,
        }
        if load_seconds is not None:
            stats["model_load_time_seconds"] = load_seconds
        return {
            "model_instance_id": model,
            "output": self.output,
            "stats": stats,
            **dropped_table(self.done.dropped),
        }
