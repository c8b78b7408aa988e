"""Anthropic's dialect, spoken by Anthropic's own client, with a model that knows neither tools nor thoughts."""

import json
import time
from collections.abc import Iterator
from typing import Any

import anthropic
import httpx2
import pytest

from tests.api.conftest import Server
from tests.conftest import STARTER

QUESTION: list[Any] = [{"role": "user", "content": "Why is the sky blue?"}]
PNG = "iVBORw0KGgo="
WEATHER: dict[str, Any] = {
    "name": "get_weather",
    "description": "The weather of a city.",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
}


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=server.url, api_key="none", max_retries=0, timeout=60) as opened:
        yield opened


def ask(client: anthropic.Anthropic, **more: Any) -> Any:
    extra = {"temperature": 0} | more.pop("extra_body", {})
    return client.messages.create(
        **{"model": STARTER, "messages": QUESTION, "max_tokens": 30, **more}, extra_body=extra
    )


def post(server: Server, body: Any, path: str = "/v1/messages") -> httpx2.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"content-type": "application/json", "anthropic-version": "2023-06-01"}
    return httpx2.post(f"{server.url}{path}", content=content, headers=headers, timeout=60)


def test_a_whole_answer_comes_with_its_usage(client: anthropic.Anthropic) -> None:
    answer = ask(client, max_tokens=6)
    (block,) = answer.content
    assert block.type == "text" and block.text and answer.model == STARTER and answer.role == "assistant"
    assert answer.stop_reason == "max_tokens" and answer.usage.output_tokens == 6
    again = ask(client, max_tokens=6)
    assert again.usage.cache_read_input_tokens > 0
    assert sum_of(again.usage) == sum_of(answer.usage) == count(client)


def sum_of(usage: Any) -> int:
    return int(usage.input_tokens + usage.cache_read_input_tokens)


def count(client: anthropic.Anthropic, **more: Any) -> int:
    return client.messages.count_tokens(**{"model": STARTER, "messages": QUESTION, **more}).input_tokens


def test_a_streamed_answer_is_the_whole_one_in_pieces(client: anthropic.Anthropic) -> None:
    whole = ask(client, max_tokens=12)
    with client.messages.stream(
        model=STARTER, messages=QUESTION, max_tokens=12, extra_body={"temperature": 0}
    ) as stream:
        events = [event.type for event in stream]
        message = stream.get_final_message()
    assert message.content[0].text == whole.content[0].text  # type: ignore[union-attr]
    assert message.stop_reason == whole.stop_reason == "max_tokens"
    assert message.usage.output_tokens == 12 and sum_of(message.usage) == sum_of(whole.usage)
    assert events[0] == "message_start" and events[-1] == "message_stop"


def test_events_on_the_wire_are_anthropics(client: anthropic.Anthropic, server: Server) -> None:
    body = {"model": STARTER, "messages": QUESTION, "max_tokens": 3, "temperature": 0, "stream": True}
    answer = post(server, body, "/v1/messages?beta=true")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["request-id"].startswith("req_")
    parts = [part.split("\n") for part in answer.text.strip().split("\n\n")]
    names = [name.removeprefix("event: ") for name, _ in parts]
    tables = [json.loads(data.removeprefix("data: ")) for _, data in parts]
    assert names == [table["type"] for table in tables]
    kinds = list(dict.fromkeys(names))
    middle = ["content_block_start", "content_block_delta", "content_block_stop"]
    assert kinds == ["message_start", "ping", *middle, "message_delta", "message_stop"]
    usage = tables[0]["message"]["usage"]
    assert usage["input_tokens"] + usage["cache_read_input_tokens"] == count(client)


def test_a_stop_sequence_ends_the_answer_and_is_told(client: anthropic.Anthropic) -> None:
    stop = ask(client).content[0].text.split()[3]
    cut = ask(client, stop_sequences=["never said", stop])
    assert cut.stop_reason == "stop_sequence" and cut.stop_sequence == stop
    assert stop not in cut.content[0].text


def test_characters_of_several_tokens_come_whole(client: anthropic.Anthropic) -> None:
    text = "Žluťoučký kůň 🐎 日本語"
    schema = {"type": "object", "properties": {"said": {"const": text}}, "required": ["said"]}
    output: Any = {"format": {"type": "json_schema", "schema": schema}}
    with client.messages.stream(model=STARTER, messages=QUESTION, max_tokens=90, output_config=output) as stream:
        pieces = list(stream.text_stream)
    assert len(pieces) > 5 and json.loads("".join(pieces)) == {"said": text}


def test_the_system_prompt_is_a_text_or_blocks(client: anthropic.Anthropic) -> None:
    blocks = [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}]
    billing = [{"type": "text", "text": "x-anthropic-billing-header: cch=123;"}]
    assert count(client) != count(client, system="Be brief.") == count(client, system=blocks)
    assert count(client, system=[*billing, *blocks]) == count(client, system=blocks)
    assert ask(client, system=blocks, max_tokens=2).content


def test_turns_of_one_side_are_one_turn(client: anthropic.Anthropic) -> None:
    two = [{"role": "user", "content": "Why is"}, {"role": "user", "content": [{"type": "text", "text": "it blue?"}]}]
    assert count(client, messages=two) == count(client, messages=[{"role": "user", "content": "Why is\nit blue?"}])


def test_the_assistants_last_words_are_written_on(client: anthropic.Anthropic) -> None:
    whole = ask(client).content[0].text
    start = whole[: whole.index(" ", len(whole) // 2)]
    rest = ask(client, messages=[*QUESTION, {"role": "assistant", "content": start}]).content[0].text
    assert not rest.startswith(start) and (start + rest).startswith(whole)


@pytest.mark.parametrize("choice", [{"type": "any"}, {"type": "tool", "name": "get_weather"}])
def test_a_tool_is_called_when_it_must_be(client: anthropic.Anthropic, choice: dict[str, Any]) -> None:
    more: dict[str, Any] = {"tools": [WEATHER], "tool_choice": choice, "max_tokens": 100}
    answer = ask(client, **more)
    (call,) = answer.content
    assert answer.stop_reason == "tool_use" and call.type == "tool_use" and call.id and call.name == "get_weather"
    assert isinstance(call.input["city"], str)
    with client.messages.stream(model=STARTER, messages=QUESTION, extra_body={"temperature": 0}, **more) as stream:
        pieces = [e.partial_json for e in stream if e.type == "input_json"]
        message = stream.get_final_message()
    assert message.content[0].input == call.input == json.loads("".join(pieces))  # type: ignore[union-attr]
    assert message.stop_reason == "tool_use"


def test_no_tool_is_called_when_none_may_be(client: anthropic.Anthropic) -> None:
    answer = ask(client, tools=[WEATHER], tool_choice={"type": "none"}, max_tokens=10)
    assert [block.type for block in answer.content] == ["text"]


def test_a_tools_result_goes_back(client: anthropic.Anthropic) -> None:
    call = {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Paris"}}
    result = {
        "type": "tool_result",
        "tool_use_id": "toolu_1",
        "content": [{"type": "text", "text": "hail and thunder"}],
    }

    def told(**more: Any) -> list[Any]:
        thought = {"type": "thinking", "thinking": "I look.", "signature": "x"}
        said = {"role": "assistant", "content": [thought, call]}
        return [*QUESTION, said, {"role": "user", "content": [{**result, **more}, {"type": "text", "text": "Go on."}]}]

    assert ask(client, messages=told(), tools=[WEATHER], max_tokens=20).usage.output_tokens > 0
    plain, failed = (count(client, messages=told(**m), tools=[WEATHER]) for m in ({}, {"is_error": True}))
    assert failed > plain > count(client, messages=told(content=None), tools=[WEATHER])


def test_documents_are_read(client: anthropic.Anthropic) -> None:
    source = {"type": "text", "media_type": "text/plain", "data": "The sky is blue by Rayleigh scattering."}
    document = {"type": "document", "source": source, "title": "Sky"}
    messages = [{"role": "user", "content": [document, {"type": "text", "text": "Why?"}]}]
    plain = [{"role": "user", "content": f"title: Sky\n{source['data']}\nWhy?"}]
    assert count(client, messages=messages) == count(client, messages=plain)


def test_models_come_in_anthropics_form_to_who_names_its_version(client: anthropic.Anthropic, server: Server) -> None:
    assert STARTER in [model.id for model in client.models.list(limit=1)]
    found = client.models.retrieve(STARTER)
    assert found.type == "model" and found.display_name == STARTER and found.created_at.year > 2000
    assert httpx2.get(f"{server.url}/v1/models").json()["object"] == "list"
    with pytest.raises(anthropic.NotFoundError, match=STARTER):
        client.models.retrieve("smollm2:135")
    with pytest.raises(anthropic.BadRequestError, match="page"):
        client.models.list(after_id="nothing")


def test_an_unknown_model_is_404_with_the_nearest_name(client: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.NotFoundError, match=STARTER) as caught:
        ask(client, model="smollm2:135")
    body: Any = caught.value.body
    assert body["type"] == "error" and body["error"]["type"] == "not_found_error"
    assert body["request_id"] == caught.value.request_id


def test_a_prompt_longer_than_the_context_is_400_in_the_words_that_clients_know(client: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.BadRequestError, match=r"prompt is too long: \d+ tokens > 8192 maximum"):
        ask(client, messages=[{"role": "user", "content": "home " * 9000}])


def test_more_tokens_may_be_asked_for_than_the_context_holds(client: anthropic.Anthropic) -> None:
    assert ask(client, max_tokens=32_000, stop_sequences=["the", "a"]).stop_reason == "stop_sequence"


def image(**source: str) -> list[Any]:
    return [{"role": "user", "content": [{"type": "image", "source": source}]}]


def document(**more: Any) -> list[Any]:
    return [{"role": "user", "content": [{"type": "document", **more}]}]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("temperature", -1),
        ("max_tokens", None),
        ("max_tokens", -1),
        ("max_tokens", 2**40),
        ("top_p", "much"),
        ("top_k", -5),
        ("messages", []),
        ("messages", [{"role": "robot", "content": "x"}]),
        ("messages", [{"role": "user", "content": [{"type": "riddle"}]}]),
        ("messages", [{"role": "user", "content": "half \ud800 a pair"}]),
        ("messages", [{"role": "user", "content": ""}]),
        ("messages", image(type="url", url="http://example.com/x.png")),
        ("messages", image(type="base64", media_type="image/png", data="?")),
        ("messages", image(type="base64", media_type="text/html", data=PNG)),
        ("messages", image(type="base64", media_type="image/png", data=PNG)),  # this model takes none
        ("messages", document(source={"type": "base64", "media_type": "application/pdf", "data": PNG})),
        ("messages", document(source={"type": "url", "url": "http://example.com"})),
        ("messages", document(source={"type": "text", "data": "x"}, citations={"enabled": True})),
        ("messages", [{"role": "user", "content": [{"type": "tool_use", "id": "1", "name": "f", "input": {}}]}]),
        ("messages", [{"role": "assistant", "content": [{"type": "tool_result", "tool_use_id": "1"}]}]),
        ("messages", [{"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "f", "input": {}}]}]),
        ("system", [{"type": "image"}]),
        ("tools", [{"name": "../../etc/passwd", "input_schema": {}}]),
        ("tools", [{"type": "web_search_20250305", "name": "web_search"}]),
        ("tools", [{"name": "f", "input_schema": {"type": "nonsense"}}]),
        ("tool_choice", {"type": "any"}),
        ("tool_choice", {"type": "tool", "name": "f"}),
        ("thinking", {"type": "enabled"}),
        ("thinking", {"type": "enabled", "budget_tokens": -1}),
        ("thinking", {"type": "hard"}),
        ("mcp_servers", [{"type": "url", "url": "http://example.com", "name": "x"}]),
        ("container", "x"),
        ("output_config", {"format": {"type": "json_schema", "schema": {"type": "nonsense"}}}),
        ("model", "/etc/passwd"),
        ("model", "../x.gguf"),
        ("model", ""),
        ("model", "x" * 10_000),
    ],
)
def test_what_can_not_be_honoured_is_400_and_says_what(server: Server, field: str, value: object) -> None:
    answer = post(server, {"model": STARTER, "messages": QUESTION, "max_tokens": 4, field: value})
    assert answer.status_code == 400, answer.text
    body = answer.json()
    assert body["type"] == "error" and body["error"]["type"] == "invalid_request_error"
    assert 10 < len(body["error"]["message"]) < 600 and body["request_id"] == answer.headers["request-id"]


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens"])
@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'{"model": "\\ud800"}', b"[" * 1000, b'{"model": "m", "x": ' + b"[" * 5000, b"\xff"],
)
def test_a_body_that_is_no_request_is_400(server: Server, body: bytes, path: str) -> None:
    answer = post(server, body, path)
    assert answer.status_code == 400 and answer.json()["type"] == "error"


def test_what_the_guard_refuses_is_said_in_anthropics_words(server: Server) -> None:
    url = f"{server.url}/v1/messages"
    for kind, answer in {
        "permission_error": httpx2.post(url, json={}, headers={"host": "evil.example"}),
        "request_too_large": httpx2.post(url, content=b"x" * (65 << 20)),
        "invalid_request_error": httpx2.get(url),
        "not_found_error": httpx2.get(f"{url}/batches"),
    }.items():
        assert answer.json()["error"]["type"] == kind, answer.text


def test_what_makes_no_difference_here_is_ignored(client: anthropic.Anthropic) -> None:
    more: dict[str, Any] = {"metadata": {"user_id": "x"}, "service_tier": "auto", "inference_geo": "eu"}
    extra = {"colour": "blue", "context_management": {"edits": []}}
    assert ask(client, max_tokens=1, **more, extra_body=extra).content


def test_a_prompt_may_be_read_without_an_answer(client: anthropic.Anthropic) -> None:
    answer = ask(client, max_tokens=0)
    assert answer.content == [] and answer.stop_reason == "max_tokens"


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_frees_the_model(client: anthropic.Anthropic, server: Server, stream: bool) -> None:
    # The one slot is free again when a short question is answered at once, long before the long one could end.
    body = {"model": STARTER, "messages": QUESTION, "max_tokens": 4000, "temperature": 2, "stream": stream}
    with (
        pytest.raises(httpx2.TimeoutException),
        httpx2.stream("POST", f"{server.url}/v1/messages", json=body, timeout=httpx2.Timeout(30, read=0.4)) as answer,
    ):
        for _ in answer.iter_bytes():
            if stream:
                raise httpx2.ReadTimeout("enough")
    start = time.monotonic()
    ask(client, max_tokens=1)
    assert time.monotonic() - start < 5
