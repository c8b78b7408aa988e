"""Kept files: a row leads to a file, an owner to their own, a time to the end."""

import stat
import time
from pathlib import Path

import pytest

from domov.batches.files import WRITING_SECONDS, Files, KeptFile, new_id
from domov.database import Database
from domov.errors import NoSuchFile


@pytest.fixture
def files(database: Database, tmp_path: Path) -> Files:
    return Files(database, tmp_path / "files")


def add(files: Files, content: bytes = b"x", *, expires_at: float | None = None, owner: str = "") -> KeptFile:
    part = files.new_part()
    part.write_bytes(content)
    return files.add(part, KeptFile(new_id(), 1.5, "a.jsonl", "batch", len(content), expires_at, owner))


def test_a_file_is_there_until_it_is_deleted(files: Files) -> None:
    file = add(files, b"content")
    assert files.get(file.id, owner="") == file and files.path(file.id).read_bytes() == b"content"
    assert stat.S_IMODE(files.path(file.id).stat().st_mode) == 0o600
    files.delete(file.id, owner="")
    assert not files.path(file.id).exists() and files.all(owner="") == []
    for act in (files.get, files.delete):
        with pytest.raises(NoSuchFile):
            act(file.id, owner="")


def test_another_owners_file_is_not_found(files: Files) -> None:
    file = add(files, owner="anna")
    assert files.all(owner="anna") == [file] and files.all(owner="boris") == []
    for act in (files.get, files.delete):
        with pytest.raises(NoSuchFile):
            act(file.id, owner="boris")


def test_a_file_goes_when_its_time_is_over(files: Files) -> None:
    short, long = add(files, expires_at=10), add(files)
    files.expire(9.9)
    assert len(files.all(owner="")) == 2
    files.expire(10)
    assert files.all(owner="") == [long] and not files.path(short.id).exists()


def test_what_a_kill_has_left_is_removed_and_nothing_else(files: Files) -> None:
    kept = add(files)
    files.new_part().write_bytes(b"half")
    files.path(new_id()).write_bytes(b"without a row")
    (files.folder / "a person's notes").write_bytes(b"not ours")
    files.tidy(time.time())
    assert len(list(files.folder.iterdir())) == 4  # they may still be being written
    files.tidy(time.time() + 2 * WRITING_SECONDS)
    assert {path.name for path in files.folder.iterdir()} == {kept.id, "a person's notes"}


@pytest.mark.parametrize("id", ["../x", "file-", "file-" + "0" * 33, "file-" + "G" * 32, "", "/etc/passwd"])
def test_an_id_is_no_path(files: Files, id: str) -> None:
    with pytest.raises(NoSuchFile):
        files.path(id)
