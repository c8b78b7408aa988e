"""Stories over HTTP: one text that a person and a model write in turns. The model gives back what it is sent."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.chats.client import Client, Table
from tests.api.conftest import serving
from tests.conftest import STARTER


@pytest.fixture(scope="module")
def client(starter_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    home = tmp_path_factory.mktemp("home")
    shutil.copytree(starter_home / "models", home / "models", copy_function=os.link)
    with serving(home, DOMOV_ENGINE="fake") as server:
        client = Client(server.url, STARTER)
        yield client
        client.http.close()


def story(client: Client, **settings: Any) -> str:
    return client.chat(kind="story", settings=settings)


def saved(client: Client, id: str, text: str) -> Table:
    told: Table = client.ask("PUT", f"/chats/{id}/story", {"text": text})
    return told


def wrote(client: Client, id: str, how: str = "write", **options: Any) -> Table:
    begun = client.ask("POST", f"/chats/{id}/story/{how}", {"options": options}, status=201)
    client.done(id, begun["id"])
    told: Table = client.ask("GET", f"/chats/{id}/story")
    return told


def test_a_person_and_a_model_write_in_turns(client: Client) -> None:
    id = story(client)
    assert saved(client, id, "Byl jednou drak")["text"] == "Byl jednou drak"
    told = wrote(client, id, max_tokens=2)
    assert told["text"] == "Byl jednou drakByl jednou" and told["running"] is None
    again = saved(client, id, told["text"].replace("drakByl", "drak. Byl") + " zlý")
    assert again["text"] == "Byl jednou drak. Byl jednou zlý" and again["title"] == "Byl jednou drak. Byl jednou zlý"


def test_what_was_written_is_undone_redone_and_tried_again(client: Client) -> None:
    id = story(client)
    saved(client, id, "one two three")
    first = wrote(client, id, max_tokens=1)
    second = wrote(client, id, "retry", max_tokens=2)
    assert [first["text"], second["text"]] == ["one two threeone", "one two threeone two"]
    assert second["alternatives"] == [first["current"], second["current"]]
    client.ask("PATCH", f"/chats/{id}", {"current": first["current"]})
    assert client.ask("GET", f"/chats/{id}/story")["text"] == first["text"]
    client.ask("PATCH", f"/chats/{id}", first["undo"])
    undone = client.ask("GET", f"/chats/{id}/story")
    assert undone["text"] == "one two three" and undone["redo"] == {"current": second["current"]}
    client.ask("PATCH", f"/chats/{id}", undone["undo"])
    empty = client.ask("GET", f"/chats/{id}/story")
    assert (empty["text"], empty["undo"]) == ("", None)
    client.ask("PATCH", f"/chats/{id}", empty["redo"])
    client.ask("POST", f"/chats/{id}/story/retry", {}, status=400)  # the last change was the person's


def test_the_model_sees_memory_world_note_and_text_and_is_told_nothing_else(client: Client) -> None:
    world = [{"keys": ["drak"], "text": "Draci jsou modří."}, {"keys": ["kůň"], "text": "Koně ne."}]
    settings = {"memory": "Pohádka.", "note": "Vesele.", "note_depth": 3, "world": world}
    id = story(client, story=settings)
    saved(client, id, "Byl jednou drak.\nA byl zlý.\n")
    seen = client.ask("POST", f"/chats/{id}/story/prompt", {})
    assert [part["kind"] for part in seen["parts"]] == ["memory", "world", "text", "note", "text"]
    text = "".join(part["text"] for part in seen["parts"])
    assert text == "Pohádka.\nDraci jsou modří.\nByl jednou drak.\n[Author's note: Vesele.]\nA byl zlý.\n"
    assert seen["left_out_characters"] == 0 and seen["tokens"] > 0
    assert wrote(client, id)["text"].endswith(text.strip())  # the fake model repeats its prompt


def test_how_likely_the_words_were_is_told_until_newer_ones_are_written(client: Client) -> None:
    id = story(client, story={"alternatives": 3})
    saved(client, id, "one two")
    first = wrote(client, id, max_tokens=2)
    (one, two) = client.ask("GET", f"/chats/{id}/story/figures/{first['current']}")["tokens"]
    assert (one["text"], two["text"], one["logprob"], len(one["alternatives"])) == ("one", " two", 0.0, 3)
    client.ask("PATCH", f"/chats/{id}", {"settings": {"story": {"alternatives": 0}}})
    none = wrote(client, id, max_tokens=1)
    assert client.ask("GET", f"/chats/{id}/story/figures/{none['current']}")["tokens"] == []
    client.ask("GET", f"/chats/{id}/story/figures/x", status=404)


def test_banned_phrases_and_samplers_are_the_storys_options(client: Client) -> None:
    id = story(client, options={"banned_strings": ["two"], "temperature": 0.5, "mirostat": 2, "dry_multiplier": 0.8})
    saved(client, id, "one two three")
    assert wrote(client, id)["text"] == "one two threeone  three"  # the word is gone, its spaces are not
    client.ask("PATCH", f"/chats/{id}", {"settings": {"options": {"temperature": 99}}}, status=400)
    client.ask("PATCH", f"/chats/{id}", {"settings": {"story": {"note_depth": -1}}}, status=400)


def test_a_chat_is_no_story_and_a_story_no_chat(client: Client) -> None:
    client.ask("POST", f"/chats/{story(client)}/messages", {"content": "x"}, status=400)
    chat = client.chat()
    client.ask("GET", f"/chats/{chat}/story", status=400)
    client.ask("PUT", f"/chats/{chat}/story", {"text": "x"}, status=400)
    assert chat not in [c["id"] for c in client.ask("GET", "/chats?kind=story&limit=200")["chats"]]


def test_memory_that_leaves_no_room_is_told_in_the_answer(client: Client) -> None:
    id = story(client, story={"memory": "x" * 20_000})
    saved(client, id, "text")
    begun = client.ask("POST", f"/chats/{id}/story/write", {}, status=201)
    done = client.done(id, begun["id"])
    assert done["status"] == "failed" and "memory, world info and note take" in done["error"]["message"]
    client.ask("POST", f"/chats/{id}/story/prompt", {}, status=400)


def test_a_story_is_exported_as_its_text_and_found_by_its_words(client: Client) -> None:
    id = story(client)
    saved(client, id, "Pohádka o Ferdovi")
    assert [c["id"] for c in client.ask("GET", "/chats?query=ferdovi&kind=story")["chats"]] == [id]
    text = client.http.get(f"/chats/export?format=markdown&id={id}").text
    assert text == "# Pohádka o Ferdovi\n\nPohádka o Ferdovi\n"
