"""Texts that came at once are told as one."""

from collections.abc import Iterator

import pytest

from domov.engine.together import Together
from domov.errors import Broken
from domov.types import Done, Event, ReasoningDelta, TextDelta, Token, Usage, pieces_of

FIGURES = TextDelta("x", (Token("x", 1, -0.1, b"x"),))
DONE = Done("stop", Usage(1, 5))


class Given:
    def __init__(self, *events: Event | Broken) -> None:
        self._events = events

    def feed(self, received: bytes) -> Iterator[Event]:
        for event in self._events:
            if isinstance(event, Broken):
                raise event
            yield event


@pytest.mark.parametrize(
    ("events", "told"),
    [
        ([TextDelta("a"), TextDelta("b"), DONE], [TextDelta("ab", pieces=2), DONE]),
        ([ReasoningDelta("a"), ReasoningDelta("b")], [ReasoningDelta("ab", pieces=2)]),
        ([ReasoningDelta("a"), TextDelta("b"), TextDelta("c")], [ReasoningDelta("a"), TextDelta("bc", pieces=2)]),
        ([TextDelta("a"), FIGURES, FIGURES, TextDelta("b")], [TextDelta("a"), FIGURES, FIGURES, TextDelta("b")]),
        ([TextDelta("ab", pieces=2), TextDelta("c")], [TextDelta("abc", pieces=3)]),
        ([], []),
    ],
)
def test_texts_of_one_kind_are_joined_and_counted(events: list[Event], told: list[Event]) -> None:
    assert list(Together(Given(*events)).feed(b"")) == told
    assert sum(map(pieces_of, told)) == sum(map(pieces_of, events))


def test_what_came_before_an_error_is_told() -> None:
    found = []
    with pytest.raises(Broken):
        for event in Together(Given(TextDelta("a"), TextDelta("b"), Broken("it ended"))).feed(b""):
            found.append(event)
    assert found == [TextDelta("ab", pieces=2)]
