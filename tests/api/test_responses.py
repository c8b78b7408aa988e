"""Responses, by OpenAI's own client, of a real model behind a real server."""

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest

from tests.api.conftest import Server

WEATHER: dict[str, Any] = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather of a city.",
    "strict": True,
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
}
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False}
NOT_THINKING = {"chat_template_kwargs": {"enable_thinking": False}}


@pytest.fixture(scope="module")
def client(able: Server) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{able.url}/v1", api_key="none", max_retries=0, timeout=60) as opened:
        yield opened


def ask(client: openai.OpenAI, input: Any = "Why is the sky blue?", **more: Any) -> Any:
    fields = {"model": "plain", "max_output_tokens": 16, "temperature": 0, **more}
    return client.responses.create(input=input, **fields)


def test_a_whole_answer_is_kept_gone_on_from_and_deleted(client: openai.OpenAI) -> None:
    first = ask(client, instructions="Answer in one word.", metadata={"for": "test"})
    assert first.status == "incomplete" and first.incomplete_details.reason == "max_output_tokens"
    assert first.output_text and first.usage.output_tokens == 16 and first.metadata == {"for": "test"}
    assert client.responses.retrieve(first.id).output_text == first.output_text
    (item,) = client.responses.input_items.list(first.id).data
    assert item.model_dump()["content"][0]["text"] == "Why is the sky blue?"
    second = ask(client, "And at night?", previous_response_id=first.id)
    assert second.usage.input_tokens > first.usage.input_tokens
    assert second.instructions is None and second.previous_response_id == first.id
    client.responses.delete(first.id)
    with pytest.raises(openai.NotFoundError, match="no such answer"):
        client.responses.retrieve(first.id)
    with pytest.raises(openai.NotFoundError):
        ask(client, previous_response_id=first.id)
    assert ask(client, "And now?", previous_response_id=second.id).output_text


@pytest.mark.parametrize("more", [{"store": False}, {"extra_body": {"private": True}}])
def test_what_is_not_to_be_kept_is_not(client: openai.OpenAI, more: dict[str, Any]) -> None:
    answer = ask(client, max_output_tokens=2, **more)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(answer.id)


def test_a_streamed_answer_is_the_whole_one_in_pieces(client: openai.OpenAI) -> None:
    stop: dict[str, Any] = {"stop": ask(client).output_text.split()[4]}
    whole = ask(client, extra_body=stop)
    asked: dict[str, Any] = {"model": "plain", "input": "Why is the sky blue?", "temperature": 0}
    with client.responses.stream(**asked, max_output_tokens=16, extra_body=stop) as stream:
        events = list(stream)
        final = stream.get_final_response()
    assert "".join(e.delta for e in events if e.type == "response.output_text.delta") == whole.output_text
    assert final.output_text == whole.output_text and events[0].type == "response.created"
    assert whole.status == final.status == "completed"
    assert client.responses.retrieve(final.id).usage == final.usage


def test_a_tool_is_called_and_its_result_goes_back(client: openai.OpenAI) -> None:
    more: dict[str, Any] = {"tools": [WEATHER], "tool_choice": "required", "max_output_tokens": 60}
    for model in ("plain", "thinker"):
        answer = ask(client, "Weather in Paris?", model=model, extra_body=NOT_THINKING, **more)
        (call,) = [item for item in answer.output if item.type == "function_call"]
        assert call.name == "get_weather" and isinstance(json.loads(call.arguments)["city"], str)
        result = {"type": "function_call_output", "call_id": call.call_id, "output": "hail"}
        for going_on in ({"previous_response_id": answer.id, "input": [result]}, {"input": [*answer.output, result]}):
            assert ask(client, model=model, tools=[WEATHER], **going_on).usage.output_tokens > 0


def test_a_kept_item_may_stand_for_itself(client: openai.OpenAI) -> None:
    first = ask(client, "Hello")
    items = [{"role": "user", "content": "Hello"}, {"type": "item_reference", "id": first.output[0].id}]
    question = {"role": "user", "content": "What did you say?"}
    by_reference = ask(client, [*items, question])
    assert by_reference.usage.input_tokens == ask(client, [items[0], first.output[0], question]).usage.input_tokens
    for unknown in ("msg_nothing", "msg_00_7", ""):
        with pytest.raises(openai.BadRequestError, match="no such item"):
            ask(client, [{"type": "item_reference", "id": unknown}])


def test_thoughts_are_an_item_and_a_schema_is_kept_after_them(client: openai.OpenAI) -> None:
    text: Any = {"format": {"type": "json_schema", "name": "n", "schema": SCHEMA, "strict": True}}
    more: dict[str, Any] = {"model": "thinker", "text": text, "max_output_tokens": 60}
    budget = {"extra_body": {"thinking_budget_tokens": 5}}
    answer = ask(client, include=["reasoning.encrypted_content"], store=False, **more, **budget)
    thoughts, message = answer.output
    assert thoughts.type == "reasoning" and thoughts.content[0].text and thoughts.encrypted_content
    assert isinstance(json.loads(message.content[0].text)["n"], int)
    assert 0 < answer.usage.output_tokens_details.reasoning_tokens < answer.usage.output_tokens
    summed = ask(client, reasoning={"summary": "auto"}, **more, **budget).output[0]
    assert summed.summary[0].text == thoughts.content[0].text and not summed.content
    assert ask(client, **{**more, "reasoning": {"effort": "none"}}).output[0].type == "message"


def test_what_is_asked_wrongly_is_refused_in_openais_words(client: openai.OpenAI, able: Server) -> None:
    for more in ({"background": True}, {"tools": [{"type": "web_search"}]}, {"conversation": "conv_1"}, {"top_p": 7}):
        with pytest.raises(openai.BadRequestError) as caught:
            ask(client, **more)
        assert caught.value.type == "invalid_request_error"
    with pytest.raises(openai.BadRequestError) as too_long:
        ask(client, "home " * 9000)
    assert too_long.value.code == "context_length_exceeded"
    shortened = [
        {"role": "user", "content": "home " * 9000},
        {"role": "assistant", "content": "Yes."},
        {"role": "user", "content": "Hi"},
    ]
    assert ask(client, shortened, truncation="auto", max_output_tokens=2).dropped["messages"]
    with pytest.raises(openai.NotFoundError):
        ask(client, model="nobody")
    answer = ask(client, max_output_tokens=1)
    with pytest.raises(openai.BadRequestError, match="background"):
        client.responses.cancel(answer.id)
    assert httpx2.get(f"{able.url}/v1/responses/{answer.id}?stream=true").status_code == 400


def test_the_tokens_of_a_request_are_counted(client: openai.OpenAI) -> None:
    counted = client.responses.input_tokens.count(model="plain", input="Why is the sky blue?")
    assert counted.input_tokens == ask(client, max_output_tokens=1).usage.input_tokens


def test_figures_are_told_where_they_are_asked_for(client: openai.OpenAI) -> None:
    answer = ask(client, max_output_tokens=3, top_logprobs=2)
    figures = answer.output[0].content[0].logprobs
    assert len(figures) == 3 and len(figures[0].top_logprobs) == 2


def test_lists_of_items_have_pages(client: openai.OpenAI) -> None:
    asked = [{"role": "user", "content": str(n)} for n in range(3)]
    answer = ask(client, asked, max_output_tokens=1)
    page = client.responses.input_items.list(answer.id, limit=2, order="asc")
    assert [item.model_dump()["content"] for item in page.data] == ["0", "1"]
    assert [item.model_dump()["content"] for item in page.get_next_page().data] == ["2"]
    with pytest.raises(openai.BadRequestError, match="after"):
        client.responses.input_items.list(answer.id, after="item_x")
