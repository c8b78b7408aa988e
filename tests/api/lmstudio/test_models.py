"""Models listed, loaded as asked and unloaded, and the older API, over a real port."""

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.api.conftest import Server


@pytest.fixture(scope="module")
def client(able: Server) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=able.url, timeout=60) as opened:
        yield opened


def listed(client: httpx2.Client) -> dict[str, Any]:
    return {row["key"]: row for row in client.get("/api/v1/models").json()["models"]}


def load(client: httpx2.Client, **body: Any) -> httpx2.Response:
    return client.post("/api/v1/models/load", json={"model": "plain", "echo_load_config": True, **body})


def test_models_are_listed_with_what_they_can(client: httpx2.Client) -> None:
    rows = listed(client)
    assert set(rows) == {"plain:latest", "thinker:latest", "filler:latest", "encoder:latest"}  # a ranker is neither
    plain, thinker, encoder = (rows[f"{name}:latest"] for name in ("plain", "thinker", "encoder"))
    assert (plain["type"], plain["architecture"], plain["format"]) == ("llm", "llama", "gguf")
    assert (plain["params_string"], plain["max_context_length"]) == ("135M", 8192)
    assert plain["quantization"]["name"] == "Q4_1" and 4 < plain["quantization"]["bits_per_weight"] < 8
    assert plain["publisher"] == "local" and plain["size_bytes"] > 90_000_000
    assert plain["capabilities"] == {"vision": False, "trained_for_tool_use": False}
    assert thinker["capabilities"]["trained_for_tool_use"] is True
    assert thinker["capabilities"]["reasoning"] == {"allowed_options": ["off", "on"], "default": "on"}
    assert encoder["type"] == "embedding" and "capabilities" not in encoder


def test_a_model_is_loaded_as_asked_until_it_is_unloaded(client: httpx2.Client) -> None:
    answer = load(client, context_length=1024, parallel=3, eval_batch_size=256, flash_attention=False).json()
    assert (answer["instance_id"], answer["status"], answer["type"]) == ("plain:latest", "loaded", "llm")
    wanted = {"context_length": 1024, "parallel": 3, "eval_batch_size": 256, "flash_attention": False}
    assert answer["load_config"].items() >= wanted.items() and answer["load_time_seconds"] > 0
    (instance,) = listed(client)["plain:latest"]["loaded_instances"]
    assert instance == {"id": "plain:latest", "config": answer["load_config"]}
    (row,) = [r for r in client.get("/api/domov/loaded").json()["models"] if r["model"] == "plain:latest"]
    assert (row["context_tokens"], row["slots"], row["expires_in_seconds"]) == (1024, 3, None)  # it stays
    assert load(client, context_length=1024, parallel=3, eval_batch_size=256, flash_attention=False).status_code == 200
    other = load(client, context_length=2048, ttl=60).json()["load_config"]
    assert other["context_length"] == 2048 and other["parallel"] == 2
    rows = [r for r in client.get("/api/domov/loaded").json()["models"] if r["model"] == "plain:latest"]
    assert [(r["context_tokens"], r["slots"]) for r in rows] == [(2048, 2)]
    assert client.post("/api/v1/models/unload", json={"instance_id": "plain:latest"}).json() == {
        "instance_id": "plain:latest"
    }
    assert listed(client)["plain:latest"]["loaded_instances"] == []
    assert load(client).json()["load_config"]["context_length"] == 8192


def test_a_chat_may_ask_for_more_context(client: httpx2.Client) -> None:
    load(client, context_length=1024)
    asked = {"model": "plain", "input": "Hi.", "max_output_tokens": 1, "store": False}
    assert client.post("/api/v1/chat", json={**asked, "context_length": 1000}).status_code == 200
    assert listed(client)["plain:latest"]["loaded_instances"][0]["config"]["context_length"] == 1024
    assert client.post("/api/v1/chat", json={**asked, "context_length": 1500}).status_code == 200
    assert listed(client)["plain:latest"]["loaded_instances"][0]["config"]["context_length"] == 1500
    client.post("/api/v1/models/unload", json={"instance_id": "plain"})


@pytest.mark.parametrize(
    ("body", "status", "kind", "word"),
    [
        ({"model": "nosuch"}, 404, "model_not_found", "nosuch"),
        ({"model": "/etc/passwd"}, 400, "invalid_request", "name"),
        ({"context_length": 9000}, 400, "invalid_request", "trained for 8192"),
        ({"context_length": 0}, 400, "invalid_request", "context_length"),
        ({"num_experts": 4}, 400, "invalid_request", "num_experts"),
        ({"config": {"context_length": 1024}}, 400, "invalid_request", "beside model"),
    ],
)
def test_what_a_model_can_not_be_loaded_with_is_refused(
    client: httpx2.Client, body: dict[str, Any], status: int, kind: str, word: str
) -> None:
    answer = load(client, **body)
    assert (answer.status_code, answer.json()["error"]["type"]) == (status, kind)
    assert word in answer.json()["error"]["message"]


def test_what_is_not_loaded_can_not_be_unloaded(client: httpx2.Client) -> None:
    answer = client.post("/api/v1/models/unload", json={"instance_id": "filler"})
    assert (answer.status_code, answer.json()["error"]["type"]) == (404, "model_not_found")


def test_the_older_list_says_what_is_loaded(client: httpx2.Client) -> None:
    load(client, model="encoder")
    rows = {row["id"]: row for row in client.get("/api/v0/models").json()["data"]}
    encoder, filler = rows["encoder:latest"], rows["filler:latest"]
    assert (encoder["type"], encoder["state"], encoder["arch"]) == ("embeddings", "loaded", "bert")
    assert encoder["loaded_context_length"] == encoder["max_context_length"]
    assert (filler["type"], filler["state"], filler["compatibility_type"]) == ("llm", "not-loaded", "gguf")
    assert client.get("/api/v0/models/filler").json() == filler
    assert client.get("/api/v0/models/nosuch").status_code == 404


CHAT = {"model": "plain", "messages": [{"role": "user", "content": "Introduce yourself."}], "max_tokens": 6}


def test_the_older_chat_has_figures(client: httpx2.Client) -> None:
    answer = client.post("/api/v0/chat/completions", json={**CHAT, "ttl": 300}).json()
    assert answer["usage"]["completion_tokens"] == 6 and answer["choices"][0]["message"]["content"]
    assert answer["stats"]["stop_reason"] == "maxPredictedTokensReached"
    assert answer["stats"]["tokens_per_second"] > 0 and answer["stats"]["time_to_first_token"] > 0
    assert answer["model_info"] == {"arch": "llama", "quant": "Q4_1", "format": "gguf", "context_length": 8192}
    assert answer["runtime"]["supported_formats"] == ["gguf"]


def test_the_older_stream_ends_with_the_figures(client: httpx2.Client) -> None:
    text = client.post("/api/v0/chat/completions", json={**CHAT, "stream": True}).text
    *_, last, end = [line.removeprefix("data: ") for line in text.split("\n\n")[:-1]]
    assert end == "[DONE]" and json.loads(last)["usage"]["completion_tokens"] == 6
    assert json.loads(last)["stats"]["generation_time"] > 0


def test_minus_one_is_no_limit(client: httpx2.Client) -> None:
    asked = {"model": "plain", "prompt": "one two three", "max_tokens": -1, "stop": [" "], "temperature": 0}
    answer = client.post("/api/v0/completions", json=asked).json()
    assert answer["stats"]["stop_reason"] == "stopStringFound"


def test_the_older_embeddings(client: httpx2.Client) -> None:
    answer = client.post("/api/v0/embeddings", json={"model": "encoder", "input": "red apple"}).json()
    assert len(answer["data"][0]["embedding"]) > 1 and answer["model"] == "encoder:latest"


def test_errors_of_both_apis_are_in_lm_studios_envelope(client: httpx2.Client) -> None:
    for method, path, status in (
        ("POST", "/api/v0/models", 405),
        ("GET", "/api/v0/nothing", 404),
        ("GET", "/api/v1/models/nothing", 404),
        ("POST", "/api/v0/embeddings", 400),
    ):
        answer = client.request(method, path)
        assert answer.status_code == status and answer.json()["error"]["type"] == "invalid_request", path
