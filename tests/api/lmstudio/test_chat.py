"""Chats that the server keeps, over a real port, with the examples of LM Studio's documentation."""

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.api.conftest import Server

Event = dict[str, Any]
SURE = {"temperature": 0, "max_output_tokens": 8}


@pytest.fixture(scope="module")
def client(able: Server) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=able.url, timeout=60) as opened:
        yield opened


def chat(client: httpx2.Client, **body: Any) -> Any:
    answer = client.post("/api/v1/chat", json={"model": "plain", "input": "Hello.", **SURE, **body})
    assert answer.status_code == 200, answer.text
    return answer.json()


def events(client: httpx2.Client, **body: Any) -> list[Event]:
    with client.stream("POST", "/api/v1/chat", json={"model": "plain", "input": "Hello.", **SURE, **body}) as answer:
        assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/event-stream")
        blocks = answer.read().decode().split("\n\n")[:-1]
    told = [block.split("\n") for block in blocks]
    tables: list[Event] = [json.loads(data.removeprefix("data: ")) for _, data in told]
    assert [name.removeprefix("event: ") for name, _ in told] == [table["type"] for table in tables]
    return tables


def test_an_answer_is_given_whole(client: httpx2.Client) -> None:
    answer = chat(client, store=False)
    assert answer["model_instance_id"] == "plain:latest" and "response_id" not in answer
    assert [item["type"] for item in answer["output"]] == ["message"] and answer["output"][0]["content"]
    stats = answer["stats"]
    assert stats["total_output_tokens"] == 8 and stats["input_tokens"] > 8 and stats["reasoning_output_tokens"] == 0
    assert stats["tokens_per_second"] > 0 and stats["time_to_first_token_seconds"] > 0


def test_a_conversation_is_gone_on_with_and_branched(client: httpx2.Client) -> None:
    first = chat(client, input="My favourite colour is blue.", system_prompt="Be brief.")
    assert first["response_id"].startswith("resp_")
    told = {"previous_response_id": first["response_id"]}
    second, twin = (chat(client, input="Which colour is it?", **told) for _ in range(2))
    assert second["output"] == twin["output"] and second["response_id"] != twin["response_id"]
    alone = chat(client, input="Which colour is it?", store=False)
    assert second["stats"]["input_tokens"] > alone["stats"]["input_tokens"] + 8  # it has read the turn before
    third = chat(client, input="Thanks.", previous_response_id=second["response_id"], store=False)
    assert third["stats"]["input_tokens"] > second["stats"]["input_tokens"]


def test_the_stream_tells_loading_reading_and_writing_in_their_order(client: httpx2.Client) -> None:
    client.post("/api/v1/models/unload", json={"instance_id": "plain"})
    told = events(client, stream=True)
    kinds = [t["type"] for t in told]
    order = list(dict.fromkeys(kinds))
    assert order == [
        "chat.start",
        "model_load.start",
        "model_load.progress",
        "model_load.end",
        "prompt_processing.start",
        "prompt_processing.progress",
        "prompt_processing.end",
        "message.start",
        "message.delta",
        "message.end",
        "chat.end",
    ]
    for kind in ("model_load.progress", "prompt_processing.progress"):
        shares = [t["progress"] for t in told if t["type"] == kind]
        assert shares == sorted(shares) and 0 <= shares[0] <= shares[-1] == 1.0
    result = told[-1]["result"]
    text = "".join(t["content"] for t in told if t["type"] == "message.delta")
    assert result["output"] == [{"type": "message", "content": text}]
    assert result["stats"]["model_load_time_seconds"] > 0
    again = events(client, stream=True, previous_response_id=result["response_id"], store=False)
    assert "model_load.start" not in {t["type"] for t in again}
    assert "model_load_time_seconds" not in again[-1]["result"]["stats"]


def test_thoughts_come_first_and_are_counted(client: httpx2.Client) -> None:
    told = events(client, model="thinker", stream=True, reasoning="on", store=False, max_output_tokens=12)
    kinds = {t["type"] for t in told}
    assert {"reasoning.start", "reasoning.delta", "reasoning.end"} <= kinds
    assert 0 < told[-1]["result"]["stats"]["reasoning_output_tokens"] <= 13
    off = chat(client, model="thinker", reasoning="off", store=False)
    assert [item["type"] for item in off["output"]] == ["message"]


def test_an_error_in_a_stream_is_told_and_the_chat_still_ends(client: httpx2.Client) -> None:
    told = events(client, input="word " * 9000, stream=True)
    assert [t["type"] for t in told][-2:] == ["error", "chat.end"]
    assert told[-2]["error"]["code"] == "context_length_exceeded"
    assert told[-1]["result"]["output"] == [] and "response_id" not in told[-1]["result"]


@pytest.mark.parametrize(
    ("more", "status", "kind", "word"),
    [
        ({"model": "nosuch"}, 404, "model_not_found", "nosuch"),
        ({"model": "/etc/passwd"}, 400, "invalid_request", "name"),
        ({"previous_response_id": "resp_nosuch"}, 404, "invalid_request", "resp_nosuch"),
        ({"integrations": ["mcp/playwright"]}, 400, "invalid_request", "integrations"),
        ({"reasoning": "on"}, 400, "invalid_request", "reasoning"),
        ({"model": "thinker", "reasoning": "high"}, 400, "invalid_request", "off, on"),
        ({"model": "encoder"}, 400, "invalid_request", "writes no text"),
        ({"context_length": 100_000}, 400, "invalid_request", "8192"),
        ({"input": "word " * 9000}, 400, "invalid_request", "tokens"),
        ({"input": "\ud800"}, 400, "invalid_request", ""),
        ({"top_k": "many"}, 400, "invalid_request", "top_k"),
    ],
)
def test_what_can_not_be_is_refused_in_lm_studios_envelope(
    client: httpx2.Client, more: dict[str, Any], status: int, kind: str, word: str
) -> None:
    content = json.dumps({"model": "plain", "input": "x", **more})
    answer = client.post("/api/v1/chat", content=content, headers={"content-type": "application/json"})
    error = answer.json()["error"]
    assert (answer.status_code, error["type"]) == (status, kind) and word in error["message"]
