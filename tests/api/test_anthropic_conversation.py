"""Anthropic's messages in the inner language."""

import base64
from typing import Any

import pytest

from domov.api.anthropic.conversation import conversation
from domov.api.anthropic.request import CountBody, MessagesBody, decode
from domov.errors import BadRequest
from domov.types import Media, Message, ToolCall

PNG = b"\x89PNG"
IMAGE = {
    "type": "image",
    "source": {"type": "base64", "media_type": "image/png", "data": base64.b64encode(PNG).decode()},
}
CALL = {"type": "tool_use", "id": "1", "name": "look", "input": {"at": "dům"}}


def messages(*told: tuple[str, Any], system: Any = None) -> tuple[Message, ...]:
    body = CountBody.model_validate(
        {"model": "m", "system": system, "messages": [{"role": role, "content": content} for role, content in told]}
    )
    return conversation(body.system, body.messages)


def result(content: Any, of: str = "1") -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": of, "content": content}


def text(said: str) -> dict[str, str]:
    return {"type": "text", "text": said}


def test_results_of_tools_come_before_the_rest_of_the_users_words() -> None:
    told = messages(
        ("user", "Look."),
        ("assistant", [text("I look"), CALL, CALL | {"id": "2"}]),
        ("user", [text("Well?"), result("a house"), result([text("a"), text("door")], "2")]),
    )
    calls = ToolCall("1", "look", '{"at":"dům"}'), ToolCall("2", "look", '{"at":"dům"}')
    assert told == (
        Message("user", "Look."),
        Message("assistant", "I look", calls),
        Message("tool", "a house", tool_call_id="1"),
        Message("tool", "a\ndoor", tool_call_id="2"),
        Message("user", "Well?"),
    )


def test_pictures_of_a_result_are_shown_by_the_user() -> None:
    told = messages(("assistant", [CALL]), ("user", [result([text("seen"), IMAGE])]))
    assert told[-2:] == (
        Message("tool", "seen", tool_call_id="1"),
        Message("user", (Media("image", PNG, "image/png"),)),
    )


def test_pictures_stay_between_the_words() -> None:
    (told,) = messages(("user", [text("this"), IMAGE, text("or")]), ("user", [IMAGE, text("that?")]))
    assert [type(part).__name__ for part in told.content] == ["str", "Media", "str", "Media", "str"]


def test_thoughts_are_the_reasoning_of_their_message() -> None:
    thought = {"type": "thinking", "thinking": "Hm.", "signature": "x"}
    told = messages(("user", "?"), ("assistant", [thought, text("Yes")]), ("assistant", [text(", sir.")]))
    assert told[-1] == Message("assistant", "Yes, sir.", reasoning="Hm.")


def test_a_system_prompt_without_words_is_none() -> None:
    assert (
        messages(("user", "Hi"), system=[text("")]) == messages(("user", "Hi"), system="") == messages(("user", "Hi"))
    )


@pytest.mark.parametrize("deep", [{"a": "\ud800"}, 1000])
def test_an_input_that_is_no_json_is_refused(deep: Any) -> None:
    nested: dict[str, Any] = {}
    for _ in range(deep if isinstance(deep, int) else 0):
        nested = {"a": nested}
    block = CALL | {"input": nested or deep}
    with pytest.raises((BadRequest, ValueError)):
        messages(("assistant", [block]), ("user", [result("x")]))


@pytest.mark.parametrize(
    ("choice", "meant", "parallel"),
    [
        (None, "auto", None),
        ({"type": "auto", "disable_parallel_tool_use": True}, "auto", False),
        ({"type": "any", "disable_parallel_tool_use": False}, "required", True),
        ({"type": "tool", "name": "look"}, "=look", None),
        ({"type": "none"}, "none", None),
    ],
)
def test_choices_of_tools(choice: Any, meant: str, parallel: bool | None) -> None:
    body = {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "x"}], "tool_choice": choice}
    request = decode(MessagesBody.model_validate(body))
    assert (request.tool_choice, request.parallel_tool_calls) == (meant, parallel)


@pytest.mark.parametrize(
    ("thinking", "on", "budget"),
    [
        (None, False, None),
        ({"type": "disabled"}, False, None),
        ({"type": "adaptive"}, True, None),
        ({"type": "enabled", "budget_tokens": 2048}, True, 2048),
    ],
)
def test_kinds_of_thinking(thinking: Any, on: bool, budget: int | None) -> None:
    body = {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "x"}], "thinking": thinking}
    request = decode(MessagesBody.model_validate(body))
    assert (request.thinking, request.thinking_tokens) == (on, budget)
