"""Downloads in the background, from a hub that fails as it is told."""

import time
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests import gguf_files
from tests.api.conftest import Server, serving
from tests.hub import Fault, Hub

LARGE = gguf_files.bert(words=[*gguf_files.WORDS, *(f"▁{n}" for n in range(20_000))])
URL = "/api/v1/models/download"


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with Hub() as running:
        running.add_repository("user/large", {"large-Q8_0.gguf": LARGE})
        running.add_repository("user/held", {"held-Q8_0.gguf": LARGE + bytes(32)})
        running.add_repository("user/broken", {"broken-Q8_0.gguf": LARGE + bytes(64)})
        yield running


@pytest.fixture(scope="module")
def client(hub: Hub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    with serving(tmp_path_factory.mktemp("home"), HF_ENDPOINT=hub.url) as server:
        yield from opened(server)


def opened(server: Server) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=server.url, timeout=60) as client:
        yield client


def ended(client: httpx2.Client, job: str) -> dict[str, Any]:
    end = time.monotonic() + 60
    while (table := client.get(f"{URL}/status/{job}").json())["status"] == "downloading":
        assert time.monotonic() < end
        time.sleep(0.02)
    told: dict[str, Any] = table
    return told


def test_a_model_is_fetched_in_the_background(client: httpx2.Client) -> None:
    asked = {"model": "https://huggingface.co/user/large", "quantization": "Q8_0"}
    job = client.post(URL, json=asked).json()
    assert job["job_id"].startswith("job_") and job["total_size_bytes"] == len(LARGE)
    done = ended(client, job["job_id"])
    assert done["status"] == "completed" and done["downloaded_bytes"] == done["total_size_bytes"] == len(LARGE)
    assert done["completed_at"] >= done["started_at"] == job["started_at"]
    assert client.post(URL, json=asked).json() == {"status": "already_downloaded"}
    assert [row["key"] for row in client.get("/api/v1/models").json()["models"]] == ["hf.co/user/large:Q8_0"]


def test_a_download_under_way_tells_how_far_it_is_and_is_one_job(client: httpx2.Client, hub: Hub) -> None:
    hub.fail("/cdn/", Fault(hold_after=100_000))
    job = client.post(URL, json={"model": "hf.co/user/held"}).json()
    assert hub.held.wait(20)
    again = client.post(URL, json={"model": "hf.co/user/held"}).json()
    assert again["job_id"] == job["job_id"] and again["status"] == "downloading"
    assert again["bytes_per_second"] >= 0 and again["downloaded_bytes"] < again["total_size_bytes"]
    hub.release.set()
    assert ended(client, job["job_id"])["status"] == "completed"


def test_what_fails_on_the_way_is_told_by_the_job(client: httpx2.Client, hub: Hub) -> None:
    hub.fail("/cdn/", Fault(body=b"x" * (len(LARGE) + 64)))
    job = client.post(URL, json={"model": "hf.co/user/broken"}).json()
    failed = ended(client, job["job_id"])
    assert failed["status"] == "failed" and failed["error"]["type"] == "internal_error" and failed["error"]["message"]


@pytest.mark.parametrize(
    ("model", "status", "kind"),
    [
        ("hf.co/user/nothing-here", 404, "model_not_found"),
        ("nosuch:7b", 404, "model_not_found"),
        ("/etc/passwd", 400, "invalid_request"),
        ("openai/gpt-oss-20b", 400, "invalid_request"),
    ],
)
def test_what_can_not_be_fetched_is_no_job(client: httpx2.Client, model: str, status: int, kind: str) -> None:
    answer = client.post(URL, json={"model": model})
    assert (answer.status_code, answer.json()["error"]["type"]) == (status, kind), answer.text


def test_a_job_that_never_was(client: httpx2.Client) -> None:
    answer = client.get(f"{URL}/status/job_0")
    assert (answer.status_code, answer.json()["error"]["type"]) == (404, "job_not_found")
