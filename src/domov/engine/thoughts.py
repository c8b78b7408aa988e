"""Tells a model's thoughts from its answer, in a text that llama-server has not parsed. Pure.

Only for thoughts between <think> and </think>, before the answer.
"""

from collections.abc import Iterator

from domov.types import ReasoningDelta, TextDelta

OPEN, CLOSE = "<think>", "</think>"


class Thoughts:
    def __init__(self, prompt: str) -> None:
        self._inside: bool | None = True if prompt.rstrip().endswith(OPEN) else None  # None: not known yet
        self._held = ""

    def feed(self, delta: TextDelta) -> Iterator[TextDelta | ReasoningDelta]:
        if self._inside is False:
            yield delta
            return
        self._held += delta.text
        if self._inside is None:
            begun = self._held.lstrip()
            if OPEN.startswith(begun):
                return  # too early to say
            self._inside = begun.startswith(OPEN)
            self._held = begun.removeprefix(OPEN) if self._inside else self._held
        if not self._inside:
            yield from self.end()
            return
        thought, close, answer = self._held.partition(CLOSE)
        if close:
            self._inside, self._held = False, answer.lstrip("\n")
            if thought:
                yield ReasoningDelta(thought)
            yield from self.end()
            return
        safe = next((n for n in range(len(CLOSE) - 1, 0, -1) if thought.endswith(CLOSE[:n])), 0)
        shown, self._held = thought[: len(thought) - safe], thought[len(thought) - safe :]
        if shown:
            yield ReasoningDelta(shown)

    def end(self) -> Iterator[TextDelta | ReasoningDelta]:
        """What was held back."""
        held, self._held = self._held, ""
        if held:
            yield ReasoningDelta(held) if self._inside else TextDelta(held)
