"""Files and batches, by OpenAI's own client, of a real model behind a real server that is also killed."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest

from tests.api.conftest import Server, serving
from tests.conftest import STARTER


@pytest.fixture(scope="module")
def client(able: Server) -> Iterator[openai.OpenAI]:
    with opened(able) as opened_one:
        yield opened_one


def opened(server: Server) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0, timeout=60)


def jsonl(endpoint: str, bodies: list[dict[str, Any]]) -> bytes:
    rows = [{"custom_id": f"row-{n}", "method": "POST", "url": endpoint, "body": body} for n, body in enumerate(bodies)]
    return b"\n".join(json.dumps(row).encode() for row in rows)


def begun(client: openai.OpenAI, endpoint: Any, bodies: list[dict[str, Any]], **more: Any) -> Any:
    file = client.files.create(file=("in.jsonl", jsonl(endpoint, bodies)), purpose="batch")
    return client.batches.create(input_file_id=file.id, endpoint=endpoint, completion_window="24h", **more)


def until(client: openai.OpenAI, id: str, reached: Callable[[Any], bool]) -> Any:
    deadline = time.monotonic() + 60
    while not reached(batch := client.batches.retrieve(id)):
        assert time.monotonic() < deadline, batch
        time.sleep(0.05)
    return batch


def done(batch: Any) -> bool:
    return batch.status in ("completed", "failed", "expired", "cancelled")


def rows(client: openai.OpenAI, id: str | None) -> list[Any]:
    return [json.loads(line) for line in client.files.content(id).text.splitlines()] if id else []


def test_a_file_is_sent_listed_read_and_deleted(client: openai.OpenAI, tmp_path: Path) -> None:
    content = bytes(range(256)) * 2000
    path = tmp_path / "žluť.bin"
    path.write_bytes(content)
    file = client.files.create(file=path, purpose="user_data", expires_after={"anchor": "created_at", "seconds": 3600})
    assert (file.bytes, file.filename, file.purpose) == (len(content), "žluť.bin", "user_data")
    assert file.expires_at and 3590 <= file.expires_at - file.created_at <= 3610
    assert client.files.retrieve(file.id) == file
    assert client.files.content(file.id).read() == content
    other = client.files.create(file=b"x", purpose="batch")
    assert [f.id for f in client.files.list(purpose="user_data")] == [file.id]
    assert [f.id for f in client.files.list(limit=1)][:2] == [other.id, file.id]  # two pages
    assert client.files.delete(file.id).deleted
    with pytest.raises(openai.NotFoundError, match="no such file"):
        client.files.content(file.id)


def test_a_form_that_is_none_is_refused(able: Server) -> None:
    url = f"{able.url}/v1/files"
    boundary = {"content-type": "multipart/form-data; boundary=b"}
    part = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nx\r\n'
    for content in (b"", b"nonsense", part, part + part + b"--b--\r\n", b"--b\r\n\r\nx\r\n--b--\r\n"):
        assert httpx2.post(url, content=content, headers=boundary).status_code == 400
    assert httpx2.post(url, content=part + b"--b--", headers={"content-type": "multipart/form-data"}).status_code == 400
    long = b"--b\r\nA: " + b"x" * 20_000 + b"\r\n\r\n\r\n--b--\r\n"
    assert httpx2.post(url, content=long, headers=boundary).status_code == 400
    assert httpx2.post(url, json={"file": "x"}).status_code == 415
    assert httpx2.post(f"{able.url}/v1/chat/completions", content=part, headers=boundary).status_code == 415
    assert httpx2.post(url, content=part, headers=boundary | {"origin": "http://evil.example"}).status_code == 403
    names: Any = [("file", ("a", b"x")), ("purpose", (None, "to steal"))]
    assert "purpose" in httpx2.post(url, files=names).json()["error"]["message"]
    assert list((Path(able.home) / "files").glob("*.part")) == []


ASKED: list[tuple[str, dict[str, Any]]] = [
    ("/v1/chat/completions", {"model": "plain", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 2}),
    ("/v1/completions", {"model": "plain", "prompt": "One, two,", "max_tokens": 2}),
    ("/v1/embeddings", {"model": "encoder", "input": "red apple"}),
    ("/v1/responses", {"model": "plain", "input": "Hi", "max_output_tokens": 2}),
]


@pytest.mark.parametrize(("endpoint", "body"), ASKED)
def test_a_batch_answers_what_its_endpoint_answers(client: openai.OpenAI, endpoint: str, body: dict[str, Any]) -> None:
    wrong = [{**body, "model": "nobody"}, {**body, "temperature": "hot", "input": 1.5, "dimensions": "x"}]
    batch = begun(client, endpoint, [body, *wrong, body], metadata={"for": "test"})
    batch = until(client, batch.id, done)
    assert batch.status == "completed" and batch.metadata == {"for": "test"}
    assert (batch.request_counts.completed, batch.request_counts.failed, batch.request_counts.total) == (2, 2, 4)
    answers, errors = rows(client, batch.output_file_id), rows(client, batch.error_file_id)
    assert [row["custom_id"] for row in answers] == ["row-0", "row-3"] and batch.usage.input_tokens > 0
    assert all(row["response"]["status_code"] == 200 and row["response"]["body"]["usage"] for row in answers)
    assert [row["response"]["status_code"] for row in errors] == [404, 400]
    assert errors[0]["response"]["body"]["error"]["type"] == "not_found_error"
    assert client.batches.list(limit=1).data[0].id == batch.id


def test_what_is_no_batch_is_refused(client: openai.OpenAI) -> None:
    file = client.files.create(file=b"{}\n", purpose="batch")
    other = client.files.create(file=b"{}\n", purpose="user_data")
    usual: dict[str, Any] = {"input_file_id": file.id, "endpoint": "/v1/embeddings", "completion_window": "24h"}
    for more in (
        {"endpoint": "/v1/images/edits"},
        {"completion_window": "soon"},
        {"completion_window": "0h"},
        {"completion_window": "999d"},
        {"input_file_id": other.id},
        {"output_expires_after": {"anchor": "created_at", "seconds": 1}},
    ):
        with pytest.raises(openai.BadRequestError):
            client.batches.create(**usual | more)
    for unknown in ("file-x", "../../x"):
        with pytest.raises(openai.NotFoundError):
            client.batches.create(**usual | {"input_file_id": unknown})
    failed = until(client, client.batches.create(**usual).id, done)
    assert failed.status == "failed" and failed.errors.data[0].line == 1
    with pytest.raises(openai.BadRequestError, match="nothing to cancel"):
        client.batches.cancel(failed.id)


def test_a_batch_survives_kill_9_passes_chats_and_can_be_cancelled(home: Path) -> None:
    asked = {
        "model": STARTER,
        "messages": [{"role": "user", "content": "Count."}],
        "max_tokens": 12,
        "ignore_eos": True,
    }
    long = {**asked, "max_tokens": 4000}
    with serving(home) as running, opened(running) as client:
        id = begun(client, "/v1/chat/completions", [asked] * 16).id
        until(client, id, lambda batch: batch.request_counts.completed >= 3)
        running.process.kill()
        running.process.wait(10)
    with serving(home) as running, opened(running) as client:
        batch = until(client, id, done)
        assert batch.status == "completed" and batch.request_counts.completed == 16
        assert [row["custom_id"] for row in rows(client, batch.output_file_id)] == [f"row-{n}" for n in range(16)]
        id = begun(client, "/v1/chat/completions", [long] * 4).id
        until(client, id, lambda batch: batch.status == "in_progress")
        with pytest.raises(openai.BadRequestError, match="cancel the batch first"):
            client.files.delete(client.batches.retrieve(id).input_file_id)
        messages: Any = asked["messages"]
        assert client.chat.completions.create(model=STARTER, messages=messages, max_tokens=2).choices
        assert client.batches.retrieve(id).status == "in_progress"  # its lines take minutes: the chat has passed them
        assert client.batches.cancel(id).status == "cancelling"
        cancelled = until(client, id, done)
        assert cancelled.status == "cancelled" and len(rows(client, cancelled.error_file_id)) == 4
        assert client.files.delete(cancelled.input_file_id).deleted
