"""Documents over HTTP, on a real server with the real models: added, watched, searched, asked, deleted."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from openai import OpenAI

from tests.api.conftest import Server, serving
from tests.conftest import domov

WAIT_SECONDS = 60


@pytest.fixture(scope="module")
def running(embedding_home: Path, papers: Path) -> Iterator[Server]:
    done = domov(embedding_home, "docs", "add", str(papers), "--name", "home")
    assert done.returncode == 0, done.stderr
    with serving(embedding_home, DOMOV_WATCH_SECONDS="1") as server:
        yield server


def call(url: str, method: str = "GET", body: Any = None) -> tuple[int, Any]:
    """The status and the answer; bytes are sent as a file."""
    content = {"content": body} if isinstance(body, bytes) else {"json": body}
    headers = {"Content-Type": "application/octet-stream"} if isinstance(body, bytes) else {}
    more: Any = {} if body is None else {**content, "headers": headers}
    response = httpx2.request(method, url, timeout=120, **more)
    return response.status_code, response.json()


def ask(server: Server, method: str, path: str, body: Any = None) -> Any:
    status, answer = call(f"{server.url}/api/domov/documents{path}", method, body)
    assert status == 200, answer
    return answer


def search(server: Server, query: str, **more: Any) -> list[dict[str, Any]]:
    return list(ask(server, "POST", "/search", {"query": query, **more})["references"])


def until(server: Server, query: str, wanted: str) -> None:
    """Waits until the best hit holds the text."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not any(wanted in hit["text"] for hit in search(server, query)[:1]):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_meaning_is_found_across_languages_and_words_in_their_own(running: Server) -> None:
    assert search(running, "kde je hlavní uzávěr vody")[0]["file"] == "water.txt"
    best = search(running, "údržba topení", collections=["home"])[0]
    assert (best["file"], best["titles"], best["line"]) == ("house.md", ["Dům", "Topení"], 4)
    assert best["ranks"] == {"words": 1, "meaning": 1} and best["cosine"] > 0.8


def test_a_change_is_seen_while_the_server_runs(running: Server, papers: Path) -> None:
    (papers / "new.txt").write_text("The spare key hangs in the workshop.\n")
    until(running, "spare key", "workshop")
    (papers / "new.txt").unlink()
    deadline = time.monotonic() + WAIT_SECONDS
    while any("workshop" in hit["text"] for hit in search(running, "spare key")):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_the_state_of_all_is_told(running: Server) -> None:
    (home,) = [c for c in ask(running, "GET", "")["collections"] if c["name"] == "home"]
    assert (home["read"], home["failed"], home["passages"]) == (3, 1, home["embedded"])
    assert [Path(f["path"]).name for f in home["failures"]] == ["broken.docx"]
    assert (home["shared"], home["changeable"]) == (False, True)


def test_files_are_told_one_by_one(running: Server) -> None:
    failed = ask(running, "GET", "/home/files?state=failed")
    (file,) = failed["files"]
    assert (file["file"], file["state"], failed["next"]) == ("broken.docx", "failed", None)
    assert file["reason"] == "damaged: it is no zip file inside"
    first = ask(running, "GET", "/home/files?limit=2")
    rest = ask(running, "GET", f"/home/files?limit=2&after={first['next']}")
    names = {f["file"] for f in (*first["files"], *rest["files"])}
    assert names == {"house.md", "water.txt", "bananas.txt", "broken.docx"}
    assert ask(running, "POST", "/home/retry", {})["retried"] == 1


def test_a_passage_is_shown_with_its_neighbours(running: Server) -> None:
    number = search(running, "bananas")[0]["passage"]
    (passage,) = ask(running, "GET", f"/passages/{number}?around=2")["passages"]
    assert "yellow" in passage["text"]
    assert call(f"{running.url}/api/domov/documents/passages/999999")[0] == 404


def test_a_page_can_be_sent_and_its_collection_deleted(running: Server) -> None:
    page = "<h1>Lampa</h1><p>Žárovka má závit E27.</p>".encode()
    path = "/api/domov/documents/web/files/lampa.html"
    status, answer = call(running.url + path, "PUT", page)
    assert status == 200, answer
    until(running, "závit žárovky", "E27")
    ask(running, "DELETE", "/web")
    assert not Path(answer["path"]).exists()
    assert not any("E27" in hit["text"] for hit in search(running, "závit žárovky"))


def test_a_file_can_be_sent_in_a_form_and_dropped_again(running: Server) -> None:
    file = {"file": ("Žárovky: přehled?.txt", "Náhradní žárovky jsou ve sklepě.".encode())}
    url = f"{running.url}/api/domov/documents/sent/files"
    answer = httpx2.post(url, files=file, timeout=60)
    assert answer.status_code == 200 and answer.json()["file"] == "Žárovky_ přehled_.txt", answer.text
    until(running, "náhradní žárovky", "ve sklepě")
    assert httpx2.post(url, files={"file": ("program.exe", b"x")}, timeout=60).status_code == 400
    ask(running, "DELETE", f"/sent/files/{answer.json()['file']}")
    assert not any("sklepě" in hit["text"] for hit in search(running, "náhradní žárovky"))
    assert call(f"{url}/{answer.json()['file']}", "DELETE")[0] == 404
    ask(running, "DELETE", "/sent")


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "", {"name": "all", "paths": ["/"]}, 400),
        ("POST", "/search", {"query": ""}, 400),
        ("POST", "/search", {"query": "x", "collections": ["none"]}, 404),
        ("POST", "/search", {"query": "x", "kinds": ["exe"]}, 400),
        ("DELETE", "/none", None, 404),
        ("POST", "/none/pause", {"paused": True}, 404),
        ("PUT", "/web/files/..%2f..%2fevil.html", b"x", 400),
        ("PUT", "/web/files/.hidden.html", b"x", 400),
        ("PUT", "/web/files/program.exe", b"x", 400),
    ],
)
def test_what_is_not_allowed_is_refused(running: Server, method: str, path: str, body: Any, status: int) -> None:
    found, answer = call(f"{running.url}/api/domov/documents{path}", method, body)
    assert found == status, answer


QUESTION: list[Any] = [{"role": "user", "content": "Where is the main water valve?"}]


def client(server: Server) -> OpenAI:
    return OpenAI(base_url=f"{server.url}/v1", api_key="none")


def test_a_chat_is_answered_from_documents_with_references(running: Server) -> None:
    answer = client(running).chat.completions.create(
        model="smollm2:135m", messages=QUESTION, max_tokens=24, temperature=0, extra_body={"documents": ["home"]}
    )
    told: Any = answer.model_extra
    assert told["references"][0]["file"] == "water.txt" and told["references"][0]["number"] == 1
    assert set(told["documents"]) == {"answered", "unsupported", "searched"}
    assert answer.choices[0].message.content


def test_a_stream_tells_references_first_and_what_is_known_last(running: Server) -> None:
    stream = client(running).chat.completions.create(
        model="smollm2:135m",
        messages=QUESTION,
        max_tokens=8,
        temperature=0,
        stream=True,
        extra_body={"documents": True},
    )
    chunks: list[Any] = list(stream)
    assert "references" in chunks[0].model_extra
    assert "documents" in chunks[-1].model_extra
    assert any(c.choices and c.choices[0].finish_reason for c in chunks)


def test_a_question_that_nothing_is_near_to_costs_no_model(running: Server) -> None:
    messages = [{"role": "user", "content": "Kolik?"}]
    body = {"model": "smollm2:135m", "messages": messages, "documents": {"folder": "/none"}}
    status, answer = call(f"{running.url}/v1/chat/completions", "POST", body)
    assert status == 200 and answer["choices"][0]["message"]["content"] == "To ve vašich dokumentech není."
    assert answer["documents"]["answered"] is False and answer["usage"]["prompt_tokens"] == 0


def test_tools_are_off_in_answers_from_documents(running: Server) -> None:
    tool = {"type": "function", "function": {"name": "send", "parameters": {"type": "object", "properties": {}}}}
    body = {"model": "smollm2:135m", "messages": QUESTION, "documents": True, "tools": [tool]}
    status, answer = call(f"{running.url}/v1/chat/completions", "POST", body)
    assert status == 400 and "tools are off" in answer["error"]["message"]
