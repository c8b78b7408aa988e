"""Whose chats are whose, and answers from documents."""

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.api.chats.client import Client
from tests.api.conftest import Server, serving
from tests.conftest import STARTER, domov


@pytest.fixture(scope="module")
def keyed(starter_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, dict[str, Client]]]:
    """A server that asks for keys, and two callers."""
    home = tmp_path_factory.mktemp("home")
    shutil.copytree(starter_home / "models", home / "models", copy_function=os.link)
    secrets = {}
    for name, scope in (("anna", "models"), ("boris", "inference")):
        done = domov(home, "keys", "add", "--name", name, "--scope", scope)
        assert done.returncode == 0, done.stderr
        secrets[name] = next(word for word in (done.stdout + done.stderr).split() if word.startswith("domov-"))
    with serving(home, DOMOV_ENGINE="fake", DOMOV_REQUIRE_KEYS="true", DOMOV_WATCH_SECONDS="1") as server:
        clients = {n: Client(server.url, STARTER, authorization=f"Bearer {secret}") for n, secret in secrets.items()}
        yield server, clients
        for client in clients.values():
            client.http.close()


def test_nobody_sees_or_touches_anothers_chats(keyed: tuple[Server, dict[str, Client]]) -> None:
    anna, boris = keyed[1]["anna"], keyed[1]["boris"]
    chat = anna.chat(title="Anna's")
    file = anna.attached("a.txt", b"hers")
    assistant = anna.ask("POST", "/assistants", {"name": "hers"}, status=201)["id"]
    _, (answer,) = anna.said(chat, "mine", attachments=[file["id"]])
    mine = boris.chat()
    message = f"/chats/{chat}/messages/{answer['id']}"
    for method, path, body in (
        ("GET", f"/chats/{chat}", None),
        ("PATCH", f"/chats/{chat}", {"title": "x"}),
        ("DELETE", f"/chats/{chat}", None),
        ("POST", f"/chats/{chat}/fork", {"message_id": answer["id"]}),
        ("POST", f"/chats/{chat}/messages", {"content": "x"}),
        ("POST", f"{message}/answers", {}),
        ("POST", f"{message}/continue", {}),
        ("POST", f"{message}/stop", None),
        ("GET", f"{message}/events", None),
        ("PATCH", message, {"content": "x"}),
        ("DELETE", message, None),
        ("DELETE", f"/chats/{mine}/messages/{answer['id']}", None),
        ("GET", f"/attachments/{file['id']}", None),
        ("GET", f"/chats/export?id={chat}", None),
        ("PATCH", f"/assistants/{assistant}", {"name": "x"}),
        ("DELETE", f"/assistants/{assistant}", None),
        ("POST", f"/chats/{mine}/messages", {"content": "x", "attachments": [file["id"]]}),
        ("POST", f"/chats/{mine}/messages", {"content": "x", "parent_id": answer["id"]}),
    ):
        boris.ask(method, path, body, status=404)
    assert [c["id"] for c in boris.ask("GET", "/chats?limit=200")["chats"]] == [mine]
    assert boris.ask("GET", "/chats?query=mine")["chats"] == [] and boris.ask("GET", "/assistants")["assistants"] == []
    assert len(anna.ask("GET", f"/chats/{chat}")["messages"]) == 2


def test_what_a_chat_asks_counts_as_its_owners(keyed: tuple[Server, dict[str, Client]]) -> None:
    server, clients = keyed
    boris = clients["boris"]
    boris.said(boris.chat(), "one two three")
    admin = (server.home / "logs").parent
    done = domov(admin, "keys", "list", "--json")
    until = time.monotonic() + 20
    while '"tokens": 0' in done.stdout.split("boris")[1] and time.monotonic() < until:
        time.sleep(0.2)
        done = domov(admin, "keys", "list", "--json")
    assert '"tokens": 0' not in done.stdout.split("boris")[1]


def test_an_answer_from_documents_has_its_references(keyed: tuple[Server, dict[str, Client]]) -> None:
    server, clients = keyed
    anna, boris = clients["anna"], clients["boris"]
    text = "# Kotel\n\nKotel čistí pan Novák každé jaro."
    put = anna.http.put(
        "/documents/home/files/kotel.md", content=text.encode(), headers={"content-type": "application/octet-stream"}
    )
    assert put.status_code == 200, put.text
    deadline = time.monotonic() + 60
    while not anna.ask("POST", "/documents/search", {"query": "Kdo čistí kotel?"})["references"]:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    settings = {"documents": ["home"]}
    chat = anna.chat(settings=settings)
    _, (answer,) = anna.said(chat, "Kdo čistí kotel?")
    assert answer["references"][0]["file"] == "kotel.md" and "Novák" in answer["content"]
    assert "answered" in answer["documents"]
    anna.ask("POST", f"/chats/{chat}/messages/{answer['id']}/continue", {}, status=400)
    _, (refused,) = boris.said(boris.chat(settings=settings), "Kdo čistí kotel?")
    assert refused["status"] == "failed" and "no such collection" in refused["error"]["message"]  # it is Anna's


def test_events_need_a_key(keyed: tuple[Server, dict[str, Client]]) -> None:
    assert httpx2.get(f"{keyed[0].url}/api/domov/chats/x/messages/y/events").status_code == 401
