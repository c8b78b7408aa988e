"""Responses, without a model: items become messages, events come in OpenAI's order."""

import contextlib
from collections import Counter
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.responses import ResponseItem, ResponseStreamEvent
from pydantic import TypeAdapter

from domov.api.openai.responses.answer import Answer, sse
from domov.api.openai.responses.body import ResponseBody
from domov.api.openai.responses.items import listed, messages_of, sealed
from domov.api.openai.responses.kept import shown_items
from domov.api.openai.responses.request import Earlier, check, decode, tools_of
from domov.api.openai.responses.routes import _begun
from domov.errors import BadRequest, ContextOverflow
from domov.types import (
    ChatRequest,
    Done,
    Event,
    Media,
    Message,
    Progress,
    ReasoningDelta,
    TextDelta,
    Token,
    ToolCall,
    ToolCallDelta,
    Usage,
)

WEATHER = {"type": "function", "name": "weather", "parameters": {"type": "object"}, "strict": True}
DONE = Done("stop", Usage(7, 5, cached_tokens=3))


def body(**more: Any) -> ResponseBody:
    return ResponseBody(**{"model": "m", "input": "hi", **more})


def asked(**more: Any) -> ChatRequest:
    wanted = body(**more)
    return decode(wanted, listed(wanted.input), Earlier())


def told(*events: Event, asked_for: ResponseBody | None = None, **more: Any) -> tuple[Answer, list[dict[str, Any]]]:
    """An answer and its events, each checked against OpenAI's own types."""
    wanted = asked_for or body()
    called = {name: called for name, (called, _) in tools_of(wanted).items()}
    answer = Answer(_begun(wanted, [], id="resp_00ff", model="m"), called, **more)
    sent = b"".join(answer.encode(event) for event in events) + sse(answer.end())
    tables = [orjson.loads(line[6:]) for line in sent.split(b"\n") if line.startswith(b"data: ")]
    for table in tables:
        TypeAdapter(ResponseStreamEvent).validate_python(table)
    assert [table["sequence_number"] for table in tables] == list(range(len(tables)))
    return answer, tables


def kinds(tables: list[dict[str, Any]]) -> list[str]:
    return [table["type"].removeprefix("response.") for table in tables]


def test_words_come_in_a_part_in_an_item() -> None:
    answer, tables = told(Progress(1, 2, 0), Progress(2, 2, 0), TextDelta("Do"), TextDelta("mov"), DONE)
    assert kinds(tables) == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert tables[6]["text"] == "Domov" and tables[-1]["response"]["output"][0]["content"][0]["text"] == "Domov"
    assert tables[-1]["response"]["usage"]["input_tokens_details"]["cached_tokens"] == 3
    assert answer.message() == Message("assistant", "Domov")


def test_thoughts_words_and_calls_are_items_of_their_own() -> None:
    tools = body(
        tools=[
            WEATHER,
            {"type": "namespace", "name": "sea", "description": "The sea.", "tools": [{**WEATHER, "name": "tide"}]},
        ]
    )
    events = (
        ReasoningDelta("hm", pieces=2),
        TextDelta("So"),
        ToolCallDelta(0, "call_a", "weather", '{"a":'),
        ToolCallDelta(0, None, None, "1}"),
        ToolCallDelta(1, "call_b", "sea__tide", "{}"),
        Done("tool_calls", Usage(1, 9)),
    )
    answer, tables = told(*events, asked_for=tools)
    output = tables[-1]["response"]["output"]
    assert [item["type"] for item in output] == ["reasoning", "message", "function_call", "function_call"]
    assert output[2]["arguments"] == '{"a":1}' and (output[3]["namespace"], output[3]["name"]) == ("sea", "tide")
    assert [table["output_index"] for table in tables if table["type"] == "response.output_item.done"] == [0, 1, 2, 3]
    assert Counter(kinds(tables))["reasoning_text.delta"] == 1
    assert tables[-1]["response"]["usage"]["output_tokens_details"] == {"reasoning_tokens": 2}
    calls = (ToolCall("call_a", "weather", '{"a":1}'), ToolCall("call_b", "sea__tide", "{}"))
    assert answer.message() == Message("assistant", "So", calls, reasoning="hm")
    assert messages_of(output) == (answer.message(),)


def test_thoughts_come_as_a_summary_where_one_is_asked_for_and_sealed_for_who_keeps_nothing() -> None:
    answer, tables = told(ReasoningDelta("hm"), TextDelta("So"), DONE, as_summary=True, seals=True)
    assert kinds(tables)[3:6] == ["reasoning_summary_part.added", "reasoning_summary_text.delta"] + [
        "reasoning_summary_text.done"
    ]
    item = answer.output[0]
    assert item["summary"] == [{"type": "summary_text", "text": "hm"}]
    assert messages_of([{"type": "reasoning", "summary": [], "encrypted_content": item["encrypted_content"]}]) == (
        Message("assistant", "", reasoning="hm"),
    )
    assert answer.message().reasoning == "hm"


def test_an_answer_that_was_cut_is_incomplete_and_one_that_broke_has_failed() -> None:
    answer, tables = told(TextDelta("Do"), Done("length", Usage(1, 1)))
    assert tables[-1]["type"] == "response.incomplete" and tables[-2]["item"]["status"] == "incomplete"
    assert answer.response["incomplete_details"] == {"reason": "max_output_tokens"}
    last = Answer(_begun(body(), [], id="resp_1", model="m"), {}).failed(
        ContextOverflow(prompt_tokens=9, context_tokens=8)
    )
    assert b"event: response.failed" in last and b"context_length_exceeded" in last


def test_figures_of_tokens_are_told() -> None:
    token = Token("Do", 1, -0.5, b"Do", (Token("Do", 1, -0.5, b"Do"),))
    _, tables = told(TextDelta("Do", (token,)), DONE)
    assert tables[4]["logprobs"][0]["top_logprobs"][0]["logprob"] == -0.5
    assert tables[-1]["response"]["output"][0]["content"][0]["logprobs"][0]["bytes"] == [68, 111]


def test_every_kind_of_item_is_its_message() -> None:
    picture = {"type": "input_image", "detail": "auto", "image_url": "data:image/png;base64,iVBORw0KGgo="}
    items: list[dict[str, Any]] = [
        {"role": "developer", "content": "Be brief."},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Look: "}, picture]},
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}]},
        {"type": "function_call", "call_id": "1", "name": "look", "arguments": "{}"},
        {"type": "function_call", "call_id": "2", "name": "tide", "namespace": "sea", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "1", "output": [{"type": "input_text", "text": "seen"}, picture]},
        {"type": "function_call_output", "call_id": "2", "output": "high"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "A house."}]},
        {"role": "user", "content": "And"},
        {"role": "user", "content": "now?"},
    ]
    image = Media("image", b"\x89PNG\r\n\x1a\n", "image/png")
    assert messages_of(items) == (
        Message("system", "Be brief."),
        Message("user", ("Look: ", image)),
        Message("assistant", "", (ToolCall("1", "look", "{}"), ToolCall("2", "sea__tide", "{}")), reasoning="hm"),
        Message("tool", "seen", tool_call_id="1"),
        Message("tool", "high", tool_call_id="2"),
        Message("user", (image,)),
        Message("assistant", "A house."),
        Message("user", "And\n\nnow?"),
    )


def test_what_was_asked_is_listed_in_openais_form() -> None:
    items = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello."},
        {"type": "function_call", "call_id": "1", "name": "x", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "1", "output": "y"},
    ]
    shown = shown_items(items, "resp_00ff")
    assert len({item["id"] for item in shown}) == 4
    for item in shown:
        TypeAdapter(ResponseItem).validate_python(item)
    assert messages_of(shown) == messages_of(items)


@pytest.mark.parametrize(
    "item",
    [
        {"type": "web_search_call", "id": "ws_1"},
        {"type": "function_call", "name": "x"},
        {"type": "function_call_output", "output": "x"},
        {"role": "tool", "content": "x"},
        {"role": "user", "content": [{"type": "input_file", "file_id": "file-1"}]},
        {"role": "user", "content": [{"type": "input_image", "image_url": "https://example.org/x.png"}]},
        {"role": "user", "content": [{"type": "input_image", "file_id": "file-1"}]},
        {"role": "user", "content": [{"type": "video"}]},
        {"role": "user", "content": [{"text": 1}]},
        {"type": 7},
    ],
)
def test_items_that_no_model_here_can_take_are_refused_with_their_place(item: dict[str, Any]) -> None:
    with pytest.raises(BadRequest, match=r"input\.1"):
        messages_of([{"role": "user", "content": "hi"}, item])


def test_thoughts_of_another_server_are_left_out() -> None:
    for text in ("gAAAAB-of-openai", "domov:%%%", sealed("x")[:-1]):
        (message,) = messages_of([{"type": "reasoning", "summary": [], "encrypted_content": text}])
        assert message.reasoning == ""


def test_instructions_come_first_and_are_not_those_of_an_earlier_response() -> None:
    earlier = Earlier((Message("user", "a"), Message("assistant", "b")), "resp_1")
    wanted = body(instructions="Be brief.", input=[{"role": "system", "content": "In Czech."}])
    request = decode(wanted, listed(wanted.input), earlier)
    assert [m.text for m in request.messages] == ["Be brief.", "a", "b", "In Czech."]
    assert asked(instructions="A", input=[{"role": "system", "content": "B"}]).messages[0].text == "A\n\nB"
    assert request.conversation == "resp_1"


def test_fields_become_what_the_engine_knows() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    request = asked(
        max_output_tokens=5,
        temperature=0.5,
        truncation="auto",
        reasoning={"effort": "low", "summary": "auto"},
        text={"format": {"type": "json_schema", "name": "n", "schema": schema, "strict": True}, "verbosity": "low"},
        include=["message.output_text.logprobs"],
        tools=[WEATHER, {"type": "web_search", "external_web_access": False}],
        tool_choice={"type": "function", "name": "weather"},
    )
    assert (request.max_tokens, request.sampling.temperature, request.overflow) == (5, 0.5, "drop_oldest")
    assert request.json_schema == schema and request.template_values == {"reasoning_effort": "low"}
    assert request.top_logprobs == 0 and request.tool_choice == "=weather" and len(request.tools) == 1
    assert asked().overflow == "stop" and asked(text={"format": {"type": "json_object"}}).json_schema == {}
    assert asked(reasoning={"effort": "none"}).thinking is False


def test_only_allowed_tools_are_told_of() -> None:
    tools = [WEATHER, {**WEATHER, "name": "other"}]
    choice = {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "other"}]}
    request = asked(tools=tools, tool_choice=choice)
    assert [tool.name for tool in request.tools] == ["other"] and request.tool_choice == "required"


@pytest.mark.parametrize(
    "more",
    [
        {"background": True},
        {"conversation": "conv_1"},
        {"prompt": {"id": "pmpt_1"}},
        {"moderation": {"model": "omni"}},
        {"n": 2},
        {"input": None},
        {"input": []},
        {"tools": [{"type": "web_search"}]},
        {"tools": [{"type": "mcp", "server_label": "x"}]},
        {"tools": [{"type": "function"}]},
        {"tools": [WEATHER, WEATHER]},
        {"tool_choice": {"type": "web_search_preview"}},
        {"tool_choice": {"type": "allowed_tools", "tools": [{"name": "nobody"}]}},
        {"text": {"format": {"type": "json_schema"}}},
        {"chat_template_kwargs": {"enable_thinking": "yes"}},
    ],
)
def test_what_can_not_be_honoured_is_refused(more: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        asked(**more)


def deep(levels: int) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for _ in range(levels):
        table = {"properties": {"a": table}}
    return table


@pytest.mark.parametrize(
    "more",
    [
        {"metadata": {"a": "\ud800"}},
        {"instructions": "\udc00"},
        {"tools": [{**WEATHER, "parameters": deep(300)}]},
        {"text": {"format": {"type": "json_schema", "schema": deep(2000)}}},
        {"input": [{"role": "user", "content": "x", "more": "\ud800"}]},
        {"input": [{"role": "user", "content": "x", "more": deep(400)}]},
    ],
)
def test_what_could_not_be_told_again_is_refused_before_it_is_answered(more: dict[str, Any]) -> None:
    wanted = body(**more)
    with pytest.raises(BadRequest, match="told again"):
        _begun(wanted, listed(wanted.input), id="resp_1", model="m")


def test_what_is_not_kept_is_private_or_not_to_be_stored() -> None:
    check(body(previous_response_id="resp_1", input=None))
    assert not body(store=False).keeps and not body(private=True).keeps and body().keeps


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
TYPES = ["message", "reasoning", "function_call", "function_call_output", "item_reference", "x"]
KEYS = ["content", "output", "summary", "arguments", "name", "call_id", "encrypted_content", "namespace"]
PART = st.fixed_dictionaries(
    {"type": st.sampled_from(["input_text", "input_image", "input_audio", "output_text", "refusal"])},
    optional={"text": JSON, "image_url": JSON, "input_audio": JSON, "refusal": JSON},
)
ITEM = st.fixed_dictionaries(
    {"type": st.sampled_from(TYPES), "role": st.sampled_from(["user", "assistant", "system"])},
    optional=dict.fromkeys(KEYS, JSON | st.lists(PART, max_size=3)),
)


@given(st.lists(ITEM, max_size=4))
def test_any_items_are_messages_or_refused_and_nothing_else(items: list[dict[str, Any]]) -> None:
    with contextlib.suppress(BadRequest):
        assert all(isinstance(message, Message) for message in messages_of(items))
