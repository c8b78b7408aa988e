"""`domov keys`, as a person and as a script use it."""

import json
import time
from pathlib import Path

import click
import pytest

from domov.cli.spans import Span
from tests.conftest import domov


def test_a_key_is_made_shown_once_listed_rotated_and_revoked(tmp_path: Path) -> None:
    made = domov(tmp_path, "keys", "add", "--name", "laptop", "--expires", "30d", "--models", "a:1, b:*")
    assert made.returncode == 0 and "this once" in made.stderr
    secret = made.stdout.strip()
    (row,) = json.loads(domov(tmp_path, "keys", "list", "--json").stdout)
    assert (row["name"], row["scope"], row["models"]) == ("laptop", "inference", ["a:1", "b:*"])
    assert row["expires_at"] == pytest.approx(time.time() + 30 * 86400, abs=100)
    listed = domov(tmp_path, "keys", "list").stdout
    assert "until " in listed and secret[:10] in listed and secret not in listed
    rotated = json.loads(domov(tmp_path, "keys", "rotate", row["id"], "--json").stdout)
    assert rotated["id"] == row["id"] and rotated["secret"] != secret
    assert domov(tmp_path, "keys", "revoke", "laptop").returncode == 0
    assert "revoked" in domov(tmp_path, "keys", "list").stdout
    audit = [json.loads(line) for line in (tmp_path / "logs" / "audit.jsonl").read_text().splitlines()]
    assert [line["action"].split()[-1] for line in audit] == ["add", "rotate", "revoke"]
    assert all(line["by"] == "command line" and line["key"] == row["id"] for line in audit)


def test_what_can_t_be_meant_is_one_sentence(tmp_path: Path) -> None:
    for arguments, words in (
        (("add",), "--name"),
        (("add", "--name", "x", "--scope", "root"), "inference"),
        (("add", "--name", "x", "--expires", "tomorrow"), "30d"),
        (("add", "--name", "x", "--scope", "admin", "--models", "a"), "all models"),
    ):
        done = domov(tmp_path, "keys", *arguments)
        assert done.returncode == 2 and words in done.stderr and "Traceback" not in done.stderr, arguments
    done = domov(tmp_path, "keys", "revoke", "nobody")
    assert done.returncode == 1 and "no such key: nobody" in done.stderr
    assert "there are no keys" in domov(tmp_path, "keys", "list").stderr


@pytest.mark.parametrize(("text", "seconds"), [("12h", 43_200), ("1d", 86_400), ("2w", 1_209_600), ("1y", 31_536_000)])
def test_a_span_is_so_long_from_now(text: str, seconds: int) -> None:
    assert Span().convert(text, None, None) == pytest.approx(time.time() + seconds, abs=60)


def test_a_date_is_its_beginning_in_utc_and_nonsense_is_refused() -> None:
    assert Span().convert("2027-01-31", None, None) == 1_801_353_600
    for text in ("", "5", "d", "-1d", "1m", "2027-02-30", "31.1.2027", "999999d"):
        with pytest.raises(click.BadParameter):
            Span().convert(text, None, None)
