"""Events of an engine as LM Studio's, in their order."""

from collections.abc import Sequence

import pytest

from domov.api.lmstudio.answers import Answer, named
from domov.types import Done, Event, Progress, ReasoningDelta, TextDelta, Usage

DONE = Done("stop", Usage(10, 4, answer_seconds=2.0))


def told(events: Sequence[Event]) -> tuple[list[str], Answer]:
    answer = Answer()
    tables = [answer.begin(), *(table for event in events for table in answer.tables(event))]
    return [table["type"] for table in tables], answer


def test_an_answer_after_thoughts() -> None:
    kinds, answer = told(
        [Progress(5, 10, 0), ReasoningDelta("Hm"), ReasoningDelta("."), TextDelta("Yes"), TextDelta("."), DONE]
    )
    assert kinds == [
        "prompt_processing.start",
        "prompt_processing.progress",
        "prompt_processing.end",
        "reasoning.start",
        "reasoning.delta",
        "reasoning.delta",
        "reasoning.end",
        "message.start",
        "message.delta",
        "message.delta",
        "message.end",
    ]
    assert answer.output == [{"type": "reasoning", "content": "Hm."}, {"type": "message", "content": "Yes."}]
    assert (answer.message().text, answer.message().reasoning) == ("Yes.", "Hm.")


def test_an_answer_without_a_word() -> None:
    kinds, answer = told([DONE])
    assert kinds == ["prompt_processing.start", "prompt_processing.end"]
    assert answer.result(model="m", load_seconds=None, reasoning_tokens=0)["output"] == []


def test_the_share_of_the_prompt_that_was_read() -> None:
    answer = Answer()
    assert [t["progress"] for e in (Progress(0, 8, 0), Progress(6, 8, 2)) for t in answer.tables(e)] == [0.0, 0.75]
    assert [t["progress"] for t in answer.tables(Progress(0, 0, 0))] == [1.0]


@pytest.mark.parametrize("load_seconds", [None, 1.5])
def test_figures_of_an_answer(load_seconds: float | None) -> None:
    _, answer = told([TextDelta("a"), DONE])
    stats = answer.result(model="m", load_seconds=load_seconds, reasoning_tokens=1)["stats"]
    assert stats["input_tokens"] == 10 and stats["total_output_tokens"] == 4
    assert stats["tokens_per_second"] == 2.0  # 4 tokens in 2 s
    assert stats.get("model_load_time_seconds") == load_seconds


def test_an_event_carries_its_name_twice() -> None:
    assert named({"type": "message.start"}) == b'event: message.start\ndata: {"type":"message.start"}\n\n'
