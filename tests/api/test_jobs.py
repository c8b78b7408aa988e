"""Long work over the API: ordered, foretold, refused, watched, and carried out by a real server through kill -9."""

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest

from domov.access.keys import Grant
from domov.jobs.house import runner_of
from domov.jobs.queue import Queue
from domov.jobs.watching import watch_all
from tests.api.conftest import LITTLE, Server, little_home, serving
from tests.api.domov.browser import person
from tests.api.guarded import Guarded
from tests.conftest import domov

JOBS = "/api/domov/jobs"
ORDER = {"kind": "quantize", "parameters": {"model": LITTLE, "type": "Q8_0"}}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """A server that takes orders and does not carry them out."""
    guarded = Guarded(little_home(tmp_path_factory.mktemp("home")), keys_required=False)
    yield guarded
    guarded.domov.database.close()


async def asked(guarded: Guarded, method: str, path: str, body: Any = None, *, key: str = "", status: int = 200) -> Any:
    content = orjson.dumps(body) if body is not None else b""
    answer = await guarded.ask(method, path, key=key, body=content)
    assert answer.status == status, answer.body
    return answer.json


async def test_the_kinds_tell_what_each_is_told(guarded: Guarded) -> None:
    kinds = {kind["kind"]: kind for kind in (await asked(guarded, "GET", f"{JOBS}/kinds"))["kinds"]}
    assert {"quantize", "shrink", "evaluate", "compare", "calibrate", "pull"} <= kinds.keys()
    assert {"model", "type"} <= set(kinds["quantize"]["parameters"]["required"])


async def test_a_forecast_tells_what_it_takes_and_does_nothing(guarded: Guarded) -> None:
    before = await asked(guarded, "GET", JOBS)
    told = await asked(guarded, "POST", f"{JOBS}/forecast", ORDER)
    assert told["title"] == f"{LITTLE} to Q8_0" and told["doubts"] == [] and told["seconds"] > 0
    assert 0 < told["needs"]["disk_bytes"] < 100_000 and told["needs"]["memory_bytes"] > 0 and not told["measured"]
    assert await asked(guarded, "GET", JOBS) == before


async def test_an_order_is_kept_held_cancelled_and_forgotten(guarded: Guarded) -> None:
    job = await asked(guarded, "POST", JOBS, ORDER)
    assert (job["status"], job["kind"], job["parameters"]) == ("queued", "quantize", ORDER["parameters"])
    path = f"{JOBS}/{job['id']}"
    assert (await asked(guarded, "POST", f"{path}/pause"))["status"] == "paused"
    assert (await asked(guarded, "POST", f"{path}/resume"))["status"] == "queued"
    assert (await asked(guarded, "DELETE", path, status=400))["error"]["message"].startswith(
        f"job {job['id']} is queued"
    )
    assert (await asked(guarded, "POST", f"{path}/cancel"))["status"] == "cancelling"
    Queue(guarded.domov.database).move(job["id"], "cancelled", of=("cancelling",))
    await asked(guarded, "DELETE", path)
    await asked(guarded, "GET", path, status=404)


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"kind": "knit"}, 400, "no such kind of job: knit"),
        ({"kind": "quantize"}, 400, "model: field required"),
        ({"kind": "quantize", "parameters": {"model": LITTLE, "type": "Q9"}}, 400, "unknown quantization: q9"),
        ({"kind": "quantize", "parameters": {"model": LITTLE, "type": "Q8_0", "speed": 1}}, 400, "speed: extra inputs"),
        ({"kind": "quantize", "parameters": {"model": "/etc/x.gguf", "type": "Q8_0"}}, 400, "not a model's name"),
        ({"kind": "quantize", "parameters": {"model": "nothing:here", "type": "Q8_0"}}, 404, "no such model"),
        ({"kind": "quantize", "parameters": {"model": LITTLE, "type": "Q8_0", "name": "../x"}}, 400, "not a"),
        (
            {"kind": "quantize", "parameters": {"model": LITTLE, "type": "Q8_0", "name": LITTLE}},
            400,
            "will be replaced",
        ),
        ({"kind": "evaluate", "parameters": {"model": LITTLE}}, 400, "writes no text"),
        ({"kind": "shrink", "parameters": {"model": LITTLE}}, 400, "say either"),
        ({"kind": "quantize", "colour": "red"}, 400, "colour"),
    ],
)
async def test_what_can_not_be_done_is_refused_with_the_reason(
    guarded: Guarded, body: dict[str, Any], status: int, words: str
) -> None:
    answer = await asked(guarded, "POST", JOBS, body, status=status)
    assert words in answer["error"]["message"].lower(), answer
    assert (await asked(guarded, "GET", JOBS))["jobs"] == []


async def test_a_key_sees_its_own_jobs_and_an_admin_all(guarded: Guarded) -> None:
    mine, others = (guarded.secret(Grant(name, "models")) for name in ("mine", "others"))
    all_, asks = guarded.secret(Grant("all", "admin")), guarded.secret(Grant("asks"))
    job = await asked(guarded, "POST", JOBS, ORDER, key=mine)
    await asked(guarded, "POST", JOBS, ORDER, key=asks, status=403)
    await asked(guarded, "GET", f"{JOBS}/{job['id']}", key=others, status=404)
    assert (await asked(guarded, "GET", JOBS, key=others))["jobs"] == []
    for key in (mine, all_):
        assert [row["id"] for row in (await asked(guarded, "GET", JOBS, key=key))["jobs"]] == [job["id"]]
    queue = Queue(guarded.domov.database)
    queue.move(job["id"], "failed", of=("queued",))
    queue.remove(job["id"])


async def test_a_job_does_not_begin_when_the_key_of_its_owners_account_has_ended(tmp_path: Path) -> None:
    guarded = Guarded(little_home(tmp_path))
    olga = person(guarded, "olga", "admin")
    made = (await olga.ask("POST", "/api/domov/session/keys", {"name": "x", "scope": "models"})).json
    job = await asked(guarded, "POST", JOBS, ORDER, key=made["secret"])
    guarded.domov.access.keys.revoke(made["id"])
    await runner_of(guarded.domov, asyncio.Event()).step()
    failed = await asked(guarded, "GET", f"{JOBS}/{job['id']}", key=guarded.secret(Grant("all", "admin")))
    assert failed["status"] == "failed" and "revoked" in failed["error"]["message"], failed
    guarded.domov.database.close()


async def test_a_text_that_comes_with_a_job_is_not_shown_whole(guarded: Guarded) -> None:
    told = {**ORDER["parameters"], "imatrix": {"name": "mine.txt", "content": "word " * 1000}}  # type: ignore[dict-item]
    job = await asked(guarded, "POST", JOBS, {"kind": "quantize", "parameters": told})
    assert len(job["parameters"]["imatrix"]["content"]) == 200
    queue = Queue(guarded.domov.database)
    assert len(queue.get(job["id"]).parameters["imatrix"]["content"]) == 5000
    queue.move(job["id"], "failed", of=("queued",))
    queue.remove(job["id"])


async def test_who_watches_all_jobs_is_told_of_each_change(guarded: Guarded) -> None:
    queue = Queue(guarded.domov.database)
    watching = watch_all(queue, owner=None)
    assert await anext(watching) == []
    job = await asked(guarded, "POST", JOBS, ORDER)
    assert [row.id for row in await anext(watching)] == [job["id"]]
    queue.move(job["id"], "failed", of=("queued",))
    queue.remove(job["id"])
    assert await anext(watching) == []
    await watching.aclose()


def until(server: Server, id: int, *statuses: str) -> dict[str, Any]:
    while (job := httpx2.get(f"{server.url}{JOBS}/{id}", timeout=60).json())["status"] not in statuses:
        time.sleep(0.05)
    return dict(job)


def ordered(server: Server, kind: str, **parameters: Any) -> int:
    body = {"kind": kind, "parameters": parameters, "agreed": True}
    answer = httpx2.post(f"{server.url}{JOBS}", json=body, timeout=60)
    assert answer.status_code == 200, answer.text
    return int(answer.json()["id"])


def test_a_server_makes_a_model_and_tells_how_it_goes_on(tmp_path: Path) -> None:
    with serving(little_home(tmp_path)) as server:
        id = ordered(server, "quantize", model=LITTLE, type="Q8_0")
        events = httpx2.get(f"{server.url}{JOBS}/{id}/events", timeout=60).text.strip().split("\n\n")
        name, data = events[-1].split("\n")
        job = orjson.loads(data.removeprefix("data: "))
        assert name == "event: done" and job["status"] == "done" and job["models"] == [f"{LITTLE}-q8_0"]
        assert job["found"]["size_bytes"] < job["found"]["parent_bytes"] and job["seconds"] > 0
        told = httpx2.post(f"{server.url}{JOBS}/forecast", json=ORDER | {"agreed": True}, timeout=60).json()
        assert told["measured"] and told["doubts"] == [f"{LITTLE}-q8_0 is here already and will be replaced"]
        card = httpx2.get(f"{server.url}/api/domov/models/{LITTLE}-q8_0/card", timeout=60).json()
        assert [(node["names"], node["depth"], node["this"]) for node in card["lineage"]] == [
            ([LITTLE], 0, False),
            ([f"{LITTLE}-q8_0"], 1, True),
        ]
        assert card["card"] is None and card["curve"] == [] and card["energy"] is None
    assert "quantize" in domov(tmp_path, "jobs", "list").stdout


def parts(home: Path) -> list[Path]:
    return list((home / "models" / "partial").glob("*.part"))


def grown(home: Path, size_bytes: int) -> int:
    """Waits until a part is so large."""
    while not (found := parts(home)) or found[0].stat().st_size < size_bytes:
        time.sleep(0.005)
    return found[0].stat().st_size


def test_killed_in_the_middle_a_job_goes_on_with_what_there_is(home: Path) -> None:
    with serving(home) as server:
        id = ordered(server, "quantize", model="smollm2:135m", type="Q5_0", name="killed:q5_0")
        grown(home, 50_000_000)  # the first tensor takes 30 MB
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait(10)
    assert parts(home)
    with serving(home) as server:
        job = until(server, id, "done", "failed")
        assert job["status"] == "done" and job["attempts"] == 2 and job["models"] == ["killed:q5_0"]
        assert any("after the last whole tensor" in line["words"] for line in job["log"])
        begun = [line["words"] for line in job["log"] if line["words"].startswith("quantizing to Q5_0, from ")]
        assert begun and not parts(home), job["log"]


def test_paused_it_stands_still_and_cancelled_it_leaves_nothing(home: Path) -> None:
    with serving(home) as server:
        id = ordered(server, "quantize", model="smollm2:135m", type="Q5_K_S", name="stopped:x")
        grown(home, 10_000_000)
        assert httpx2.post(f"{server.url}{JOBS}/{id}/pause", timeout=60).json()["status"] == "paused"
        other = ordered(server, "quantize", model="smollm2:135m", type="F16", name="other:f16")
        until(server, other, "done")
        (part,) = parts(home)
        size = part.stat().st_size
        time.sleep(0.5)
        assert part.stat().st_size == size
        assert httpx2.post(f"{server.url}{JOBS}/{id}/cancel", timeout=60).status_code == 200
        until(server, id, "cancelled")
        assert not parts(home)
        names = [model["id"] for model in httpx2.get(f"{server.url}/v1/models").json()["data"]]
        assert "stopped:x" not in names and "other:f16" in names


def test_a_command_leaves_work_to_the_server_and_follows_it(tmp_path: Path) -> None:
    home = little_home(tmp_path)
    left = domov(home, "quantize", LITTLE, "Q4_0", "--background")
    assert left.returncode == 0 and "it begins when the server runs" in left.stderr
    assert domov(home, "jobs", "pause", "1").returncode == 0
    with serving(home):
        assert domov(home, "jobs", "resume", "1").returncode == 0
        followed = domov(home, "jobs", "follow", "1")
        assert followed.returncode == 0 and "job 1 is done" in followed.stderr
    shown = orjson.loads(domov(home, "jobs", "show", "1", "--json").stdout)
    assert shown["status"] == "done" and shown["models"] == [f"{LITTLE}-q4_0"]
    assert domov(home, "jobs", "rm", "1").returncode == 0
    assert "no such job: 1" in domov(home, "jobs", "show", "1").stderr
