"""What is told of the server, stories, and bad input: a sentence, never a fault of the server's own."""

import json
import math
from pathlib import Path
from typing import Any

import httpx2
import pytest

from domov.api.kobold.stories import PLACES
from tests.api.conftest import serving
from tests.api.kobold.conftest import Fake
from tests.conftest import STARTER


async def call(fake: Fake, path: str, body: Any = None, **more: Any) -> httpx2.Response:
    async with httpx2.AsyncClient(base_url=fake.url, timeout=60) as http:
        if body is None and not more:
            return await http.get(path)
        return await http.post(path, json=body, **more) if "content" not in more else await http.post(path, **more)


async def test_what_clients_ask_when_they_connect(fake: Fake) -> None:
    for api in ("v1", "latest"):
        assert (await call(fake, f"/api/{api}/model")).json() == {"result": STARTER}
        assert (await call(fake, f"/api/{api}/info/version")).json() == {"result": "1.2.5"}
        assert (await call(fake, f"/api/{api}/config/max_length")).json() == {"value": 1536}
        assert (await call(fake, f"/api/{api}/config/max_context_length")).json()["value"] > 0
        assert (await call(fake, f"/api/{api}/config/soft_prompt")).json() == {"value": ""}
        assert (await call(fake, f"/api/{api}/config/soft_prompts_list")).json() == {"values": []}
    assert (await call(fake, "/api/extra/preloadstory")).json() == {}
    assert (await call(fake, "/api/extra/true_max_context_length")).json()["value"] > 1024  # as it would be loaded
    await call(fake, "/api/v1/generate", {"prompt": "Hi", "max_length": 1})
    assert (await call(fake, "/api/extra/true_max_context_length")).json()["value"] == 1024  # as it is loaded
    version = (await call(fake, "/api/extra/version")).json()
    assert version["result"] == "KoboldCpp" and version["savedata"]
    assert not any(version[name] for name in ("txt2img", "vision", "audio", "transcribe", "tts", "websearch"))
    assert not any(version[name] for name in ("protected", "multiplayer", "embeddings"))


async def test_a_model_that_is_named_is_taken(fake: Fake) -> None:
    for name in (STARTER, f"koboldcpp/{STARTER}", "kcpp", ""):
        answer = await call(fake, "/api/v1/generate", {"prompt": "Hi", "model": name})
        assert answer.json()["results"][0]["text"] == "Hi"
    answer = await call(fake, "/api/v1/generate", {"prompt": "Hi", "model": "smolm2:135m"})
    assert answer.status_code == 404 and STARTER in answer.json()["detail"]["msg"]
    assert answer.json()["detail"]["type"] == "not_found"


async def test_another_model_is_taken_in_koboldcpps_own_way(fake: Fake) -> None:
    fake.domov.models.copy(STARTER, "another")
    await call(fake, "/api/v1/generate", {"prompt": "Hi", "model": STARTER})
    assert (await call(fake, "/api/v1/model")).json() == {"result": STARTER}
    assert (await call(fake, "/api/admin/list_options")).json() == ["another:latest", STARTER]
    assert (await call(fake, "/api/admin/reload_config", {"filename": "another"})).json() == {"success": True}
    assert (await call(fake, "/api/v1/model")).json() == {"result": "another:latest"}
    assert (await call(fake, "/api/admin/reload_config", {"filename": "unload_model"})).json() == {"success": True}
    assert [m.name for m in fake.domov.scheduler.models()] == [STARTER]
    for wrong, status in (({"filename": "nobody"}, 404), ({"filename": "/etc/passwd"}, 400), ({}, 400)):
        assert (await call(fake, "/api/admin/reload_config", wrong)).status_code == status


async def test_sillytavern_counts_tokens_here_and_completes_without_a_name(fake: Fake) -> None:
    assert (await call(fake, "/api/extra/tokencount", {"prompt": "one two"})).json()["value"] == 7
    body = {"prompt": "one two", "max_tokens": 5, "repeat_penalty": 1.1, "rep_pen": 1.1, "trim_stop": True}
    body |= {"dry_sequence_breakers": ["\n"], "sampler_order": [6, 0, 1, 3, 4, 2, 5], "api_type": "koboldcpp"}
    assert (await call(fake, "/v1/completions", body)).json()["choices"][0]["text"] == "one two"
    assert (await call(fake, "/api/extra/abort", content=b"")).json() == {"success": False, "done": False}


def test_without_any_model_nothing_fails(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        assert httpx2.get(f"{server.url}/api/v1/model").json() == {"result": "inactive"}
        assert httpx2.get(f"{server.url}/api/extra/version").status_code == 200
        answer = httpx2.post(f"{server.url}/api/v1/generate", json={"prompt": "Hi"})
        assert answer.status_code == 404 and "domov pull" in answer.json()["detail"]["msg"]


async def test_stories_are_kept_and_taken_away(fake: Fake) -> None:
    assert (await call(fake, "/api/extra/data/list", {})).json() == [""] * PLACES
    story = {"slot": "3", "title": "Kůň", "format": "f", "data": "x" * 1000}  # a slot as a text, as Lite sends it
    assert (await call(fake, "/api/extra/data/save", story)).json() == {"success": True, "error": ""}
    assert (await call(fake, "/api/extra/data/list", {})).json()[3] == "Kůň"
    kept = fake.domov.config.home / "stories" / "3.json"
    assert kept.stat().st_mode & 0o777 == 0o600
    loaded = (await call(fake, "/api/extra/data/load", {"slot": 3})).json()
    assert loaded == {"success": True, "data": {"title": "Kůň", "format": "f", "data": "x" * 1000}}
    await call(fake, "/api/extra/data/save", {"slot": 3, "data": ""})
    assert (await call(fake, "/api/extra/data/load", {"slot": 3})).json() == {"success": False, "data": None}
    for wrong in ({"slot": -1}, {"slot": PLACES}, {"slot": "../x"}, {}, {"slot": 1, "data": "x" * (10 << 20) + "x"}):
        assert (await call(fake, "/api/extra/data/save", wrong)).status_code == 400
    kept.write_text("{")
    damaged = await call(fake, "/api/extra/data/load", {"slot": 3})
    assert damaged.status_code == 500 and "3.json" in damaged.json()["detail"]["msg"] and kept.read_text() == "{"


ABSENT = [
    "/api/extra/transcribe",
    "/api/extra/tts",
    "/api/extra/websearch",
    "/api/extra/music/generate",
    "/api/extra/multiplayer/status",
    "/api/extra/shutdown",
    "/api/admin/save_state",
    "/sdapi/v1/txt2img",
]


@pytest.mark.parametrize("path", ABSENT)
async def test_what_there_is_no_engine_for_is_not_there(fake: Fake, path: str) -> None:
    answer = await call(fake, path, {"prompt": "a cat"})
    assert answer.status_code == 501 and answer.json()["detail"]["type"] == "not_implemented"


WRONG: list[Any] = [
    {},
    [],
    "text",
    7,
    {"prompt": None},
    {"prompt": ["a"]},
    {"prompt": "a", "max_length": -1},
    {"prompt": "a", "max_length": 1e400},
    {"prompt": "a", "max_context_length": -5},
    {"prompt": "a", "max_context_length": 0},
    {"prompt": "a", "temperature": math.nan},
    {"prompt": "a", "temperature": -1},
    {"prompt": "a", "top_p": 5},
    {"prompt": "a", "top_k": 2**40},
    {"prompt": "a", "rep_pen": 1e30},
    {"prompt": "a", "dry_allowed_length": -1},
    {"prompt": "a", "mirostat": 9},
    {"prompt": "a", "logit_bias": {"1": 1e9}},
    {"prompt": "a", "logit_bias": []},
    {"prompt": "a", "sampler_order": [99]},
    {"prompt": "a", "stop_sequence": {"a": 1}},
    {"prompt": "a", "banned_tokens": [1]},
    {"prompt": "a", "memory": "m" * 3000},
    {"prompt": "a", "genkey": 7},
    {"prompt": "a", "model": "/etc/passwd"},
    {"prompt": "a", "grammar": 'root ::= "a"', "grammar_retain_state": True},
    {"prompt": "a", "stop_sequence": ["x"] * 300},
    {"prompt": "a \ud800"},
    {"prompt": "a", "memory": "\udfff"},
]


@pytest.mark.parametrize("body", WRONG, ids=lambda body: json.dumps(body)[:40])
@pytest.mark.parametrize("path", ["/api/v1/generate", "/api/extra/generate/stream"])
async def test_bad_input_is_a_sentence_in_koboldais_envelope(fake: Fake, path: str, body: Any) -> None:
    answer = await call(fake, path, content=json.dumps(body), headers={"content-type": "application/json"})
    assert answer.status_code == 400, answer.text
    assert set(answer.json()["detail"]) == {"msg", "type"} and answer.json()["detail"]["type"] == "bad_input"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/extra/tokencount", {}),
        ("/api/extra/tokencount", {"prompt": 7}),
        ("/api/extra/detokenize", {"ids": [-1]}),
        ("/api/extra/detokenize", {"ids": "abc"}),
        ("/api/extra/detokenize", {}),
        ("/api/extra/generate/check", {"genkey": []}),
        ("/api/extra/abort", [1]),
        ("/api/extra/embeddings", {"input": {}}),
        ("/api/extra/data/load", {"slot": None}),
    ],
)
async def test_bad_input_elsewhere(fake: Fake, path: str, body: Any) -> None:
    answer = await call(fake, path, body)
    assert answer.status_code == 400 and answer.json()["detail"]["msg"]


@pytest.mark.parametrize("kind", ["text/plain;charset=UTF-8", "application/x-www-form-urlencoded", None])
async def test_a_body_is_json_whatever_its_header_says(fake: Fake, kind: str | None) -> None:
    headers = {"content-type": kind} if kind else {}
    body = json.dumps({"prompt": "Hi there"}).encode()
    answer = await call(fake, "/api/v1/generate", content=body, headers=headers)
    assert answer.json()["results"][0]["text"] == "Hi there"


@pytest.mark.parametrize("header", [{"origin": "http://127.0.0.1:1"}, {"sec-fetch-site": "cross-site"}])
async def test_but_not_from_a_web_page(fake: Fake, header: dict[str, str]) -> None:
    headers = {"content-type": "text/plain", **header}
    answer = await call(fake, "/api/v1/generate", content=b'{"prompt": "Hi"}', headers=headers)
    assert answer.status_code == 403 and answer.json()["detail"]["type"] == "forbidden"
    own = {"content-type": "text/plain", "sec-fetch-site": "same-origin"}
    assert (await call(fake, "/api/v1/generate", content=b'{"prompt": "Hi"}', headers=own)).status_code == 415
