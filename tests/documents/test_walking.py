"""What of a folder is read, and that nothing leads out of it."""

import os
import sys
from pathlib import Path

import pytest

from domov.documents.failures import Unreadable
from domov.documents.ignoring import ignored, rules_of
from domov.documents.walking import NoEntry, Seen, read_bytes, walk


def names(root: Path) -> list[str]:
    return [os.path.relpath(entry.path, root) for entry in walk(root) if isinstance(entry, Seen)]


def make(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("text")


def test_hidden_ignored_and_unknown_files_are_left_out(tmp_path: Path) -> None:
    make(tmp_path, "a.md", ".b.md", ".git/c.md", "node_modules/d.md", "e.bin", "f/g.md", "f/h.md", "draft-1.md")
    (tmp_path / ".gitignore").write_text("draft-*\n# words\n")
    (tmp_path / "f" / ".domovignore").write_text("/h.md\n")
    assert names(tmp_path) == ["a.md", "f/g.md"]


def test_symbolic_links_lead_nowhere(tmp_path: Path) -> None:
    make(tmp_path, "in/a.md", "out/secret.md")
    (tmp_path / "in" / "root").symlink_to("/")
    (tmp_path / "in" / "up").symlink_to(tmp_path / "out")
    (tmp_path / "in" / "file.md").symlink_to(tmp_path / "out" / "secret.md")
    (tmp_path / "in" / "loop").symlink_to(tmp_path / "in")
    assert names(tmp_path / "in") == ["a.md"]
    with pytest.raises(Unreadable):
        read_bytes(str(tmp_path / "in" / "file.md"))


@pytest.mark.parametrize(
    "name", ["žluťoučký kůň.md", "日本語.md", "عربى.md", "עברית.md", "ไทย.md", "👩‍🚀.md", "a\nb.md", " .md x.md"]
)
def test_names_in_every_script(tmp_path: Path, name: str) -> None:
    make(tmp_path, name)
    assert names(tmp_path) == [name]


@pytest.mark.skipif(sys.platform != "linux", reason="not run: file names are text there")
def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    with open(os.path.join(os.fsencode(tmp_path), b"\xff\xfe.md"), "wb") as file:
        file.write(b"text")
    (name,) = names(tmp_path)
    assert os.fsencode(name) == b"\xff\xfe.md"


def test_pipes_devices_and_large_files_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.md")
    make(tmp_path, "large.md")
    assert names(tmp_path) == ["large.md"]
    for path, reason in ((tmp_path / "pipe.md", "regular"), (Path("/dev/zero"), "regular")):
        with pytest.raises(Unreadable, match=reason):
            read_bytes(str(path))
    with pytest.raises(Unreadable, match="up to"):
        read_bytes(str(tmp_path / "large.md"), most_bytes=3)


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    (entry,) = walk(tmp_path / "none")
    assert isinstance(entry, NoEntry) and "no such file" in entry.reason


@pytest.mark.parametrize(
    ("rules", "path", "folder", "expected"),
    [
        ("*.log", "a/b.log", False, True),
        ("/*.log", "a/b.log", False, None),
        ("build/", "build", True, True),
        ("build/", "build", False, None),
        ("a/**/z.md", "a/b/c/z.md", False, True),
        ("a/**/z.md", "a/z.md", False, True),
        ("**/x", "b/x", False, True),
        ("*.md\n!keep.md", "keep.md", False, False),
        ("[ab].md", "b.md", False, True),
        ("[!ab].md", "b.md", False, None),
        (r"\#x", "#x", False, True),
        ("doc?", "docs", False, True),
        ("", "x", False, None),
    ],
)
def test_gitignores_rules(rules: str, path: str, folder: bool, expected: bool | None) -> None:
    assert ignored(path, is_folder=folder, rules=rules_of(rules)) is expected
