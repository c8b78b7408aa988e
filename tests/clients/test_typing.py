"""What editors do while somebody types: ask for a suggestion, leave it, ask for the next."""

import json
import urllib.request
from http.client import HTTPConnection, HTTPResponse
from typing import Any

from tests.clients.conftest import Served

AFTER = "\n\nprint(add(1, 2))\n" + "# the second file of this example has nothing to do\n" * 8
BEFORE = "def add(first, second):\n    '''Adds two numbers.'''\n" * 12


def post(served: Served, path: str, body: dict[str, Any]) -> tuple[HTTPConnection, HTTPResponse]:
    connection = HTTPConnection("127.0.0.1", served.server.port, timeout=60)
    connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
    return connection, connection.getresponse()


def ask(served: Served, before: str, **more: Any) -> tuple[HTTPConnection, HTTPResponse]:
    body = {"model": "coder", "input_prefix": before, "input_suffix": AFTER, **more}
    return post(served, "/infill", body)


def answer(served: Served, before: str, **more: Any) -> dict[str, Any]:
    connection, response = ask(served, before, **more)
    try:
        return dict(json.loads(response.read()))
    finally:
        connection.close()


def loaded(served: Served) -> dict[str, Any]:
    with urllib.request.urlopen(f"{served.url}/api/domov/loaded") as answer:
        (row,) = [m for m in json.load(answer)["models"] if m["model"] == "coder:latest"]
    return dict(row)


def test_a_suggestion_that_is_left_gives_its_slot_to_the_next_one(served: Served) -> None:
    left, response = ask(served, BEFORE + "    return f", n_predict=1500, ignore_eos=True, stream=True)
    assert response.readline().startswith(b"data: ")  # it writes
    response.close()
    left.close()
    told = answer(served, BEFORE + "    return fi", n_predict=4, ignore_eos=True)
    assert told["tokens_predicted"] == 4
    assert loaded(served)["running"] == 0  # the first would go on for hundreds of tokens more


def test_of_a_key_more_the_key_alone_is_read(served: Served) -> None:
    answer(served, BEFORE + "    return fir", n_predict=2)
    told = answer(served, BEFORE + "    return first", n_predict=2)
    assert told["timings"]["prompt_n"] < 8 < told["timings"]["cache_n"]


def test_mistrals_way_of_filling_answers_as_a_chat(served: Served) -> None:
    body = {"model": "coder", "prompt": "def add(a, b):\n    return ", "suffix": "\n", "max_tokens": 4}
    for more, status in (({}, 200), ({"min_tokens": 3}, 400), ({"model": "thinker"}, 400)):
        connection, response = post(served, "/v1/fim/completions", {**body, **more})
        told = json.loads(response.read())
        connection.close()
        assert response.status == status
        assert "error" in told if status == 400 else told["choices"][0]["message"]["role"] == "assistant"
