"""Several models behind one port: what is in memory, what goes, and what those who come too many are told."""

import asyncio
import json
import socket
import time
from pathlib import Path

import httpx2
import pytest

from tests.api.conftest import Server, serving
from tests.conftest import STARTER, domov

MESSAGES = [{"role": "user", "content": "Tell me a long story about a house."}]


def body(tokens: int, **more: object) -> dict[str, object]:
    return {"model": STARTER, "messages": MESSAGES, "max_tokens": tokens, "temperature": 0, **more}


def loaded(server: Server) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = httpx2.get(f"{server.url}/api/domov/loaded").json()["models"]
    return rows


def chat(server: Server, tokens: int, **more: object) -> httpx2.Response:
    return httpx2.post(f"{server.url}/v1/chat/completions", json=body(tokens, **more), timeout=60)


def test_ps_and_stop_from_the_first_question_to_the_last(home: Path) -> None:
    assert "domov serve" in domov(home, "ps").stderr
    with serving(home) as server:
        assert "no model is loaded" in domov(home, "ps").stderr
        assert chat(server, 2).status_code == 200
        (row,) = json.loads(domov(home, "ps", "--json").stdout)
        assert (row["model"], row["state"], row["running"], row["waiting"]) == (STARTER, "idle", 0, 0)
        assert row["memory_bytes"] > 100_000_000
        allocated = sum(row["allocated_bytes"].values())
        assert abs(allocated - row["planned_bytes"]) < 0.3 * row["planned_bytes"]  # the process itself is planned too
        noted = json.loads((home / "logs" / "plans.jsonl").read_text())
        assert (noted["planned_bytes"], noted["allocated_bytes"]) == (row["planned_bytes"], row["allocated_bytes"])
        assert 200 < row["expires_in_seconds"] <= 300
        shown = domov(home, "ps").stdout
        assert STARTER in shown and "idle" in shown
        assert "is unloaded" in domov(home, "stop", STARTER).stderr
        assert loaded(server) == []
        assert "was not loaded" in domov(home, "stop", STARTER).stderr
        assert domov(home, "stop", "nosuch").returncode == 1
    assert "no server is running" in domov(home, "ps").stderr


def test_keep_alive_of_one_request_unloads_at_once_or_never(home: Path) -> None:
    with serving(home) as server:
        chat(server, 2, keep_alive=-1)
        assert loaded(server)[0]["expires_in_seconds"] is None
        chat(server, 2, keep_alive=0)
        end = time.monotonic() + 5
        while loaded(server) and time.monotonic() < end:
            time.sleep(0.05)
        assert loaded(server) == []


def test_a_running_model_is_shown_and_can_not_be_stopped(home: Path) -> None:
    asked = body(400, stream=True, ignore_eos=True)
    with serving(home) as server:
        with httpx2.stream("POST", f"{server.url}/v1/chat/completions", json=asked, timeout=60) as answer:
            pieces = answer.iter_bytes()  # kept: without it the stream would be closed
            next(pieces)
            (row,) = loaded(server)
            refused = httpx2.post(f"{server.url}/api/domov/unload", json={"model": STARTER})
        assert (row["state"], row["running"]) == ("running", 1)
        assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) >= 1


async def test_too_many_requests_are_told_when_to_come_back_and_the_others_answered(home: Path) -> None:
    with serving(home, DOMOV_QUEUE="2", DOMOV_SLOTS="1") as server:
        async with httpx2.AsyncClient(timeout=60) as client:
            url = f"{server.url}/v1/chat/completions"
            await client.post(url, json=body(1))
            answers = await asyncio.gather(*(client.post(url, json=body(40, ignore_eos=True)) for _ in range(6)))
    assert sorted(a.status_code for a in answers) == [200] * 3 + [503] * 3
    refused = next(a for a in answers if a.status_code == 503)
    assert int(refused.headers["retry-after"]) >= 1
    assert "waiting already" in refused.json()["error"]["message"]


ENDLESS = {"model": STARTER, "messages": MESSAGES, "stream": True}
STREAMS: dict[str, dict[str, object]] = {
    "/v1/chat/completions": ENDLESS | {"max_tokens": 200, "ignore_eos": True},
    "/v1/messages": ENDLESS | {"max_tokens": 200},
    "/api/chat": ENDLESS | {"options": {"num_predict": 200}},
}


def lazy(server: Server, path: str) -> socket.socket:
    """A client that asks and reads nothing."""
    content = json.dumps(STREAMS[path]).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    head += f"Content-Length: {len(content)}\r\n\r\n"
    client = socket.create_connection(("127.0.0.1", server.port))
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.sendall(head.encode() + content)
    return client


def wait_until(server: Server, *, runs: bool) -> None:
    end = time.monotonic() + 60
    while any(row["running"] for row in loaded(server)) != runs and time.monotonic() < end:
        time.sleep(0.05)
    assert any(row["running"] for row in loaded(server)) == runs


def test_a_client_that_reads_nothing_holds_up_nobody(server: Server) -> None:
    with lazy(server, "/v1/chat/completions"):
        wait_until(server, runs=True)
        assert chat(server, 3).status_code == 200
        wait_until(server, runs=False)  # its answer is made, whether it reads it or not


@pytest.mark.parametrize("path", STREAMS)
def test_a_client_that_vanishes_ends_its_answer(server: Server, path: str) -> None:
    with lazy(server, path):
        wait_until(server, runs=True)
    wait_until(server, runs=False)


@pytest.mark.parametrize("path", ["load", "unload"])
def test_only_models_that_are_here_can_be_named(server: Server, path: str) -> None:
    assert httpx2.post(f"{server.url}/api/domov/{path}", json={"model": "nosuch"}).status_code == 404
    assert httpx2.post(f"{server.url}/api/domov/{path}", json={"model": "/etc/passwd"}).status_code == 400
    assert httpx2.post(f"{server.url}/api/domov/{path}", json={}).status_code == 400


def test_a_model_can_be_loaded_before_anybody_asks(home: Path) -> None:
    with serving(home) as server:
        answer = httpx2.post(f"{server.url}/api/domov/load", json={"model": STARTER}, timeout=60)
        assert answer.json()["context_tokens"] == 8192
        assert [row["state"] for row in loaded(server)] == ["idle"]


def test_a_conversation_is_forgotten_on_request(home: Path) -> None:
    long = [{"role": "user", "content": "The house by the sea had many rooms. " * 80}]
    with serving(home) as server:
        chat(server, 2, messages=long, conversation="c1")
        chat(server, 2, messages=[{"role": "user", "content": "Other."}])
        chat(server, 2, messages=[{"role": "user", "content": "Again another."}])  # two slots: the long one has left
        assert len(list((home / "states").glob("*/*.bin"))) == 1
        answer = httpx2.post(f"{server.url}/api/domov/forget", json={"conversation": "c1"})
        assert answer.json() == {"states": 1}
        assert not list((home / "states").glob("*/*"))
