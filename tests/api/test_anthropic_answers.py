"""Anthropic's content blocks, made of events by hand."""

from typing import Any

from domov.api.anthropic.answers import Answer, Whole, input_of
from domov.types import Done, Event, Progress, ReasoningDelta, TextDelta, ToolCallDelta, Usage

ANSWERED: list[Event] = [
    Progress(4, 10, 4),
    Progress(10, 10, 4),
    ReasoningDelta("So"),
    ReasoningDelta(" then"),
    TextDelta("Look"),
    ToolCallDelta(0, "a", "f", ""),
    ToolCallDelta(0, None, None, '{"x"'),
    ToolCallDelta(0, None, None, ": 1}"),
    ToolCallDelta(1, "b", "g", ""),
    Done("tool_calls", Usage(10, 9, 4)),
]


def whole(events: list[Event], max_tokens: int = 9) -> tuple[list[str], dict[str, Any]]:
    answer, added, kinds = Answer("m", max_tokens), Whole(), []
    for event in events:
        for table in answer.events(event):
            added.add(table)
            kinds.append(table["type"])
    return kinds, added.message


def test_every_block_is_opened_and_closed_once_and_in_order() -> None:
    kinds, message = whole(ANSWERED)
    assert kinds.count("content_block_start") == kinds.count("content_block_stop") == 4
    assert kinds[:3] == ["message_start", "ping", "ping"] and kinds[-2:] == ["message_delta", "message_stop"]
    assert [block["type"] for block in message["content"]] == ["thinking", "text", "tool_use", "tool_use"]
    assert [block.get("input") for block in message["content"][2:]] == [{"x": 1}, {}]
    assert message["content"][0]["thinking"] == "So then" and message["stop_reason"] == "tool_use"


def test_tokens_that_had_been_read_are_counted_apart() -> None:
    usage = whole(ANSWERED)[1]["usage"]
    assert (usage["input_tokens"], usage["cache_read_input_tokens"], usage["output_tokens"]) == (6, 4, 9)


def test_a_full_context_is_told_from_a_long_answer() -> None:
    cut: list[Event] = [TextDelta("x"), Done("length", Usage(10, 9))]
    assert whole(cut, max_tokens=9)[1]["stop_reason"] == "max_tokens"
    assert whole(cut, max_tokens=10)[1]["stop_reason"] == "model_context_window_exceeded"


def test_an_answer_without_a_word_has_no_blocks() -> None:
    assert whole([Done("stop", Usage(10, 1))])[1]["content"] == []


def test_arguments_that_are_no_object_are_told_as_such() -> None:
    assert input_of("") == {} and input_of('{"a": "č"}') == {"a": "č"}
    assert input_of('{"a": ') == {"INVALID_JSON": '{"a": '} and input_of("[1]") == {"INVALID_JSON": "[1]"}
