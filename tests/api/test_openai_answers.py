"""Several answers to one request, by an engine without a model."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace

import pytest

from domov.api.openai.answers import all_events, collected, several
from domov.engine.fake import FakeEngine
from domov.engine.protocol import Abilities
from domov.errors import ContextOverflow
from domov.types import ChatRequest, CompletionRequest, Event, Message

STORY = ChatRequest("m", (Message("user", "once upon a time there was a house"),))


class Slotted(FakeEngine):
    """Notes how many answers were under way at most."""

    def __init__(self, slots: int) -> None:
        super().__init__(seconds_per_token=0.001)
        self.slots, self.most = slots, 0

    async def start(self) -> Abilities:
        return replace(await super().start(), slots=self.slots)

    async def stream(self, request: ChatRequest | CompletionRequest) -> AsyncIterator[Event]:
        async with aclosing(super().stream(request)) as events:  # type: ignore[type-var]
            async for event in events:
                self.most = max(self.most, self.running)
                yield event


@pytest.mark.parametrize(("slots", "count", "at_once"), [(2, 5, 2), (4, 3, 3), (1, 3, 1)])
async def test_answers_are_made_at_the_same_time_within_the_slots(slots: int, count: int, at_once: int) -> None:
    engine = Slotted(slots)
    answers = await collected(engine, several(STORY, count))
    assert [answer.text for answer in answers] == [STORY.messages[0].text] * count
    assert engine.most == at_once


async def test_a_reader_that_leaves_ends_all_answers() -> None:
    engine = Slotted(3)
    async with aclosing(all_events(engine, several(STORY, 3))) as events:  # type: ignore[type-var]
        await anext(aiter(events))
        assert engine.running == 3
    assert engine.running == 0


async def test_one_answer_that_can_not_be_made_is_an_error_of_the_whole() -> None:
    engine = Slotted(2)
    bad = replace(STORY, messages=(Message("user", "word " * 2000),))
    with pytest.raises(ContextOverflow):
        await collected(engine, [STORY, bad])
    assert engine.running == 0
