"""`domov docs` from an empty home to an answer with sources, and away again."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import domov


@pytest.fixture(scope="module")
def home(embedding_home: Path, papers: Path) -> Path:
    done = domov(embedding_home, "docs", "add", str(papers), "--name", "cli")
    assert done.returncode == 0, done.stderr
    assert "cli: 3 files, 3 passages, 1 not read" in done.stderr
    return embedding_home


def told(home: Path, *arguments: str) -> Any:
    done = domov(home, "docs", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_collections_and_their_state(home: Path, papers: Path) -> None:
    (row,) = [c for c in told(home, "list") if c["name"] == "cli"]
    assert (row["roots"], row["read"], row["failed"], row["embedded"]) == ([str(papers)], 3, 1, 3)
    words = domov(home, "docs", "status")
    assert "up to date" in words.stdout and "broken.docx: damaged" in words.stderr


def test_search_with_reasons(home: Path) -> None:
    assert told(home, "search", "kdo dělá údržbu topení", "--collection", "cli")[0]["file"] == "house.md"
    done = domov(home, "docs", "search", "water valve", "--why", "--count", "1")
    assert "water.txt, line 1" in done.stdout and "words " in done.stdout and "cosine" in done.stdout


def test_ask_with_sources(home: Path) -> None:
    answer = told(home, "ask", "Where is the main water valve?", "--model", "smollm2:135m", "--collection", "cli")
    assert answer["answer"] and answer["references"][0]["file"] == "water.txt"
    done = domov(home, "docs", "ask", "Kolik je hvězd?", "--model", "smollm2:135m", "--folder", "/none")
    assert done.stdout == "To ve vašich dokumentech není.\n"


def test_a_passage_by_its_number(home: Path) -> None:
    number = told(home, "search", "water valve", "--count", "1")[0]["passage"]
    assert "cellar" in domov(home, "docs", "show", str(number)).stdout


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("search", "x", "--collection", "none"), 1, "no such collection: none"),
        (("search", "x", "--kind", "exe"), 2, "no such kind"),
        (("search", "x", "--since", "soon"), 2, "no such day"),
        (("rm", "none", "--yes"), 1, "no such collection"),
        (("show", "999999"), 1, "no such passage"),
        (("add", "/no/such/folder"), 2, "does not exist"),
    ],
)
def test_mistakes_are_told(home: Path, arguments: tuple[str, ...], status: int, words: str) -> None:
    done = domov(home, "docs", *arguments)
    assert done.returncode == status and words in done.stderr and "Traceback" not in done.stderr


def test_a_collection_is_shared_and_kept_again(home: Path) -> None:
    for command, shared in (("share", True), ("unshare", False)):
        assert domov(home, "docs", command, "cli").returncode == 0
        assert [c["shared"] for c in told(home, "list") if c["name"] == "cli"] == [shared]


def test_what_could_not_be_read_is_tried_again(home: Path, papers: Path) -> None:
    done = domov(home, "docs", "retry", "cli")
    assert "1 files are tried again" in done.stderr and "1 not read" in done.stderr


def test_what_is_removed_is_gone(home: Path, papers: Path) -> None:
    domov(home, "docs", "add", str(papers), "--name", "short")
    asked = domov(home, "docs", "rm", "short", stdin="n\n")
    assert asked.returncode == 130 and "short" in [c["name"] for c in told(home, "list")]
    assert domov(home, "docs", "rm", "short", "--yes").returncode == 0
    assert "short" not in [c["name"] for c in told(home, "list")]


def test_help_imports_neither_numpy_nor_readers() -> None:
    code = "import sys, domov.cli.docs_ask, domov.app; sys.exit(any(m in sys.modules for m in ('numpy', 'pypdfium2')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
