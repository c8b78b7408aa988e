"""Chats with a real model behind a real server, which is also killed in the middle of an answer."""

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.api.chats.client import Client
from tests.api.conftest import Server, serving
from tests.conftest import STARTER

LONG = {"ignore_eos": True, "max_tokens": 2000, "temperature": 0.0}


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def written(client: Client, chat: str, message: str, characters: int) -> Callable[[], bool]:
    return lambda: len(client.message(chat, message)["content"]) >= characters


@pytest.fixture(scope="module")
def client(able: Server) -> Iterator[Client]:
    client = Client(able.url, "plain")
    yield client
    client.http.close()


def test_an_answer_goes_on_when_nobody_listens_and_is_stopped(client: Client) -> None:
    chat = client.chat()
    _, (answer,) = client.begun(chat, "Tell a long story.", options=LONG)
    assert answer["status"] == "running"
    until(written(client, chat, answer["id"], 40))
    whole = client.ask("GET", f"/chats/{chat}")
    now = client.message(chat, answer["id"])
    assert whole["running"] and now["seq"] > 0
    stopped = client.ask("POST", f"/chats/{chat}/messages/{answer['id']}/stop")
    assert stopped["status"] == "stopped" and stopped["content"].startswith(now["content"])
    assert stopped["stats"]["answer_tokens"] > 5 and stopped["stats"]["tokens_per_second"] > 0
    assert client.ask("GET", f"/chats/{chat}")["running"] is False
    begun = client.ask("POST", f"/chats/{chat}/messages/{answer['id']}/continue", {"options": {"max_tokens": 5}})
    assert begun["content"] == stopped["content"]
    went_on = client.done(chat, answer["id"])
    assert went_on["content"].startswith(stopped["content"]) and len(went_on["content"]) > len(stopped["content"])


def test_what_is_heard_from_a_number_on_follows_what_was_read(client: Client) -> None:
    chat = client.chat()
    _, (answer,) = client.begun(chat, "Count.", options={**LONG, "max_tokens": 60})
    until(lambda: bool(client.message(chat, answer["id"])["content"]))
    read = client.message(chat, answer["id"])
    *deltas, (_, done) = client.events(chat, answer["id"], after=read.get("seq", 10**6))
    assert read["content"] + "".join(table.get("text", "") for _, table in deltas) == done["content"]
    assert done["status"] == "done" and done["finish_reason"] == "length"


def test_the_second_question_reads_only_what_is_new(client: Client) -> None:
    chat = client.chat(settings={"options": {"max_tokens": 8, "temperature": 0.0}})
    _, (first,) = client.said(chat, "word " * 200)
    _, (second,) = client.said(chat, "And now?", first["id"])
    stats = second["stats"]
    assert stats["cached_tokens"] >= 200 and stats["prompt_tokens"] - stats["cached_tokens"] < 40
    assert second["context"]["used_tokens"] == stats["prompt_tokens"] + stats["answer_tokens"]


def test_a_picture_for_a_model_that_does_not_see_fails_with_a_sentence(client: Client) -> None:
    png = bytes.fromhex(
        "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d763f8ffff3f0005fe02fe"
        "dccc59e70000000049454e44ae426082"
    )
    picture = client.attached("x.png", png)
    assert (picture["kind"], picture["media_type"]) == ("image", "image/png")
    chat = client.chat()
    _, (answer,) = client.said(chat, "What is it?", attachments=[picture["id"]])
    assert answer["status"] == "failed" and answer["error"]["message"]
    assert client.http.get(f"/attachments/{picture['id']}").content == png


def states(home: Path) -> int:
    return len(list(home.glob("states/*/*.json")))


def test_a_killed_server_keeps_the_text_and_the_next_one_says_so(home: Path) -> None:
    with serving(home) as server:
        client = Client(server.url, STARTER)
        chat = client.chat()
        _, (answer,) = client.begun(chat, "Tell a long story.", options=LONG)
        until(written(client, chat, answer["id"], 20))
        time.sleep(1.5)  # what is written is kept about every second
        server.process.send_signal(signal.SIGKILL)
        server.process.wait(10)
        client.http.close()
    with serving(home) as server:
        client = Client(server.url, STARTER)
        kept = client.message(chat, answer["id"])
        assert kept["status"] == "interrupted" and len(kept["content"]) >= 20
        client.ask("POST", f"/chats/{chat}/messages/{answer['id']}/continue", {"options": {"max_tokens": 4}})
        assert client.done(chat, answer["id"])["content"].startswith(kept["content"])
        _, (second,) = client.begun(chat, "More!", answer["id"], options=LONG)
        until(written(client, chat, second["id"], 20))
        seen = client.message(chat, second["id"])["content"]
        client.http.close()
        server.process.terminate()  # in the middle of an answer
        assert server.process.wait(20) in (0, -signal.SIGTERM)  # uvicorn ends as the signal has it, when all is done
    with serving(home) as server:
        client = Client(server.url, STARTER)
        kept = client.message(chat, second["id"])
        assert kept["status"] == "interrupted" and kept["content"].startswith(seen)
        client.http.close()


def test_the_saved_state_of_a_chat_goes_with_it(home: Path) -> None:
    with serving(home) as server:
        client = Client(server.url, STARTER)
        chat = client.chat(settings={"system": "the house by the sea " * 150, "options": {"max_tokens": 2}})
        client.said(chat, "Hello!")
        client.http.close()
        server.process.terminate()
        server.process.wait(20)
    assert states(home) > 0
    with serving(home) as server:
        client = Client(server.url, STARTER)
        client.ask("DELETE", f"/chats/{chat}", status=204)
        assert states(home) == 0
        client.http.close()


def test_what_did_not_fit_is_told_by_its_messages(home: Path) -> None:
    with serving(home, DOMOV_CONTEXT_TOKENS="512") as server:
        client = Client(server.url, STARTER)
        chat = client.chat(settings={"options": {"max_tokens": 4}})
        question, (answer,) = client.said(chat, "one two three four " * 50)
        second, (short,) = client.said(chat, "five six seven eight " * 50, answer["id"])
        (last,) = client.said(chat, "nine ten eleven twelve " * 50, short["id"])[1]
        assert last["overflow"] == {"policy": "drop_oldest", "messages": [question["id"], answer["id"]]}
        assert second["id"] not in last["overflow"]["messages"] and last["context"]["size_tokens"] == 512
        client.http.close()
