"""An answer on its way from an engine to a person or a pipe."""

import sys
import time
from contextlib import aclosing
from typing import Any, Protocol

from domov.cli.errors import say
from domov.cli.output import print_fields
from domov.engine.protocol import Engine
from domov.types import ChatRequest, Done, Dropped, ReasoningDelta, TextDelta, Usage
from domov.units import human_bytes, human_seconds


class Sink(Protocol):
    """Where the words go."""

    def text(self, text: str) -> None: ...
    def reasoning(self, text: str) -> None: ...
    def end(self) -> None: ...


class Answer:
    """What has come of an answer so far; still right when it was interrupted."""

    def __init__(self) -> None:
        self.text, self.reasoning = "", ""
        self.first_token_seconds: float | None = None
        self.done: Done | None = None

    async def receive(self, engine: Engine, request: ChatRequest, sink: Sink) -> None:
        """Streams one answer into `sink`. Raises what the engine raises."""
        start = time.monotonic()
        try:
            async with aclosing(engine.stream(request)) as events:  # type: ignore[type-var]
                async for event in events:
                    if self.first_token_seconds is None:
                        self.first_token_seconds = time.monotonic() - start
                    self._take(event, sink)
        finally:
            sink.end()
        if self.done and self.done.dropped:
            say(dropped_words(self.done.dropped))

    def _take(self, event: object, sink: Sink) -> None:
        if isinstance(event, TextDelta):
            self.text += event.text
            sink.text(event.text)
        elif isinstance(event, ReasoningDelta):
            self.reasoning += event.text
            sink.reasoning(event.text)
        elif isinstance(event, Done):
            self.done = event


def dropped_words(dropped: Dropped) -> str:
    count = len(dropped.messages)
    which = "the oldest" if dropped.policy == "drop_oldest" else "from the middle"
    return f"({count} messages no longer fit into the model's context and were left out: {which})"


class Quiet:
    """Shows nothing: for answers that are printed whole."""

    def text(self, text: str) -> None: ...
    def reasoning(self, text: str) -> None: ...
    def end(self) -> None: ...


class Plain:
    """Text as it comes, for pipes and files; reasoning is left out."""

    def __init__(self) -> None:
        self._last = "\n"

    def text(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()
        self._last = text

    def reasoning(self, text: str) -> None: ...

    def end(self) -> None:
        if not self._last.endswith("\n"):
            sys.stdout.write("\n")
            sys.stdout.flush()


def make_sink() -> Sink:
    """Markdown for a terminal, plain text for anything else."""
    if not sys.stdout.isatty():
        return Plain()
    from domov.cli.markdown import Rendered  # rich is slow to import

    return Rendered()


def stats_table(answer: Answer, memory_bytes: int) -> dict[str, Any]:
    """The figures of one answer; those that nobody measured are None."""
    usage = answer.done.usage if answer.done else Usage(0, 0)
    return {
        "prompt_tokens": usage.prompt_tokens,
        "cached_tokens": usage.cached_tokens,
        "answer_tokens": usage.answer_tokens,
        "first_token_seconds": answer.first_token_seconds,
        "answer_tokens_per_second": usage.answer_tokens_per_second or None,
        "memory_bytes": memory_bytes or None,
        "stopped_by": answer.done.reason if answer.done else None,
    }


def print_stats(answer: Answer, memory_bytes: int) -> None:
    stats = stats_table(answer, memory_bytes)
    first, speed = stats["first_token_seconds"], stats["answer_tokens_per_second"]
    rows = [
        ("prompt", f"{stats['prompt_tokens']} tokens, {stats['cached_tokens']} of them read before"),
        ("answer", f"{stats['answer_tokens']} tokens"),
        ("first token", human_seconds(first) if first is not None else "none came"),
        ("speed", f"{speed:.1f} tokens/s" if speed else "not measured"),
        ("memory", human_bytes(memory_bytes)),
    ]
    print_fields(rows, err=True)
