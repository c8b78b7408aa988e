"""Chats over HTTP, with a model that gives back what it is told."""

import time
from collections.abc import Iterator

import pytest

from tests.api.chats.client import Client
from tests.api.conftest import LITTLE, Server


@pytest.fixture(scope="module")
def client(fake: Server) -> Iterator[Client]:
    client = Client(fake.url, LITTLE)
    yield client
    client.http.close()


def test_a_question_is_answered_and_both_are_kept(client: Client) -> None:
    chat = client.chat(settings={"system": "Be brief.", "mine": [1]})
    question, (answer,) = client.said(chat, "tell me a story")
    assert (answer["content"], answer["status"], answer["parent_id"]) == ("tell me a story", "done", question["id"])
    assert answer["stats"]["answer_tokens"] == 4 and answer["place"]["where"] == "home"
    assert answer["context"]["used_tokens"] == 2 + 4 + 4 and answer["finish_reason"] == "stop"
    whole = client.ask("GET", f"/chats/{chat}")
    assert [m["id"] for m in whole["messages"]] == [question["id"], answer["id"]]
    assert (whole["title"], whole["current"], whole["settings"]["mine"]) == ("tell me a story", answer["id"], [1])
    assert whole["running"] is False


def test_events_can_be_taken_up_where_they_broke_off(client: Client) -> None:
    chat = client.chat()
    _, (answer,) = client.said(chat, "a b c")
    assert client.events(chat, answer["id"], after=99) == [("done", answer)]
    told = client.http.get(f"/chats/{chat}/messages/{answer['id']}/events", headers={"last-event-id": "2"})
    assert told.headers["content-type"].startswith("text/event-stream") and "event: done" in told.text


def test_a_question_is_edited_answered_again_and_the_branches_stay(client: Client) -> None:
    chat = client.chat()
    first, (answer,) = client.said(chat, "one")
    client.said(chat, "uno")  # the first question in other words
    again = client.ask("POST", f"/chats/{chat}/messages/{first['id']}/answers", {}, status=201)
    assert client.done(chat, again["id"])["parent_id"] == first["id"]
    messages = client.ask("GET", f"/chats/{chat}")["messages"]
    assert len(messages) == 5 and client.ask("GET", f"/chats/{chat}")["current"] == again["id"]
    client.ask("PATCH", f"/chats/{chat}", {"current": answer["id"]})
    client.ask("POST", f"/chats/{chat}/messages/{answer['id']}/answers", {}, status=400)
    fork = client.ask("POST", f"/chats/{chat}/fork", {"message_id": answer["id"]}, status=201)
    assert [m["content"] for m in client.ask("GET", f"/chats/{fork['id']}")["messages"]] == ["one", "one"]


def test_several_models_answer_one_question(client: Client) -> None:
    chat = client.chat()
    _, answers = client.said(chat, "who?", models=[LITTLE, "not-here:1b"])
    assert [answer["status"] for answer in answers] == ["done", "failed"]
    assert answers[1]["model"] == "not-here:1b" and "not-here" in answers[1]["error"]["message"]


def test_what_was_cut_short_is_gone_on_with(client: Client) -> None:
    chat = client.chat()
    _, (answer,) = client.said(chat, "one two three four", options={"max_tokens": 2})
    assert (answer["content"], answer["finish_reason"]) == ("one two", "length")
    begun = client.ask("POST", f"/chats/{chat}/messages/{answer['id']}/continue", {})
    assert begun["status"] == "running" or begun["status"] == "done"
    done = client.done(chat, answer["id"])
    assert done["content"].startswith("one two") and len(done["content"]) > len("one two") and done["status"] == "done"


def test_options_are_held_to_what_there_is(client: Client) -> None:
    chat = client.chat()
    for options in ({"temperature": 9}, {"no_such": 1}, {"model": LITTLE}, {"think": "much"}):
        answer = client.http.post(f"/chats/{chat}/messages", json={"content": "x", "options": options})
        assert answer.status_code == 400, options
        client.ask("PATCH", f"/chats/{chat}", {"settings": {"options": options}}, status=400)
    assert client.ask("GET", f"/chats/{chat}")["messages"] == []
    client.ask("POST", f"/chats/{client.chat(model=None)}/messages", {"content": "x"}, status=400)


def test_messages_are_changed_and_deleted_with_what_is_below(client: Client) -> None:
    chat = client.chat()
    question, (answer,) = client.said(chat, "one")
    client.said(chat, "two", answer["id"])
    client.ask("PATCH", f"/chats/{chat}/messages/{answer['id']}", {"content": "changed"})
    client.ask("DELETE", f"/chats/{chat}/messages/{answer['id']}", status=204)
    whole = client.ask("GET", f"/chats/{chat}")
    assert [m["id"] for m in whole["messages"]] == [question["id"]] and whole["current"] == question["id"]
    client.ask("DELETE", f"/chats/{chat}", status=204)
    client.ask("GET", f"/chats/{chat}", status=404)
    client.ask("DELETE", f"/chats/{chat}", status=404)


def test_chats_are_put_in_order_and_found(client: Client) -> None:
    chat = client.chat(folder="Doma")
    client.said(chat, "Jak vyčistit kotelnu?")
    changes = {"tags": ["topení"], "pinned": True, "draft": "rozepsáno", "title": "Nadpis"}
    changed = client.ask("PATCH", f"/chats/{chat}", changes)
    assert all(changed[name] == value for name, value in changes.items()) and changed["folder"] == "Doma"
    (found,) = client.ask("GET", "/chats?query=vycistit kotel")["chats"]
    assert found["id"] == chat and "vyčistit kotelnu" in found["snippet"]
    listed = client.ask("GET", "/chats?folder=Doma&tag=topení&limit=1")
    assert listed["chats"][0]["id"] == chat and {"name": "Doma", "count": 1} in listed["folders"]
    client.ask("PATCH", f"/chats/{chat}", {"archived": True, "folder": None})
    assert client.ask("GET", "/chats?query=kotel")["chats"] == []
    assert client.ask("GET", "/chats?query=kotel&archived=true")["chats"][0]["folder"] is None


def test_a_temporary_chat_is_on_no_disk_and_in_no_list(client: Client, fake: Server) -> None:
    chat = client.chat(temporary=True)
    file = client.attached("tajné.txt", b"Vydropiraten", temporary=True)
    client.said(chat, "Ornitoptera", attachments=[file["id"]])
    assert chat not in [c["id"] for c in client.ask("GET", "/chats?limit=200")["chats"]]
    for path in fake.home.rglob("*"):
        assert not path.is_file() or not any(w in path.read_bytes() for w in (b"Ornitoptera", b"Vydropiraten"))
    kept = client.attached("a.txt", b"x")
    body = {"content": "?", "attachments": [kept["id"]]}
    client.ask("POST", f"/chats/{chat}/messages", body, status=400)
    client.ask("DELETE", f"/chats/{chat}", status=204)
    assert client.http.get(f"/attachments/{file['id']}").status_code == 404


def test_files_become_part_of_the_question(client: Client) -> None:
    chat = client.chat()
    note = client.attached("kotel.md", "# Kotel\n\nTopí dřevem.".encode())
    page = client.attached("a.html", b"<h1>Head</h1><p>Body <script>no</script></p>")
    assert note["kind"] == "text" and note["text_tokens"] >= 5
    _, (answer,) = client.said(chat, "Čím?", attachments=[note["id"], page["id"]])
    assert "Topí dřevem." in answer["content"] and "# Head\n\nBody" in answer["content"]
    assert "no<" not in answer["content"]
    got = client.http.get(f"/attachments/{note['id']}")
    assert got.content.startswith(b"# Kotel") and got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["content-disposition"] == "attachment" and "sandbox" in got.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.txt", b""),
        ("x.exe", bytes(range(256)) * 10),
        ("x.pdf", b"no pdf"),
        ("bomb.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + b"\x7f\xff\xff\xff" * 2 + bytes(20)),
        ("x.png", b"\x89PNG\r\n\x1a\n"),
    ],
)
def test_what_no_model_can_be_given_is_refused(client: Client, name: str, content: bytes) -> None:
    client.attached(name, content, status=400)


def test_chats_are_taken_along(client: Client) -> None:
    chat = client.chat(title="Cesta")
    client.said(chat, "kudy?")
    text = client.http.get(f"/chats/export?format=markdown&id={chat}")
    assert text.text.startswith("# Cesta") and "filename*=UTF-8''Cesta.md" in text.headers["content-disposition"]
    every = client.http.get("/chats/export?format=json").content
    before = len(client.ask("GET", "/chats?limit=200")["chats"])
    told = client.http.post("/chats/import", files={"file": ("chats.zip", every)}).json()
    assert told["imported"] >= before and told["skipped"] == []
    assert client.http.post("/chats/import", files={"file": ("x", b"{}")}).status_code == 400


def test_an_assistants_words_hold_until_the_chat_says_otherwise(client: Client) -> None:
    body = {"name": "Kuchař", "system": "Vař.", "options": {"max_tokens": 1}, "model": LITTLE}
    assistant = client.ask("POST", "/assistants", body, status=201)
    chat = client.chat(model=None, settings={"assistant": assistant["id"]})
    _, (answer,) = client.said(chat, "one two")
    assert answer["content"] == "one" and answer["context"]["used_tokens"] == 1 + 2 + 1
    client.ask("PATCH", f"/chats/{chat}", {"settings": {"assistant": assistant["id"], "options": {"max_tokens": 2}}})
    assert client.said(chat, "one two")[1][0]["content"] == "one two"
    client.ask("PATCH", f"/assistants/{assistant['id']}", {"name": "Kuchařka"})
    assert "Kuchařka" in [a["name"] for a in client.ask("GET", "/assistants")["assistants"]]
    client.ask("DELETE", f"/assistants/{assistant['id']}", status=204)
    client.ask("DELETE", f"/assistants/{assistant['id']}", status=404)


def test_a_model_gives_a_title_where_that_is_wanted(client: Client) -> None:
    chat = client.chat(settings={"title": "auto"})
    client.said(chat, "Why is the sky blue?")
    deadline = time.monotonic() + 30
    while client.ask("GET", f"/chats/{chat}")["title"] == "Why is the sky blue?":
        assert time.monotonic() < deadline
        time.sleep(0.02)
