"""What editors do while somebody types: ask for a suggestion, leave it, ask for the next."""

import json
import urllib.request
from http.client import HTTPConnection, HTTPResponse
from typing import Any

from tests.clients.conftest import Served

BEFORE = "def add(first, second):\n    '''Adds two numbers.'''\n" * 12


def ask(served: Served, before: str, **more: Any) -> tuple[HTTPConnection, HTTPResponse]:
    body = {"model": "coder", "input_prefix": before, "input_suffix": "\n\nprint(add(1, 2))\n", **more}
    connection = HTTPConnection("127.0.0.1", served.server.port, timeout=60)
    connection.request("POST", "/infill", json.dumps(body), {"Content-Type": "application/json"})
    return connection, connection.getresponse()


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


def test_what_was_read_for_one_suggestion_is_not_read_again_for_the_next(served: Served) -> None:
    for typed in ("    return s", "    return se"):
        told = answer(served, BEFORE + typed, n_predict=2)
    assert told["timings"]["cache_n"] > told["tokens_evaluated"] / 2
