import itertools

import orjson
import pytest

from domov.engine.traits import Traits
from domov.engine.wire_chat import template_fields
from domov.engine.wire_tools import CallReader, call_schema, held_by_us
from domov.errors import BadRequest
from domov.types import ChatRequest, Message, TextDelta, Tool, ToolCall, ToolCallDelta

HI = (Message("user", "Hi"),)
F = Tool(
    "f", "does f", {"type": "object", "properties": {"x": {"$ref": "#/$defs/y"}}, "$defs": {"y": {"type": "string"}}}
)
G = Tool("g", "does g", {})
KNOWS, PLAIN = Traits(100, shows_tools=True), Traits(100)


def read(text: str, size: int, **more: bool) -> tuple[str, dict[int, tuple[str | None, str]]]:
    ids = itertools.count()
    reader = CallReader(new_id=lambda: str(next(ids)), **more)
    words = ""
    calls: dict[int, tuple[str | None, str]] = {}
    for start in range(0, len(text), size):
        for event in reader.feed(text[start : start + size]):
            if isinstance(event, TextDelta):
                words += event.text
            elif isinstance(event, ToolCallDelta):
                name, arguments = calls.get(event.index, (None, ""))
                calls[event.index] = (name or event.name, arguments + event.arguments)
    return words, calls


@pytest.mark.parametrize("size", [1, 2, 5, 1000])
def test_calls_are_read_however_they_come(size: int) -> None:
    first, second = '{"x": "}]\\"", "y": [1, {"z": 2}]}', "{}"
    text = f'{{ "tool_calls": [ {{"name": "f",\n "arguments": {first}}}, {{"name":"g","arguments":{second}}}]}}'
    assert read(text, size) == ("", {0: ("f", first), 1: ("g", second)})


@pytest.mark.parametrize("size", [1, 2, 5, 1000])
def test_a_response_is_read_as_the_text_that_it_means(size: int) -> None:
    said = 'líné "slovo" \\ 🏠\n\té'
    assert read(orjson.dumps({"response": said}).decode(), size) == (said, {})
    assert read('{"response": "\\ud83c\\udfe0 \\u00e9 \\/"}', size) == ("🏠 é /", {})


@pytest.mark.parametrize("value", ['{"n": [1, "]"]}', '"a\\"b"', "12", "true", "[1,2]"])
def test_a_response_that_is_held_to_a_schema_stays_json(value: str) -> None:
    assert read(f'{{"response": {value}}}', 3, words=False) == (value, {})


@pytest.mark.parametrize("value", ["12", "null", '"x"'])
def test_arguments_that_are_no_object_are_read_too(value: str) -> None:
    text = f'{{"tool_calls": [{{"name": "f", "arguments": {value} }}, {{"name": "g", "arguments": {value}}}]}}'
    assert read(text, 1)[1] == {0: ("f", value), 1: ("g", value)}


def test_an_answer_cut_short_gives_what_there_is() -> None:
    assert read('{"tool_calls": [{"name": "f", "arguments": {"x": "ab', 4)[1] == {0: ("f", '{"x": "ab')}


def test_what_a_schema_says_about_itself_follows_it_to_its_new_place() -> None:
    schema = call_schema(ChatRequest("m", HI, tools=(F, G), tool_choice="required"))
    assert schema["$defs"]["tool_0"]["properties"]["x"] == {"$ref": "#/$defs/tool_0/$defs/y"}
    assert schema["properties"]["tool_calls"]["maxItems"] == 1
    assert schema["$defs"]["tool_1"] == {"type": "object"}


def test_our_schema_holds_what_llama_server_would_not() -> None:
    assert not held_by_us(ChatRequest("m", HI, tools=(F,)), KNOWS)
    assert held_by_us(ChatRequest("m", HI, tools=(F,)), PLAIN)
    for choice in ("required", "=f"):
        assert held_by_us(ChatRequest("m", HI, tools=(F,), tool_choice=choice), KNOWS)
    assert not held_by_us(ChatRequest("m", HI, tools=(F,), tool_choice="none"), PLAIN)


def test_a_named_tool_is_the_only_one_told_of() -> None:
    fields = template_fields(ChatRequest("m", HI, tools=(F, G), tool_choice="=g"), KNOWS)
    assert [tool["function"]["name"] for tool in fields["tools"]] == ["g"] and fields["tool_choice"] == "none"
    with pytest.raises(BadRequest, match="no such tool: h"):
        template_fields(ChatRequest("m", HI, tools=(F,), tool_choice="=h"), KNOWS)


def test_a_template_without_tools_is_told_of_them_in_words() -> None:
    call = Message("assistant", "Well.", tool_calls=(ToolCall("1", "f", '{"x": "a"}'), ToolCall("2", "g", "{")))
    results = (Message("tool", "one", tool_call_id="1"), Message("tool", "two", tool_call_id="2"))
    request = ChatRequest("m", (Message("system", "Be kind."), *HI, call, *results), tools=(F,))
    told = template_fields(request, PLAIN)["messages"]
    assert [message["role"] for message in told] == ["system", "user", "assistant", "user"]
    assert told[0]["content"].startswith("Be kind.") and "does f" in told[0]["content"]
    assert told[2]["content"].startswith("Well.\n") and '"name":"f"' in told[2]["content"]
    assert told[3]["content"] == "The tool f answered: one\nThe tool g answered: two"


def test_a_template_without_a_system_role_gets_the_tools_in_the_users_words() -> None:
    request = ChatRequest("m", HI, tools=(F,))
    (told,) = template_fields(request, Traits(100, takes_system=False))["messages"]
    assert told["role"] == "user" and "does f" in told["content"] and told["content"].endswith("Hi")
