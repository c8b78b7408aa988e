"""What folders do to those who read them: names in every script, files that move under one's hands, walls and wires."""

import errno
import os
import sys
from pathlib import Path

import orjson
import pytest

from domov.documents.failures import Unreadable
from domov.documents.index import Index
from domov.documents.indexing import look_at
from domov.documents.library import Documents, file_row, reference, state
from domov.documents.walking import read_bytes
from domov.errors import DiskFull

NAMES = (
    "smlouva čtvrtá.txt",
    "契約書.txt",
    "عقد.txt",
    "договор.txt",
    "σύμβαση.txt",
    "अनुबंध.txt",
    "계약 📄.txt",
    "a\nb.txt",
)


async def test_names_in_every_script_are_read_found_and_told(documents: Documents, tmp_path: Path) -> None:
    folder = tmp_path / "všechna písma"
    folder.mkdir()
    names = [os.fsencode(name) for name in NAMES] + ([b"\xff\xfe.txt"] if sys.platform == "linux" else [])
    for number, name in enumerate(names):
        Path(os.fsdecode(os.path.join(os.fsencode(folder), name))).write_text(f"paper{number} says something\n")
    documents.add([str(folder)], "písma")
    await documents.refresh()
    (status,) = documents.status()
    assert status.counts.read == len(names) and status.failures == ()
    for number in range(len(names)):
        (best, *_) = await documents.search(f"paper{number}")
        assert os.fsencode(best.path).endswith(names[number])
        orjson.dumps([reference(best), state(status)])
    orjson.dumps([file_row(file) for file in documents.files("písma")])
    assert [h.text for h in await documents.search("契約書") if "names" in h.ranks] == ["paper1 says something"]


@pytest.mark.skipif(sys.platform != "linux", reason="not run: /proc is Linux's")
def test_a_file_with_other_bytes_than_it_said_is_not_taken_for_whole() -> None:
    with pytest.raises(Unreadable, match="changed while it was read"):
        read_bytes("/proc/self/status")  # says that it has none


async def test_a_file_that_changes_between_the_look_and_the_reading_is_known_as_it_was_read(
    documents: Documents, folder: Path
) -> None:
    collection = documents.add([str(folder)], "home")
    look_at(documents.index, collection)
    (folder / "water.txt").write_text("The valve is in the attic now.\n")
    os.utime(folder / "water.txt", (1, 1))
    for _ in range(2):
        await documents.refresh()
        texts = [hit.text for hit in await documents.search("valve") if "words" in hit.ranks]
        assert texts == ["The valve is in the attic now."]
    assert documents.status()[0].counts.waiting == 0


async def test_a_file_that_is_gone_between_the_look_and_the_reading_costs_only_itself(
    documents: Documents, folder: Path
) -> None:
    collection = documents.add([str(folder)], "home")
    look_at(documents.index, collection)
    (folder / "water.txt").unlink()
    await documents.indexer._read(lambda stage: None)
    ((path, reason),) = documents.index.failures(collection)
    assert path.endswith("water.txt") and reason == "no such file or directory"
    await documents.refresh()
    assert documents.status()[0].counts.failed == 0


@pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="not run: a small disk of one's own needs root"
)
async def test_a_disk_that_is_really_full_is_told_and_gone_on_with_when_there_is_room(
    documents: Documents, tmp_path: Path
) -> None:
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    disk, folder = tmp_path / "disk", tmp_path / "papers"
    disk.mkdir()
    folder.mkdir()
    if libc.mount(b"tmpfs", os.fsencode(disk), b"tmpfs", 0, b"size=1m") != 0:
        assert ctypes.get_errno() in (errno.EPERM, errno.EACCES)
        pytest.skip("not run: no disk can be mounted here")
    small = Documents(disk / "documents", embedder=lambda name: None, now=lambda: "")
    try:
        for number in range(40):
            (folder / f"{number}.txt").write_text("".join(f"word{number}x{n} " for n in range(6000)))
        small.add([str(folder)], "home")
        with pytest.raises(DiskFull, match="no space left"):
            await small.refresh()
        assert small.index.database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert libc.mount(b"tmpfs", os.fsencode(disk), b"tmpfs", 32, b"size=64m") == 0  # MS_REMOUNT
        await small.refresh()
        assert small.status()[0].counts.read == 40
        assert await small.search("word39x5999")
    finally:
        small.close()
        libc.umount2(os.fsencode(disk), 2)


async def test_a_deleted_collection_is_in_none_of_the_files_that_are_kept(documents: Documents, folder: Path) -> None:
    documents.add([str(folder)], "home")
    sent = documents.keep("home", "secret.txt", b"the password is rhubarb\n")
    await documents.refresh()
    assert await documents.search("rhubarb") and sent.exists()
    documents.remove("home")
    secrets = (b"rhubarb", b"Novak", "Novák".encode(), b"cellar", os.fsencode(folder), b"secret")
    kept = [path for path in documents.folder.rglob("*") if path.is_file()]
    assert kept and [(p.name, word) for p in kept for word in secrets if word in p.read_bytes()] == []


def test_a_file_that_is_open_elsewhere_waits_its_turn(tmp_path: Path) -> None:
    first, second = Index(tmp_path / "index.db"), Index(tmp_path / "index.db")
    with first.change():
        assert second.collections() == []
    second.add("home", [], now="")
    assert [c.name for c in first.collections()] == ["home"]
    first.close()
    second.close()
