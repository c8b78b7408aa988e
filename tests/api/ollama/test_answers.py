"""Ollama's dialect, spoken by Ollama's own client: everything that a model answers."""

import asyncio
import base64
import json
import math
import time
from collections.abc import Iterator
from typing import Any

import httpx2
import ollama
import pytest

from tests.api.conftest import Server

QUESTION = [{"role": "user", "content": "What is the weather in Paris?"}]
SHORT = {"num_predict": 8, "temperature": 0}
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
COLOUR = {"type": "object", "properties": {"c": {"enum": ["red", "blue"]}}, "required": ["c"]}


@pytest.fixture(scope="module")
def client(able: Server) -> Iterator[ollama.Client]:
    opened = ollama.Client(able.url, timeout=60)
    yield opened
    opened._client.close()


def post(server: Server, path: str, body: Any) -> httpx2.Response:
    return httpx2.post(f"{server.url}{path}", json=body, timeout=60)


def lines(answer: httpx2.Response) -> list[dict[str, Any]]:
    return [json.loads(line) for line in answer.text.splitlines()]


def test_a_prompt_is_answered_whole_and_in_pieces(client: ollama.Client) -> None:
    whole = client.generate("plain", "Why is the sky blue?", options=SHORT)
    chunks = list(client.generate("plain", "Why is the sky blue?", options=SHORT, stream=True))
    assert whole.response and "".join(c.response or "" for c in chunks) == whole.response
    assert (whole.done_reason, whole.eval_count, whole.done) == ("length", 8, True)
    last = chunks[-1]
    assert last.done and not any(c.done for c in chunks[:-1]) and last.context == whole.context
    assert last.total_duration and last.eval_duration and last.total_duration > last.eval_duration > 1_000_000
    assert whole.prompt_eval_count and whole.prompt_eval_count > 20


def test_the_context_is_the_start_of_the_next_prompt(client: ollama.Client) -> None:
    first = client.generate("plain", "My name is Ada.", options=SHORT)
    assert first.context and first.prompt_eval_count and len(first.context) >= first.prompt_eval_count + 8
    second = client.generate("plain", "What is my name?", context=first.context, options=SHORT)
    assert second.context and list(second.context[: len(first.context)]) == list(first.context)
    assert second.prompt_eval_count and second.prompt_eval_count > len(first.context)
    assert second.response


def test_thoughts_are_apart_also_after_a_context(client: ollama.Client) -> None:
    first = client.generate("thinker", "Hi", options=SHORT)
    assert first.thinking and not first.response and first.context
    assert client.generate("thinker", "Hi", context=first.context, options=SHORT).thinking
    assert client.generate("thinker", "Hi", think=False, options=SHORT).response
    assert client.chat("thinker", QUESTION, think=True, options=SHORT).message.thinking
    assert client.chat("thinker", QUESTION, think=False, options=SHORT).message.content
    chunks = list(client.chat("thinker", QUESTION, options=SHORT, stream=True))
    assert all(c.message.thinking for c in chunks[:-1]) and chunks[-1].done_reason == "length"
    with pytest.raises(ollama.ResponseError, match="does not support thinking"):
        client.chat("plain", QUESTION, think=True)


def test_a_raw_prompt_and_a_gap(client: ollama.Client) -> None:
    raw = client.generate("plain", "Once upon a time", raw=True, options=SHORT)
    assert raw.response and raw.prompt_eval_count == 4 and raw.context is None
    gap = client.generate("filler", "def add(a, b):\n", suffix="\nprint(add(1, 2))", options=SHORT)
    assert gap.response
    with pytest.raises(ollama.ResponseError, match="not trained to fill"):
        client.generate("plain", "a", suffix="b")


def test_a_system_prompt_changes_the_prompt(client: ollama.Client) -> None:
    options = {"num_predict": 1}
    short = client.generate("plain", "Hi", system="Be brief.", options=options).prompt_eval_count
    long = client.generate("plain", "Hi", system="Be brief. " * 20, options=options).prompt_eval_count
    assert short and long and long > short + 30


def test_formats_are_kept(client: ollama.Client) -> None:
    told = client.chat("plain", QUESTION, format=COLOUR, options={"temperature": 0, "num_predict": 60})
    assert json.loads(str(told.message.content))["c"] in ("red", "blue")
    text = client.generate("plain", "A colour as JSON.", format=COLOUR, options={"temperature": 0, "num_predict": 60})
    assert json.loads(str(text.response))["c"] in ("red", "blue")
    with pytest.raises(ollama.ResponseError) as caught:
        client.chat("plain", QUESTION, format={"type": "nonsense"})
    assert caught.value.status_code == 400


@pytest.mark.parametrize("model", ["plain", "thinker"])
def test_tools_are_called_with_objects(client: ollama.Client, able: Server, model: str) -> None:
    body = {"model": model, "messages": QUESTION, "tools": [WEATHER], "tool_choice": "required", "think": False}
    body |= {"options": {"num_predict": 100, "temperature": 0}}
    whole = post(able, "/api/chat", body | {"stream": False}).json()
    (call,) = whole["message"]["tool_calls"]
    assert call["function"]["name"] == "get_weather" and isinstance(call["function"]["arguments"]["city"], str)
    streamed = lines(post(able, "/api/chat", body))
    assert [c["function"] for t in streamed for c in t["message"].get("tool_calls", ())] == [call["function"]]
    assert streamed[-1]["done_reason"] == "stop"
    answer = ollama.Message.model_validate(whole["message"])
    result = {"role": "tool", "tool_name": "get_weather", "content": "hail"}
    assert client.chat(model, [*QUESTION, answer, result], tools=[WEATHER], think=False, options=SHORT).eval_count


def test_log_probabilities_are_told(client: ollama.Client) -> None:
    told = client.chat("plain", QUESTION, options=SHORT, logprobs=True, top_logprobs=2)
    assert told.logprobs and len(told.logprobs) == 8
    assert all(t.logprob <= 0 and t.top_logprobs and len(t.top_logprobs) == 2 for t in told.logprobs)


def test_unicode_is_whole_in_every_line(client: ollama.Client) -> None:
    prompt = "Repeat: žluťoučký kůň 家 🏠 家 🏠"
    chunks = list(client.generate("plain", prompt, options={"num_predict": 40, "temperature": 0}, stream=True))
    assert "\ufffd" not in "".join(c.response or "" for c in chunks[:-2])


def test_models_are_loaded_and_unloaded_by_asking_nothing(client: ollama.Client) -> None:
    assert client.generate("plain", "", keep_alive="10m").done_reason == "load"
    (row,) = [m for m in client.ps().models if m.model == "plain:latest"]
    assert row.context_length == 8192 and row.size and row.size > 90_000_000
    assert row.expires_at and 500 < row.expires_at.timestamp() - time.time() < 660
    assert client.chat("plain", [], keep_alive=-1).done_reason == "load"
    (row,) = [m for m in client.ps().models if m.model == "plain:latest"]
    assert row.expires_at and row.expires_at.timestamp() - time.time() > 1e9
    assert client.chat("plain", [], keep_alive=0).done_reason == "unload"
    assert "plain:latest" not in [m.model for m in client.ps().models]


def test_vectors_are_told_cut_and_shortened(client: ollama.Client, able: Server) -> None:
    told = client.embed("encoder", ["red apple", "house by the sea"])
    assert len(told.embeddings) == 2 and told.prompt_eval_count == 10 and told.total_duration
    assert client.embeddings("encoder", "red apple").embedding == pytest.approx(told.embeddings[0], abs=1e-6)
    assert math.hypot(*client.embed("encoder", "red", dimensions=8).embeddings[0]) == pytest.approx(1, abs=1e-5)
    assert client.embed("encoder", "red apple " * 200).prompt_eval_count == 64
    assert client.embed("encoder", "").embeddings == []
    with pytest.raises(ollama.ResponseError, match="context holds 64"):
        client.embed("encoder", "red apple " * 200, truncate=False)
    too_long = post(able, "/v1/embeddings", {"model": "encoder", "input": "red apple " * 200})
    assert too_long.json()["error"]["code"] == "context_length_exceeded"


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"model": "plian"}, 404),
        ({"model": "/etc/passwd"}, 400),
        ({"model": "../x.gguf"}, 400),
        ({"model": ""}, 400),
        ({"model": 7}, 400),
        ({"stream": "perhaps"}, 400),
        ({"format": "yaml"}, 400),
        ({"format": {"$ref": "#"}}, 400),
        ({"options": {"temperature": -1}}, 400),
        ({"options": {"temperature": "hot"}}, 400),
        ({"options": {"top_k": 2**40}}, 400),
        ({"options": {"seed": 2**80}}, 400),
        ({"options": {"num_predict": -9}}, 400),
        ({"options": {"repeat_last_n": -7}}, 400),
        ({"keep_alive": "soon"}, 400),
        ({"think": "perhaps"}, 400),
        ({"top_logprobs": 3}, 400),
        ({"messages": [{"role": "robot", "content": "x"}]}, 400),
        ({"messages": [{"role": "user", "content": "half \ud800"}]}, 400),
        ({"messages": [{"role": "user", "content": "x", "images": ["!"]}]}, 400),
        ({"messages": [{"role": "user", "content": "x", "images": [base64.b64encode(b"\x89PNG").decode()]}]}, 400),
        ({"tools": [{"type": "function", "function": {"name": "../../etc/passwd"}}]}, 400),
        ({"tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "nonsense"}}}]}, 400),
        ({"messages": [{"role": "user", "content": "home " * 9000}]}, 400),
        ({"model": "encoder"}, 400),
    ],
)
def test_what_can_not_be_honoured_is_one_sentence(able: Server, more: dict[str, Any], status: int) -> None:
    body = json.dumps({"model": "plain", "messages": QUESTION, "options": {"num_predict": 2}, **more})
    answer = httpx2.post(f"{able.url}/api/chat", content=body, headers={"content-type": "application/json"}, timeout=60)
    assert answer.status_code == status, answer.text
    assert list(answer.json()) == ["error"] and 10 < len(answer.json()["error"]) < 600


DEEP: dict[str, Any] = {}
for _ in range(200):
    DEEP = {"properties": {"a": DEEP}}


@pytest.mark.parametrize(
    "more",
    [
        {"context": [10**8]},
        {"context": [-1]},
        {"context": ["a"]},
        {"context": [1] * 20_000},
        {"context": [1], "images": ["eA=="]},
        {"template": "{{ .Prompt }}"},
        {"raw": True, "system": "x"},
        {"suffix": "x", "think": True},
        {"format": DEEP},
        {"model": "encoder", "raw": True},
        {"stop": "x", "options": {"stop": ["x"] * 65}},
    ],
)
@pytest.mark.parametrize("stream", [True, False])
def test_what_generate_can_not_honour_is_one_sentence(able: Server, more: dict[str, Any], stream: bool) -> None:
    body = {"model": "plain", "prompt": "Hi", "options": {"num_predict": 2}, "stream": stream, **more}
    answer = post(able, "/api/generate", body)
    assert answer.status_code == 400, answer.text
    assert list(answer.json()) == ["error"] and 10 < len(answer.json()["error"]) < 600


def test_twenty_streams_at_once_all_end_well(able: Server) -> None:
    async def ask(client: ollama.AsyncClient, number: int) -> str:
        words = {"role": "user", "content": f"Count to {number}."}
        stream = await client.chat("plain", [words], options={"num_predict": 6}, stream=True)
        return [chunk.done_reason async for chunk in stream][-1] or ""

    async def all_of_them() -> list[str]:
        client = ollama.AsyncClient(able.url, timeout=100)
        try:
            return await asyncio.gather(*(ask(client, number) for number in range(20)))
        finally:
            await client._client.aclose()

    assert set(asyncio.run(all_of_them())) <= {"length", "stop"}


@pytest.mark.parametrize("path", ["generate", "chat", "embed", "embeddings", "show", "pull", "push", "create", "copy"])
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"[" * 5000, b"\xff\xfe", b'{"model": 1e999}'])
def test_a_body_that_is_no_request_is_400(able: Server, path: str, body: bytes) -> None:
    answer = httpx2.post(f"{able.url}/api/{path}", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400 and isinstance(answer.json()["error"], str)


@pytest.mark.parametrize("path", ["/api/chat", "/api/generate", "/api/pull", "/api/create", "/api/delete"])
def test_pages_and_forms_are_refused_in_ollamas_words(able: Server, path: str) -> None:
    for headers, status in (
        ({"origin": "https://evil.example"}, 403),
        ({"content-type": "text/plain"}, 415),
        ({"host": "evil.example"}, 403),
    ):
        answer = httpx2.post(f"{able.url}{path}", content=b"{}", headers=headers)
        assert answer.status_code == status and isinstance(answer.json()["error"], str)
    assert isinstance(httpx2.get(f"{able.url}{path}").json()["error"], str)


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_frees_the_model(client: ollama.Client, able: Server, stream: bool) -> None:
    body = {"model": "plain", "messages": QUESTION, "stream": stream}
    body |= {"options": {"num_predict": 4000, "temperature": 2}}
    timeout = httpx2.Timeout(30, read=0.4 if not stream else 30)
    with (
        pytest.raises(httpx2.TimeoutException),
        httpx2.stream("POST", f"{able.url}/api/chat", json=body, timeout=timeout) as answer,
    ):
        for _ in answer.iter_bytes():
            raise httpx2.ReadTimeout("enough")
    start = time.monotonic()
    assert client.chat("plain", QUESTION, options={"num_predict": 1}).eval_count == 1
    assert time.monotonic() - start < 5
