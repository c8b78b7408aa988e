"""Servers of tools, added and asked from the command line; none is used unless it is named."""

import json
import sys
from pathlib import Path

import pytest

from tests.api.conftest import LITTLE, little_home
from tests.conftest import domov


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = little_home(tmp_path_factory.mktemp("home"))
    assert "no tools yet" in domov(home, "mcp", "list").stderr
    done = domov(home, "mcp", "add", "sky", "--", sys.executable, "-m", "tests.tools.weather_server")
    assert done.returncode == 0, done.stderr
    return home


def test_what_was_added_is_listed_with_what_it_costs(home: Path) -> None:
    (server,) = json.loads(domov(home, "mcp", "list", "--json").stdout)
    assert server["name"] == "sky" and server["command"][0] == sys.executable and not server["shared"]
    done = domov(home, "mcp", "tools", "sky")
    assert "sky_weather" in done.stdout and "tokens longer" in done.stderr, done.stderr
    rows = json.loads(domov(home, "mcp", "tools", "--json").stdout)
    assert {row["tool"] for row in rows} == {"weather", "fail", "told"} and all(row["about_tokens"] for row in rows)


def test_tools_are_used_where_they_are_named_and_nowhere_else(home: Path) -> None:
    asked = ("run", LITTLE, "hello there")
    assert "tools" not in domov(home, *asked, DOMOV_ENGINE="fake").stderr
    done = domov(home, *asked, "--tools", "all", DOMOV_ENGINE="fake")
    assert done.stdout.strip() == "hello there" and "3 tools, about" in done.stderr, done.stderr
    done = domov(home, *asked, "--tools", "none", DOMOV_ENGINE="fake")
    assert done.returncode == 1 and "no such server of tools: none" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("add", "a b", "--", "x"), "not a name"),
        (("add", "x"), "a command or an address"),
        (("add", "x", "--url", "ftp://x"), "not an address"),
        (("rm", "none"), "no such server"),
        (("tools", "none"), "no such server"),
    ],
)
def test_mistakes_are_told(home: Path, arguments: tuple[str, ...], words: str) -> None:
    done = domov(home, "mcp", *arguments)
    assert done.returncode in (1, 2) and words in done.stderr and "Traceback" not in done.stderr


def test_one_that_is_removed_is_gone(home: Path) -> None:
    assert domov(home, "mcp", "add", "short", "--", "true").returncode == 0
    assert domov(home, "mcp", "rm", "short").returncode == 0
    assert [s["name"] for s in json.loads(domov(home, "mcp", "list", "--json").stdout)] == ["sky"]
