"""Tools and thoughts in Anthropic's dialect, by a model that knows them, and what is said when things break."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import pytest

from domov.store.models import Model
from tests import model_files
from tests.api.conftest import Server, serving
from tests.api.test_anthropic import WEATHER, count
from tests.api.test_server import worker_of
from tests.conftest import STARTER, domov

QUESTION: list[Any] = [{"role": "user", "content": "What is the weather in Paris?"}]
ON: Any = {"type": "enabled", "budget_tokens": 5}


def client_of(server: Server) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=server.url, api_key="none", max_retries=0, timeout=60)


@pytest.fixture(scope="module")
def client(starter: Model, tmp_path_factory: pytest.TempPathFactory) -> Iterator[anthropic.Anthropic]:
    home, path = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("files") / "thinker.gguf"
    path.write_bytes(model_files.with_template(starter.path.read_bytes(), model_files.TOOLS_AND_THOUGHTS))
    done = domov(home, "pull", str(path), "--name", "thinker")
    assert done.returncode == 0, done.stderr
    with serving(home) as server, client_of(server) as opened:
        yield opened


def ask(client: anthropic.Anthropic, **more: Any) -> Any:
    asked = {"model": "thinker", "messages": QUESTION, "max_tokens": 40, **more}
    return client.messages.create(**asked, extra_body={"temperature": 0})


def test_thinking_is_a_block_of_its_own_and_bounded(client: anthropic.Anthropic) -> None:
    thought, text = ask(client, thinking=ON).content
    assert thought.type == "thinking" and thought.thinking and thought.signature
    assert text.type == "text" and text.text


def test_thinking_is_off_unless_it_is_asked_for(client: anthropic.Anthropic) -> None:
    more: tuple[dict[str, Any], ...] = ({}, {"thinking": {"type": "disabled"}})
    for off in more:
        assert [block.type for block in ask(client, max_tokens=6, **off).content] == ["text"]
    adaptive = ask(client, thinking={"type": "adaptive"}, max_tokens=6)
    assert [block.type for block in adaptive.content] == ["thinking"]


def test_thoughts_stream_with_a_signature_at_their_end(client: anthropic.Anthropic) -> None:
    deltas = []
    with client.messages.stream(
        model="thinker", messages=QUESTION, max_tokens=20, thinking=ON, extra_body={"temperature": 0}
    ) as stream:
        for event in stream:
            if event.type == "content_block_delta":
                deltas.append((event.index, event.delta.type))
        message = stream.get_final_message()
    assert list(dict.fromkeys(deltas)) == [(0, "thinking_delta"), (0, "signature_delta"), (1, "text_delta")]
    whole = ask(client, thinking=ON, max_tokens=20)
    assert [block.model_dump() for block in message.content] == [block.model_dump() for block in whole.content]


def test_thoughts_may_be_left_out_of_the_answer(client: anthropic.Anthropic) -> None:
    thought, text = ask(client, thinking={**ON, "display": "omitted"}).content
    assert thought.thinking == "" and thought.signature and text.text


def test_thoughts_go_back_to_the_model(client: anthropic.Anthropic) -> None:
    blocks = [{"type": "thinking", "thinking": "Rain, I think.", "signature": "x"}, {"type": "text", "text": "Rain."}]
    hidden = {"type": "redacted_thinking", "data": "x"}
    last = {"role": "user", "content": "Sure?"}
    told = [*QUESTION, {"role": "assistant", "content": blocks}, last]
    bare = [*QUESTION, {"role": "assistant", "content": [hidden, blocks[1]]}, last]
    assert count(client, model="thinker", messages=told) > count(client, model="thinker", messages=bare)
    assert ask(client, messages=told, max_tokens=3).content


@pytest.mark.parametrize("thinking", [{"type": "disabled"}, ON])
def test_a_tool_is_called_by_force_also_after_thinking(client: anthropic.Anthropic, thinking: Any) -> None:
    more: dict[str, Any] = {"tools": [WEATHER], "tool_choice": {"type": "tool", "name": "get_weather"}}
    answer = ask(client, thinking=thinking, max_tokens=100, **more)
    assert [b.type for b in answer.content] == ["tool_use"] if thinking != ON else ["thinking", "tool_use"]
    call = answer.content[-1]
    assert isinstance(call.input["city"], str) and answer.stop_reason == "tool_use"
    back = [
        *QUESTION,
        {"role": "assistant", "content": [block.model_dump() for block in answer.content]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call.id, "content": "hail"}]},
    ]
    assert ask(client, messages=back, tools=[WEATHER], max_tokens=5).content


def test_one_call_at_a_time_if_it_is_asked_for(client: anthropic.Anthropic) -> None:
    choice: dict[str, Any] = {"type": "any", "disable_parallel_tool_use": True}
    answer = ask(client, tools=[WEATHER], tool_choice=choice, max_tokens=150)
    assert [block.type for block in answer.content] == ["tool_use"]


def test_a_call_that_is_cut_off_says_so(client: anthropic.Anthropic) -> None:
    long: dict[str, Any] = {"type": "object", "properties": {"n": {"const": "long " * 50}}, "required": ["n"]}
    answer = ask(client, tools=[{"name": "f", "input_schema": long}], tool_choice={"type": "any"}, max_tokens=50)
    (call,) = answer.content
    assert answer.stop_reason == "max_tokens" and list(call.input) == ["INVALID_JSON"]


def test_a_schema_is_kept_after_thinking(client: anthropic.Anthropic) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    answer = ask(
        client, thinking=ON, output_config={"effort": "max", "format": {"type": "json_schema", "schema": schema}}
    )
    assert isinstance(json.loads(answer.content[-1].text)["n"], int)


def test_an_error_after_the_first_word_is_an_event(home: Path) -> None:
    with serving(home) as server, client_of(server) as client:
        stream = client.messages.create(model=STARTER, messages=QUESTION, max_tokens=4000, stream=True)
        with pytest.raises(anthropic.APIStatusError, match="stopped in the middle") as caught:
            for number, _ in enumerate(stream):
                if number == 6:
                    os.kill(worker_of(server), signal.SIGKILL)
        body: Any = caught.value.body
        assert body["type"] == "error" and body["error"]["type"] == "api_error"
        assert body["request_id"] == stream.response.headers["request-id"]


def test_who_comes_too_many_is_told_when_to_come_back(home: Path) -> None:
    with (
        serving(home, DOMOV_QUEUE="0", DOMOV_SLOTS="1") as server,
        client_of(server) as client,
        client.messages.create(model=STARTER, messages=QUESTION, max_tokens=4000, stream=True) as stream,
    ):
        next(iter(stream))
        with pytest.raises(anthropic.APIStatusError) as caught:
            client.messages.create(model=STARTER, messages=QUESTION, max_tokens=1)
    assert caught.value.status_code == 529 and caught.value.type == "overloaded_error"
    assert int(caught.value.response.headers["retry-after"]) > 0
