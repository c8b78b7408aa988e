"""Texts of an answer that came at once, as one event: to tell them one by one would be work that nobody sees."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeGuard

from domov.engine.connection import Reader
from domov.errors import DomovError
from domov.types import Event, ReasoningDelta, TextDelta

Text = TextDelta | ReasoningDelta


@dataclass(frozen=True, slots=True)
class Together:
    """A reader whose texts of one feed are joined, but for those with figures of their tokens."""

    reader: Reader

    def feed(self, received: bytes) -> Iterator[Event]:
        held: list[Text] = []
        try:
            for event in self.reader.feed(received):
                if held and not (event.__class__ is held[0].__class__ and _is_bare(event)):
                    yield _one(held)
                    held = []
                if _is_bare(event):
                    held.append(event)
                else:
                    yield event
        except DomovError:
            if held:
                yield _one(held)
            raise
        if held:
            yield _one(held)


def _is_bare(event: Event) -> TypeGuard[Text]:
    return event.__class__ is ReasoningDelta or (event.__class__ is TextDelta and not event.tokens)


def _one(held: list[Text]) -> Text:
    if len(held) == 1:
        return held[0]
    return held[0].__class__("".join(each.text for each in held), pieces=sum(each.pieces for each in held))
