"""The process that reads: it gives text, and whatever it meets costs one file."""

import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from domov.documents.failures import Unreadable
from domov.documents.reading import Reader
from tests.documents import files


@pytest.fixture(scope="module")
async def reader() -> AsyncIterator[Reader]:
    reader = Reader()
    yield reader
    await reader.close()


async def test_every_kind_is_read_behind_the_walls(reader: Reader) -> None:
    for kind, content, words in (
        ("pdf", files.pdf("some words"), "some words"),
        ("xlsx", files.xlsx(S=[["a", "b"], [1, 2]]), "a | b\n1 | 2"),
        ("docx", files.docx(files.paragraph("slova")), "slova"),
        ("text", "čeština".encode("cp1250"), "čeština"),
    ):
        parsed = await reader.read(kind, content, f"file.{kind}")
        assert parsed.blocks[0].text == words


async def test_a_refusal_has_its_reason_and_the_next_file_is_read(reader: Reader) -> None:
    with pytest.raises(Unreadable, match="password"):
        await reader.read("pdf", files.pdf("x", password=True), "a.pdf")
    assert (await reader.read("text", b"x", "a.txt")).blocks


async def test_a_reader_that_takes_too_long_is_ended() -> None:
    slow = Reader(seconds=0.0)
    with pytest.raises(Unreadable, match="longer than"):
        await slow.read("text", b"x", "a.txt")
    slow.seconds = 30
    assert (await slow.read("text", b"x", "a.txt")).blocks
    await slow.close()


@pytest.mark.skipif(sys.platform == "win32", reason="not run: no limits of memory there")
async def test_a_crash_costs_one_file(reader: Reader) -> None:
    await reader.read("text", b"x", "a.txt")
    process = reader._process
    assert process
    with pytest.raises(Unreadable, match="could not go on"):
        await reader.read("no such kind", b"x", "a.txt")
    assert (await reader.read("text", b"x", "a.txt")).blocks
    assert reader._process is not process


TRIES = """
import socket, subprocess, sys
from domov.documents.reader import limit, wall
limit(); wall()
def tried(what):
    try:
        what()
    except (OSError, MemoryError) as error:
        return type(error).__name__
    return "done"
print(tried(lambda: open(sys.argv[1])), tried(lambda: open("/etc/passwd")), tried(lambda: open(sys.argv[1] + "x", "w")))
print(tried(socket.socket), tried(lambda: subprocess.run(["true"])), tried(lambda: bytearray(8 << 30)))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="not run: there are no walls there")
def test_a_reader_reaches_nothing(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    command = [sys.executable, "-c", TRIES, str(tmp_path / "secret.txt")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["PermissionError"] * 5 + ["MemoryError"]


async def test_halves_of_characters_do_not_stop_it(reader: Reader) -> None:
    parsed = await reader.read("json", b'{"a": "\\ud800x"}', "a.json")
    assert parsed.blocks[0].text == "a: ?x"
