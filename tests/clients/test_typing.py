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


def test_what_was_read_around_the_gap_is_not_read_again_for_the_next_key(served: Served) -> None:
    answer(served, BEFORE + "    return s", n_predict=2)
    told = answer(served, BEFORE + "    return se", n_predict=2)
    after = answer(served, "", n_predict=0)["tokens_evaluated"]
    assert told["timings"]["prompt_n"] < after / 2  # the text after the gap was moved along, not read


def test_a_seed_gives_the_same_suggestion_whatever_was_read_before(served: Served) -> None:
    told = []
    for before in ("    return s", "    return se", "    return s"):
        told.append(answer(served, BEFORE + before, n_predict=6, seed=7, temperature=0))
    assert told[0]["content"] == told[2]["content"] and told[2]["timings"]["cache_n"] == 0


def test_mistrals_way_of_filling_answers_as_a_chat(served: Served) -> None:
    body = {"model": "coder", "prompt": "def add(a, b):\n    return ", "suffix": "\n", "max_tokens": 4}
    for more, status in (({}, 200), ({"min_tokens": 3}, 400), ({"model": "thinker"}, 400)):
        connection, response = post(served, "/v1/fim/completions", {**body, **more})
        told = json.loads(response.read())
        connection.close()
        assert response.status == status
        assert "error" in told if status == 400 else told["choices"][0]["message"]["role"] == "assistant"
