"""Messages and lines of Ollama's dialect, without a server."""

import base64
import json
import time
from typing import Any

import pytest

from domov.api.ollama.bodies import ChatBody, GenerateBody, decode_chat, decode_templated, decode_verbatim
from domov.api.ollama.fields import picture
from domov.api.ollama.replies import Reply
from domov.errors import BadRequest, Broken
from domov.types import ChatRequest, Done, Event, StopReason, ToolCallDelta, Usage

CALL = {"function": {"name": "f", "arguments": {"a": 1}}}


def chat(*messages: dict[str, Any], **more: Any) -> ChatRequest:
    return decode_chat(ChatBody.model_validate({"model": "m", "messages": messages, **more}))


def test_results_find_their_calls_by_name_and_then_in_order() -> None:
    other = {"function": {"name": "g", "arguments": {}}}
    request = chat(
        {"role": "assistant", "tool_calls": [CALL, other, CALL]},
        {"role": "tool", "tool_name": "g", "content": "x"},
        {"role": "tool", "content": "y"},
        {"role": "tool", "content": "z"},
    )
    calls = [call.id for call in request.messages[0].tool_calls]
    assert len(set(calls)) == 3
    assert [m.tool_call_id for m in request.messages[1:]] == [calls[1], calls[0], calls[2]]


def test_options_become_sampling_and_limits() -> None:
    options = {"num_predict": 7, "temperature": 0.5, "top_k": 3, "stop": ["a", ""], "num_ctx": 4096, "tfs_z": 1}
    request = chat({"role": "user", "content": "x"}, options=options, keep_alive="1m", format="json", think="high")
    assert (request.max_tokens, request.stop, request.keep_alive_seconds, request.json_schema) == (7, ("a",), 60, {})
    assert (request.sampling.temperature, request.sampling.top_k, request.sampling.top_p) == (0.5, 3, None)
    assert request.thinking is True and request.template_values == {"reasoning_effort": "high"}


def test_nulls_are_as_good_as_nothing() -> None:
    body = {"prompt": "x", "system": None, "raw": None, "format": None, "options": {"stop": None, "num_predict": -1}}
    request = decode_templated(GenerateBody.model_validate({"model": "m", **body}))
    assert request == ChatRequest("m", request.messages) and len(request.messages) == 1


def test_the_assistants_last_message_is_written_on() -> None:
    assert chat({"role": "user", "content": "x"}, {"role": "assistant", "content": "It"}).continue_last
    assert not chat({"role": "user", "content": "x"}).continue_last


@pytest.mark.parametrize("more", [{"system": "x"}, {"context": [1]}, {"images": ["eA=="]}, {"think": True}])
def test_what_does_not_go_together_with_raw_is_refused(more: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        decode_verbatim(GenerateBody.model_validate({"model": "m", "prompt": "x", "raw": True, **more}))


@pytest.mark.parametrize("field", ["template", "_debug_render_only"])
def test_what_would_change_the_answer_is_refused(field: str) -> None:
    with pytest.raises(BadRequest, match=field):
        decode_templated(GenerateBody.model_validate({"model": "m", "prompt": "x", field: "y"}))


def test_pictures_are_known_by_their_first_bytes() -> None:
    assert picture(base64.b64encode(b"\xff\xd8\xff").decode()).media_type == "image/jpeg"
    for wrong in (b"<svg>", b"RIFF1234WEBP"):
        with pytest.raises(BadRequest, match="images"):
            picture(base64.b64encode(wrong).decode())


def tables(*pieces: ToolCallDelta, reason: StopReason = "tool_calls") -> list[dict[str, Any]]:
    reply = Reply("m", "chat", time.monotonic())
    events: list[Event] = [*pieces, Done(reason, Usage(3, 2))]
    return [table for event in events for table in reply.tables(event)]


def test_calls_are_told_whole_and_as_objects() -> None:
    first, second, last = tables(
        ToolCallDelta(0, "1", "f", '{"a"'), ToolCallDelta(0, None, None, ": 1}"), ToolCallDelta(1, "2", "g", "")
    )
    assert first["message"]["tool_calls"] == [{"id": "1", "function": {"index": 0, "name": "f", "arguments": {"a": 1}}}]
    assert second["message"]["tool_calls"][0]["function"] == {"index": 1, "name": "g", "arguments": {}}
    assert (last["done"], last["done_reason"], last["prompt_eval_count"], last["eval_count"]) == (True, "stop", 3, 2)
    json.dumps([first, second, last])


def test_a_call_that_was_cut_short_is_left_out_and_one_that_is_wrong_is_an_error() -> None:
    assert [t["done"] for t in tables(ToolCallDelta(0, "1", "f", '{"a"'), reason="length")] == [True]
    with pytest.raises(Broken):
        tables(ToolCallDelta(0, "1", "f", '{"a"'))
