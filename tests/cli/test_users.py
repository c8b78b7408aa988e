"""`domov users`, as a person and as a script use it."""

import json
from pathlib import Path

from tests.conftest import domov

GOOD = "correct horse battery\n"


def test_the_first_administrator_then_a_group_and_an_invitation(tmp_path: Path) -> None:
    assert "no accounts" in domov(tmp_path, "users", "list").stderr
    made = domov(tmp_path, "users", "add", "Anna", "--admin", "--password-stdin", stdin=GOOD)
    assert made.returncode == 0 and "everybody logs in" in made.stderr, made.stderr
    assert domov(tmp_path, "users", "group", "research", "--models", "big:*", "--tokens-per-day", "100").returncode == 0
    added = domov(tmp_path, "users", "add", "boris", "--group", "research", "--password-stdin", stdin=GOOD)
    assert added.returncode == 0, added.stderr
    rows = {row["name"]: row for row in json.loads(domov(tmp_path, "users", "list", "--json").stdout)}
    assert rows["Anna"]["role"] == "admin" and len(rows["boris"]["groups"]) == 1
    assert "research" in domov(tmp_path, "users", "list").stdout
    invited = domov(tmp_path, "users", "invite", "--at", "https://ai.example.org/", "--group", "research")
    assert invited.stdout.startswith("https://ai.example.org/#invitation=invite-") and "once" in invited.stderr
    assert domov(tmp_path, "users", "disable", "BORIS").returncode == 0
    assert "disabled" in domov(tmp_path, "users", "list").stdout
    assert domov(tmp_path, "users", "delete", "boris", "--yes").returncode == 0
    actions = [json.loads(line)["action"] for line in (tmp_path / "logs" / "audit.jsonl").read_text().splitlines()]
    assert actions == [
        "domov users add",
        "domov users group",
        "domov users add",
        "domov users invite",
        "domov users disable",
        "domov users delete",
    ]


def test_what_can_t_be_done_is_one_sentence(tmp_path: Path) -> None:
    assert domov(tmp_path, "users", "add", "anna", "--admin", "--password-stdin", stdin=GOOD).returncode == 0
    for arguments, words in (
        (("add", "anna", "--password-stdin"), "there is an account called anna"),
        (("add", "x", "--group", "none", "--password-stdin"), "no such group: none"),
        (("disable", "anna"), "last administrator"),
        (("delete", "nobody", "--yes"), "no such user: nobody"),
        (("group", "x", "--scope", "models", "--models", "a"), "all models"),
    ):
        done = domov(tmp_path, "users", *arguments, stdin=GOOD)
        assert done.returncode in (1, 2) and words in done.stderr and "Traceback" not in done.stderr, arguments
    short = domov(tmp_path, "users", "add", "boris", "--password-stdin", stdin="short\n")
    assert short.returncode == 2 and "less than 10 characters" in short.stderr
