"""What a model asks for is done only with its user's word, and what came of it is told to the model."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import pytest

from domov.engine.fake import FakeEngine
from domov.errors import BadRequest, NoSuchTool
from domov.tools.approvals import Approvals
from domov.tools.calls import Call, Offered, Result, offered
from domov.tools.using import MOST_ROUNDS, REFUSED, ToolUsing
from domov.types import ChatRequest, CompletionRequest, Done, Event, Message, TextDelta, ToolCallDelta, Usage

QUESTION = ChatRequest("m", (Message("user", "Does it rain in Brno?"),))


class Calling(FakeEngine):
    """Calls what it is told to, one turn after the other, and then answers with the last message's words."""

    def __init__(self, *turns: tuple[str, str]) -> None:
        super().__init__(context_tokens=1 << 20)
        self.turns, self.requests = list(turns), list[ChatRequest]()

    async def stream(self, request: ChatRequest | CompletionRequest) -> AsyncIterator[Event]:
        assert isinstance(request, ChatRequest)
        self.requests.append(request)
        if self.turns and request.tool_choice != "none":
            name, arguments = self.turns.pop(0)
            yield TextDelta("Let me see. ")
            yield ToolCallDelta(0, "call_1", name, arguments[:3])
            yield ToolCallDelta(0, None, None, arguments[3:])
            yield Done("tool_calls", Usage(10, 5))
            return
        async for event in super().stream(request):
            yield event


@dataclass
class Box:
    called: list[Call] = field(default_factory=list)

    async def offered(self) -> Sequence[Offered]:
        return [offered("sky", "weather", "The weather.", {"type": "object"}, reads_only=True)]

    async def call(self, call: Call) -> Result:
        self.called.append(call)
        return Result("It rains.")


async def answer(engine: FakeEngine, box: Box, *, allowed: bool = True, request: ChatRequest = QUESTION) -> list[Event]:
    async def ask(call: Call) -> bool:
        return allowed

    return [event async for event in ToolUsing(engine, box, ask).stream(request)]


def text(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


async def test_an_allowed_call_is_made_and_answered_from() -> None:
    engine, box = Calling(("sky_weather", '{"city": "Brno"}')), Box()
    events = await answer(engine, box)
    assert [call.arguments for call in box.called] == [{"city": "Brno"}]
    assert text(events) == "Let me see. It rains."
    assert not any(isinstance(event, ToolCallDelta) for event in events)
    done = events[-1]
    assert isinstance(done, Done) and done.reason == "stop" and done.usage.prompt_tokens > 10
    told = engine.requests[1].messages
    assert [m.role for m in told] == ["user", "assistant", "tool"] and told[2].tool_call_id == "call_1"


async def test_a_call_that_is_not_allowed_is_not_made() -> None:
    box = Box()
    events = await answer(Calling(("sky_weather", "{}")), box, allowed=False)
    assert box.called == [] and text(events).endswith(REFUSED)


@pytest.mark.parametrize(
    ("name", "arguments", "words"), [("sky_sun", "{}", "no tool"), ("sky_weather", "[1]", "no JSON object")]
)
async def test_a_call_that_can_not_be_meant_is_told_to_the_model(name: str, arguments: str, words: str) -> None:
    box = Box()
    assert words in text(await answer(Calling((name, arguments)), box)) and box.called == []


async def test_calls_without_end_end() -> None:
    engine, box = Calling(*[("sky_weather", "{}")] * 100), Box()
    events = await answer(engine, box)
    assert len(box.called) == MOST_ROUNDS and isinstance(events[-1], Done)
    assert engine.requests[-1].tool_choice == "none"


async def test_what_holds_an_answer_otherwise_is_refused() -> None:
    with pytest.raises(BadRequest):
        await answer(Calling(), Box(), request=ChatRequest("m", QUESTION.messages, json_schema={}))


CALL = Call(offered("sky", "weather", "", {}, reads_only=True), {})


async def test_a_call_waits_for_its_owners_word() -> None:
    approvals = Approvals()
    asked = asyncio.create_task(approvals.ask(CALL, owner="anna", chat="c1"))
    await asyncio.sleep(0)
    (pending,) = approvals.waiting("anna")
    assert approvals.waiting("boris") == [] and (pending.call, pending.chat) == (CALL, "c1")
    with pytest.raises(NoSuchTool):
        approvals.decide(pending.id, True, owner="boris")
    approvals.decide(pending.id, True, owner="anna")
    assert await asked is True and approvals.waiting("anna") == []
    with pytest.raises(NoSuchTool):
        approvals.decide(pending.id, True, owner="anna")


async def test_no_word_is_a_no_and_nothing_is_left_behind() -> None:
    approvals = Approvals(patience_seconds=0.01)
    assert await approvals.ask(CALL, owner="anna") is False
    asked = asyncio.create_task(approvals.ask(CALL, owner="anna"))
    await asyncio.sleep(0)
    asked.cancel()
    await asyncio.gather(asked, return_exceptions=True)
    assert approvals.waiting("anna") == []
