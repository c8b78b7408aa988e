"""Models over Domov's own API: found, fetched in a queue, given parameters, removed; offline none is fetched."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest

from tests import gguf_files
from tests.api.conftest import LITTLE, little_home, serving
from tests.hub import WAIT_SECONDS, Fault, Hub

LARGE = gguf_files.bert(words=[*gguf_files.WORDS, *(f"▁{n}" for n in range(20_000))])
OWN = "/api/domov"


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with Hub() as running:
        files = {"m-Q8_0.gguf": LARGE, "m-Q4_K_XL.gguf": LARGE[: len(LARGE) // 2], "mmproj.gguf": b"x"}
        running.add_repository("user/m", files, tags=["license:mit"], gated=False)
        running.add_repository("user/held", {"held-Q8_0.gguf": LARGE + bytes(32)})
        running.add_repository("user/other", {"other-Q8_0.gguf": LARGE + bytes(64)})
        yield running


@pytest.fixture(scope="module")
def client(hub: Hub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    home = little_home(tmp_path_factory.mktemp("home"))
    with (
        serving(home, HF_ENDPOINT=hub.url, DOMOV_ENGINE="fake") as server,
        httpx2.Client(base_url=server.url, timeout=60) as client,
    ):
        yield client


def ask(client: httpx2.Client, method: str, path: str, body: Any = None, **query: Any) -> Any:
    answer = client.request(method, OWN + path, json=body, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def until(client: httpx2.Client, right: Callable[[list[dict[str, Any]]], object]) -> list[dict[str, Any]]:
    end = time.monotonic() + WAIT_SECONDS
    while not right(rows := ask(client, "GET", "/downloads")["downloads"]):
        assert time.monotonic() < end, rows
        time.sleep(0.02)
    return list(rows)


def test_what_is_here_is_told_with_how_it_would_run(client: httpx2.Client) -> None:
    (row,) = ask(client, "GET", "/models")["models"]
    assert (row["name"], row["task"], row["loaded"], row["problem"]) == (LITTLE, "embedding", None, "")
    assert row["plan"]["verdict"] == "fits" and row["plan"]["needed_bytes"] > row["size_bytes"] > 0


def test_a_search_asks_the_hub_and_tells_licence_and_quantizations(client: httpx2.Client) -> None:
    (row,) = ask(client, "GET", "/search", query="user/m")["repositories"]
    assert (row["name"], row["licence"], row["downloads"]) == ("hf.co/user/m", "mit", 7)
    assert row["quantizations"] == ["Q8_0", "Q4_K_XL"]


def test_every_file_of_a_repository_is_told_with_its_fit(client: httpx2.Client) -> None:
    table = ask(client, "GET", "/variants", model="hf.co/user/m")
    assert [v["name"] for v in table["variants"]] == ["hf.co/user/m:Q8_0", "hf.co/user/m:Q4_K_XL"]
    first, second = table["variants"]
    assert (first["size_bytes"], first["rough"], first["best"], first["here"]) == (len(LARGE), False, True, False)
    assert second["rough"] and first["plan"]["verdict"] == "fits"
    small = ask(client, "GET", "/variants", model="hf.co/user/m", machine="0.02 GB RAM")
    assert small["variants"][0]["plan"]["verdict"] != "fits"


def test_models_are_fetched_in_a_queue_that_can_be_paused_and_watched(client: httpx2.Client, hub: Hub) -> None:
    hub.fail("/cdn/", Fault(hold_after=100_000))
    one = ask(client, "POST", "/downloads", {"model": "hf.co/user/held"})
    assert hub.held.wait(WAIT_SECONDS)
    other = ask(client, "POST", "/downloads", {"model": "hf.co/user/other"})
    assert [row["state"] for row in until(client, lambda rows: rows[0]["total_bytes"])] == ["running", "waiting"]
    ask(client, "POST", f"/downloads/{other['id']}/move", {"before": one["id"]})
    ask(client, "POST", f"/downloads/{one['id']}/pause")
    until(client, lambda rows: {row["id"]: row["state"] for row in rows}[other["id"]] == "done")
    hub.release.set()
    with client.stream("GET", f"{OWN}/downloads/events") as stream:
        lines = (line for line in stream.iter_lines() if line.startswith("data: "))
        assert "paused" in next(lines)
        ask(client, "POST", f"/downloads/{one['id']}/resume")
        for line in lines:
            rows = orjson.loads(line.removeprefix("data: "))["downloads"]
            if {row["state"] for row in rows} == {"done"}:
                break
    ask(client, "DELETE", f"/downloads/{one['id']}")
    assert {"hf.co/user/held", "hf.co/user/other"} < {row["name"] for row in ask(client, "GET", "/models")["models"]}


def test_what_is_removed_frees_its_room_and_is_gone(client: httpx2.Client) -> None:
    ask(client, "POST", "/load", {"model": "hf.co/user/other"})
    name = "hf.co/user/other"
    (variant,) = ask(client, "GET", "/variants", model=name)["variants"]
    assert variant["here"]
    assert ask(client, "DELETE", "/models", model=name) == {"model": name, "freed_bytes": len(LARGE) + 64}
    assert name not in [row["name"] for row in ask(client, "GET", "/models")["models"]]
    assert client.delete(f"{OWN}/models", params={"model": name}).status_code == 404


def test_a_model_is_given_parameters_and_they_are_checked(client: httpx2.Client) -> None:
    given = {"temperature": 0.2, "stop": ["END"], "num_ctx": 32}
    told = ask(client, "PUT", "/parameters", {"model": LITTLE, "system": "Be short.", "parameters": given})
    assert (told["system"], told["parameters"]) == ("Be short.", given)
    assert told["allowed"]["temperature"] == {"kind": "float", "least": 0, "most": 5}
    (row,) = [row for row in ask(client, "GET", "/models")["models"] if row["name"] == LITTLE]
    assert row["has_preset"] and row["plan"]["context_tokens"] == 32
    for wrong in ({"temperature": 9}, {"nonsense": 1}):
        answer = client.put(f"{OWN}/parameters", json={"model": LITTLE, "parameters": wrong})
        assert answer.status_code == 400 and answer.json()["error"]["message"]
    assert ask(client, "GET", "/parameters", model=LITTLE)["parameters"] == given
    ask(client, "PUT", "/parameters", {"model": LITTLE})
    assert ask(client, "GET", "/parameters", model=LITTLE)["system"] == ""


@pytest.mark.parametrize(
    ("method", "path", "body", "query", "status"),
    [
        ("POST", "/downloads", {"model": "/etc/passwd"}, {}, 400),
        ("POST", "/downloads", {"model": "no name at all"}, {}, 400),
        ("POST", "/downloads/job_0/pause", None, {}, 404),
        ("DELETE", "/downloads/job_0", None, {}, 404),
        ("GET", "/variants", None, {"model": "smollm2:135m"}, 400),
        ("GET", "/variants", None, {"model": "hf.co/user/nothing"}, 404),
        ("DELETE", "/models", None, {"model": "../x"}, 400),
        ("GET", "/parameters", None, {"model": "nosuch"}, 404),
    ],
)
def test_what_can_not_be_is_refused(
    client: httpx2.Client, method: str, path: str, body: Any, query: dict[str, str], status: int
) -> None:
    answer = client.request(method, OWN + path, json=body, params=query)
    assert answer.status_code == status and answer.json()["error"]["message"], answer.text


def test_the_offline_switch_ends_and_refuses_fetching_at_once_and_is_kept(client: httpx2.Client, hub: Hub) -> None:
    before = len(hub.requests)
    assert ask(client, "PUT", "/offline", {"offline": True}) == {"offline": True, "fixed": False}
    assert client.get(f"{OWN}/search", params={"query": "m"}).status_code == 503
    one = ask(client, "POST", "/downloads", {"model": "hf.co/user/m"})
    (row,) = until(client, lambda rows: [r for r in rows if r["id"] == one["id"] and r["state"] == "paused"])[:1]
    assert "offline mode" in row["error"] and len(hub.requests) == before
    told = ask(client, "GET", "/connections", limit=2)
    assert {row["outcome"] for row in told["connections"]} == {"forbidden: offline mode"}
    assert ask(client, "GET", "/offline")["offline"]
    ask(client, "PUT", "/offline", {"offline": False})
    ask(client, "POST", f"/downloads/{one['id']}/resume")
    until(client, lambda rows: {r["id"]: r["state"] for r in rows}[one["id"]] == "done")


def test_the_setting_and_the_switch_are_one(client: httpx2.Client) -> None:
    def set_to(client: httpx2.Client) -> Any:
        rows = ask(client, "GET", "/settings")["settings"]
        return next(row["value"] for row in rows if row["name"] == "offline")

    ask(client, "PATCH", "/settings", {"settings": {"offline": True}})
    assert ask(client, "GET", "/offline")["offline"] is True and set_to(client) is True
    ask(client, "PUT", "/offline", {"offline": False})
    assert set_to(client) is False


def test_the_ledger_tells_reasons_hosts_and_bytes(client: httpx2.Client) -> None:
    told = ask(client, "GET", "/connections", limit=1000)
    assert told["count"] == len(told["connections"])
    reasons = {row["name"]: row for row in told["reasons"]}
    assert reasons["pull"]["received_bytes"] > len(LARGE) and reasons["search"]["refused"] >= 1
    assert {row["name"] for row in told["hosts"]} == {"localhost", "127.0.0.1"}
    pulls = ask(client, "GET", "/connections", reason="pull", host="127.0.0.1", skip=1, limit=1)
    assert pulls["count"] == sum(c["why"] == "pull" and c["host"] == "127.0.0.1" for c in told["connections"])
    assert len(pulls["connections"]) == 1


def test_what_was_used_is_told_by_day_model_and_person(client: httpx2.Client) -> None:
    for text in ("one", "one two"):
        client.post("/v1/embeddings", json={"model": LITTLE, "input": text})
    end = time.monotonic() + WAIT_SECONDS
    while (told := ask(client, "GET", "/usage", days=1))["total"]["requests"] < 2:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert told["total"]["prompt_tokens"] > 0
    assert [(row["model"], row["requests"]) for row in told["model"]] == [(LITTLE, 2)]
    assert [(row["person"], row["name"], row["requests"]) for row in told["person"]] == [("", "", 2)]
    assert [row["day"] for row in told["day"]] == [told["until"]] == [told["since"]]


def test_the_machine_tells_how_busy_it_is(client: httpx2.Client) -> None:
    end = time.monotonic() + WAIT_SECONDS
    while not (told := ask(client, "GET", "/machine/use"))["samples"]:
        assert time.monotonic() < end
        time.sleep(0.1)
    sample = told["samples"][-1]
    assert 0 <= sample["own_share"] <= sample["busy_share"] <= 1 and sample["used_bytes"] < sample["total_bytes"]
    assert (sample["watts"] is None) == bool(told["energy_unknown"])
    assert ask(client, "GET", "/machine/use", since=sample["at"] + 3600)["samples"] == []
    assert {"advice", "size_class"} < ask(client, "GET", "/machine").keys()


def test_offline_that_the_environment_says_is_not_switched(tmp_path: Path) -> None:
    with serving(tmp_path, DOMOV_OFFLINE="1") as server, httpx2.Client(base_url=server.url) as client:
        assert ask(client, "GET", "/offline") == {"offline": True, "fixed": True}
        answer = client.put(f"{OWN}/offline", json={"offline": False})
        assert answer.status_code == 400 and "DOMOV_OFFLINE" in answer.text
