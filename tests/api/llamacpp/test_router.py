"""llama.cpp's router and native routes over a real port."""

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.api.conftest import Server


@pytest.fixture(scope="module")
def client(able: Server) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=able.url, timeout=60) as opened:
        yield opened


def status(client: httpx2.Client, name: str) -> dict[str, Any]:
    rows = {row["id"]: row for row in client.get("/models").json()["data"]}
    told: dict[str, Any] = rows[name]["status"]
    return told


def test_a_model_is_loaded_and_unloaded(client: httpx2.Client) -> None:
    client.post("/models/unload", json={"model": "filler"})
    assert status(client, "filler:latest") == {"value": "unloaded"}
    assert client.post("/models/load", json={"model": "filler"}).json() == {"success": True}
    end = time.monotonic() + 60
    while status(client, "filler:latest")["value"] == "loading" and time.monotonic() < end:
        time.sleep(0.05)
    told = status(client, "filler:latest")
    assert told["value"] == "loaded" and told["args"][0] == "llama-server"
    assert client.post("/models/load", json={"model": "filler"}).json() == {"success": True}
    assert len(client.get("/slots", params={"model": "filler"}).json()) == 2
    assert client.post("/models/unload", json={"model": "filler"}).json() == {"success": True}
    assert client.post("/models/unload", json={"model": "filler"}).status_code == 400
    assert client.get("/slots", params={"model": "filler"}).status_code == 400


def test_models_tell_what_they_read(client: httpx2.Client) -> None:
    rows = client.get("/models").json()["data"]
    (plain,) = [row for row in rows if row["id"] == "plain:latest"]
    assert plain["architecture"] == {"input_modalities": ["text"], "output_modalities": ["text"]}
    assert plain["meta"]["n_ctx_train"] == 8192 and "/" not in json.dumps(plain["status"])


def test_health(client: httpx2.Client) -> None:
    assert client.get("/health").json() == client.get("/v1/health").json() == {"status": "ok"}


def test_properties_of_a_model_need_no_loading(client: httpx2.Client) -> None:
    client.post("/models/unload", json={"model": "thinker"})
    props = client.get("/props", params={"model": "thinker"}).json()
    assert props["default_generation_settings"]["n_ctx"] == 8192 and props["total_slots"] == 2
    assert "<think>" in props["chat_template"] and props["modalities"] == {"vision": False, "audio": False}
    assert props["is_sleeping"] is True and status(client, "thinker:latest")["value"] == "unloaded"
    router = client.get("/props").json()
    assert router["role"] == "router" and router["models_autoload"] is True
    assert client.get("/props", params={"model": "nosuch"}).status_code == 404


def test_a_completion_in_the_native_form(client: httpx2.Client) -> None:
    asked = {"model": "plain", "prompt": "Once upon a time", "n_predict": 6, "temperature": 0}
    whole = client.post("/completion", json=asked).json()
    assert whole["content"] and whole["stop"] and whole["stop_type"] == "limit" and whole["tokens_predicted"] == 6
    assert whole["generation_settings"]["n_ctx"] == 8192 and whole["timings"]["predicted_n"] == 6
    text = client.post("/completions", json={**asked, "stream": True}).text
    chunks = [json.loads(line.removeprefix("data: ")) for line in text.split("\n\n")[:-1]]
    assert "".join(chunk["content"] for chunk in chunks) == whole["content"]
    assert [chunk["stop"] for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    tokens = client.post("/tokenize", json={"model": "plain", "content": "Once upon a time", "add_special": True})
    both = client.post("/completion", json={**asked, "prompt": ["Once upon a time", tokens.json()["tokens"]]}).json()
    assert [one["content"] for one in both] == [whole["content"]] * 2 and [one["index"] for one in both] == [0, 1]
    few = client.post("/completion", json={**asked, "response_fields": ["content", "generation_settings/n_predict"]})
    assert few.json() == {"content": whole["content"], "n_predict": 6}


def test_vectors_in_the_native_form(client: httpx2.Client) -> None:
    one = client.post("/embedding", json={"model": "encoder", "content": "red apple"}).json()
    two = client.post("/embeddings", json={"model": "encoder", "input": ["red apple", "blue"]}).json()
    openai = client.post("/v1/embeddings", json={"model": "encoder", "input": "red apple"}).json()
    assert [row["index"] for row in two] == [0, 1]
    (vector,) = one[0]["embedding"]
    assert vector == pytest.approx(openai["data"][0]["embedding"], abs=1e-5)
    assert vector == pytest.approx(two[0]["embedding"][0], abs=1e-5)  # texts of a batch are rounded together


def test_adapters_are_told_and_not_set_for_all(client: httpx2.Client) -> None:
    assert client.get("/lora-adapters", params={"model": "plain"}).json() == []
    refused = client.post("/lora-adapters", json=[{"id": 0, "scale": 0.2}])
    assert refused.status_code == 400 and "lora" in refused.json()["error"]["message"]


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("/models/load", {"model": "nosuch"}, 404),
        ("/models/load", {"model": "plain", "extra_args": ["-c", "1"]}, 400),
        ("/models/unload", {"model": "/etc/passwd"}, 400),
        ("/completion", {"model": "plain"}, 400),
        ("/completion", {"model": "plain", "prompt": [{"x": 1}]}, 400),
        ("/completion", {"model": "plain", "prompt": [2**31 - 1]}, 400),
        ("/completion", {"model": "encoder", "prompt": "x"}, 400),
        ("/embedding", {"model": "encoder"}, 400),
        ("/embedding", {"model": "encoder", "content": {"a": 1}}, 400),
        ("/embedding", {"model": "encoder", "content": "x", "embd_normalize": 1}, 400),
    ],
)
def test_bad_input_is_refused(client: httpx2.Client, path: str, body: dict[str, Any], code: int) -> None:
    assert client.post(path, json=body).status_code == code
