"""Backups of a real folder, and hostile files that pretend to be one."""

import hashlib
import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from typing import Any
from zipfile import ZipFile, ZipInfo

import orjson
import pytest

from domov.access.people import People
from domov.backup.making import make, wanted
from domov.backup.restoring import PENDING, put_staged, restore, stage
from domov.database import open_database
from domov.errors import BadBackup
from tests.conftest import domov


def filled(home: Path, name: str) -> Path:
    """A home with an account of that name, and a file of each kind."""
    database = open_database(home / "domov.db")
    People(database).add(name, "admin")
    files = {
        "config.toml": "offline = true\n",
        "files/file-1": "sent",
        "stories/user_1/0.json": "{}",
        "models/manifests/pypi/smol.json": "{}",
        "models/blobs/sha256-1": "huge",
        "models/partial/x.part": "half",
        "states/a/b.bin": "cache",
        "logs/audit.jsonl": "{}\n",
        "logs/worker-1.log": "noise",
        "server.json": "{}",
        "documents/files/1/a.txt": "text",
        "batches.lock": "",
    }
    for path, text in files.items():
        (home / path).parent.mkdir(parents=True, exist_ok=True)
        (home / path).write_text(f"{text} of {name}" if path.startswith("files") else text)
    with closing(sqlite3.connect(home / "documents" / "index.db")) as index, index:
        index.execute("PRAGMA journal_mode = WAL")
        index.execute("CREATE TABLE passages (text)")
        index.execute("INSERT INTO passages VALUES (?)", (name,))
    database.close()
    return home


def names_in(home: Path) -> list[str]:
    database = open_database(home / "domov.db")
    names = [user.name for user in People(database).all()]
    database.close()
    return names


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return filled(tmp_path / "home", "anna")


@pytest.fixture
def backup(home: Path, tmp_path: Path) -> Path:
    return make(home, tmp_path / "b.zip", version="0.1.0").path


def test_what_can_be_fetched_again_is_left_out(home: Path, backup: Path, tmp_path: Path) -> None:
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    kept = [
        "config.toml",
        "documents/files/1/a.txt",
        "documents/index.db",
        "domov.db",
        "files/file-1",
        "logs/audit.jsonl",
    ]
    kept += ["models/manifests/pypi/smol.json", "stories/user_1/0.json"]
    with ZipFile(backup) as archive:
        assert sorted(archive.namelist()) == ["backup.json", *kept]
    more = make(home, tmp_path / "more.zip", version="0.1.0", with_models=True)
    with ZipFile(more.path) as archive:
        assert "models/blobs/sha256-1" in archive.namelist()


def test_a_backup_is_taken_while_somebody_writes(home: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(home / "domov.db", isolation_level=None)) as writing:
        writing.execute("BEGIN IMMEDIATE")
        writing.execute("UPDATE users SET name = 'half'")
        made = make(home, tmp_path / "c.zip", version="0.1.0")
        writing.execute("ROLLBACK")
    restore(tmp_path / "new", made.path)
    assert names_in(tmp_path / "new") == ["anna"]


def test_it_comes_back_whole_and_what_was_there_is_kept_aside(home: Path, backup: Path, tmp_path: Path) -> None:
    other = filled(tmp_path / "other", "boris")
    (other / "files" / "file-2").write_text("later")
    done = restore(other, backup)
    assert names_in(other) == ["anna"] and names_in(done.kept) == ["boris"]
    assert (other / "files" / "file-1").read_text() == "sent of anna"
    assert not (other / "files" / "file-2").exists() and (done.kept / "files" / "file-2").read_text() == "later"
    assert (other / "models" / "blobs" / "sha256-1").exists() and (other / "states" / "a" / "b.bin").exists()
    with closing(sqlite3.connect(other / "documents" / "index.db")) as index:
        assert index.execute("SELECT text FROM passages").fetchone() == ("anna",)
    assert list(other.glob(".restore-*")) == []
    assert make(other, tmp_path / "again.zip", version="0.1.0").files == done.files


def test_one_that_was_laid_ready_is_put_in_place_at_the_next_start(backup: Path, tmp_path: Path) -> None:
    other = filled(tmp_path / "other", "boris")
    stage(other, backup)
    assert names_in(other) == ["boris"] and (other / PENDING).is_dir()
    kept = put_staged(other)
    assert kept and names_in(other) == ["anna"] and names_in(kept) == ["boris"]
    assert put_staged(other) is None


def test_what_is_restored_by_hand_is_not_undone_by_one_that_was_laid_ready(backup: Path, tmp_path: Path) -> None:
    other = filled(tmp_path / "other", "boris")
    make(other, tmp_path / "boris.zip", version="0.1.0")
    stage(other, backup)
    restore(other, tmp_path / "boris.zip")
    assert put_staged(other) is None and names_in(other) == ["boris"]


def written(path: Path, files: dict[str, bytes], *, link: str = "", **told: Any) -> Path:
    """A ZIP file as whoever wants to do harm would write it."""
    table = {n: {"sha256": hashlib.sha256(c).hexdigest(), "size_bytes": len(c)} for n, c in files.items()}
    with ZipFile(path, "w") as archive:
        for name, content in files.items():
            entry = ZipInfo(name)
            entry.external_attr = (stat.S_IFLNK | 0o777 if name == link else 0o600) << 16
            archive.writestr(entry, content)
        table = told.pop("files_told", table)
        manifest = {"format": 1, "domov": "9.9", "made_at": 1.0, "files": table, **told}
        archive.writestr("backup.json", orjson.dumps(manifest))
    return path


class TestHostile:
    @pytest.fixture
    def database(self, home: Path, tmp_path: Path) -> bytes:
        made = make(home, tmp_path / "d.zip", version="0.1.0")
        with ZipFile(made.path) as archive:
            return archive.read("domov.db")

    @pytest.mark.parametrize(
        "name",
        ["../evil", "/etc/evil", "files/../../evil", "C:/evil", "files\\evil", "files//x", "./x", "files/x.", "CON:"]
        + ["states/x", "server.json", "models/partial/x", "logs/worker.log", ".hidden", "files/a\x01b", "FILES/F"],
    )
    def test_a_file_that_has_no_place_here_is_refused(
        self, home: Path, database: bytes, tmp_path: Path, name: str
    ) -> None:
        files = {"domov.db": database, "files/f": b"x", name: b"x"}
        before = sorted(p.relative_to(tmp_path) for p in tmp_path.rglob("*"))
        hostile = written(tmp_path / "e.zip", files)
        with pytest.raises(BadBackup):
            restore(home, hostile)
        hostile.unlink()
        assert sorted(p.relative_to(tmp_path) for p in tmp_path.rglob("*")) == before

    def test_a_link_is_refused(self, home: Path, database: bytes, tmp_path: Path) -> None:
        with pytest.raises(BadBackup, match="elsewhere"):
            restore(home, written(tmp_path / "e.zip", {"domov.db": database, "files/l": b"/etc"}, link="files/l"))

    def test_other_bytes_or_files_than_are_told_are_refused(self, home: Path, database: bytes, tmp_path: Path) -> None:
        right = {"sha256": hashlib.sha256(database).hexdigest(), "size_bytes": len(database)}
        for told in ({}, {"domov.db": {**right, "sha256": "0" * 64}}, {"domov.db": {**right, "size_bytes": 1}}):
            with pytest.raises(BadBackup):
                restore(home, written(tmp_path / "e.zip", {"domov.db": database}, files_told=told))
        assert names_in(home) == ["anna"]

    def test_one_of_a_newer_domov_is_refused_with_a_sentence(self, home: Path, database: bytes, tmp_path: Path) -> None:
        with pytest.raises(BadBackup, match="newer Domov"):
            restore(home, written(tmp_path / "e.zip", {"domov.db": database}, format=2))
        path = tmp_path / "newer.db"
        path.write_bytes(database)
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("UPDATE alembic_version SET version_num = '9999'")
        with pytest.raises(BadBackup, match="newer Domov.*9999"):
            restore(home, written(tmp_path / "e.zip", {"domov.db": path.read_bytes()}))

    @pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04" + b"x" * 100])
    def test_what_is_no_zip_is_told(self, home: Path, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "e.zip").write_bytes(content)
        with pytest.raises(BadBackup, match="no backup"):
            restore(home, tmp_path / "e.zip")

    def test_a_damaged_database_is_refused(self, home: Path, database: bytes, tmp_path: Path) -> None:
        broken = database[:4096] + b"\xff" * (len(database) - 4096)
        with pytest.raises(BadBackup, match="database"):
            restore(home, written(tmp_path / "e.zip", {"domov.db": broken}))
        assert names_in(home) == ["anna"]

    def test_a_file_that_was_cut_is_refused(self, home: Path, backup: Path, tmp_path: Path) -> None:
        cut = tmp_path / "cut.zip"
        cut.write_bytes(backup.read_bytes()[:-40])
        with pytest.raises(BadBackup):
            restore(home, cut)


def test_the_rule_of_what_is_wanted() -> None:
    for name in ("domov.db", "attachments/a/b.png", "keys/cloud.json", "logs/outbound.jsonl", "calibration/x.json"):
        assert wanted(name), name
    for name in (
        "domov.db-wal",
        "domov.db.before-0006",
        "before-restore-2026/domov.db",
        "a/.x",
        "logs/x/y",
        "models/x",
    ):
        assert not wanted(name), name


def test_by_command(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "mine.zip"
    made = domov(home, "backup", str(file))
    assert made.returncode == 0 and "files" in made.stderr, made.stderr
    again = domov(home, "backup", str(file))
    assert again.returncode == 2 and "there already" in again.stderr
    back = domov(tmp_path / "new", "restore", str(file))
    assert back.returncode == 0 and "kept" not in back.stdout and names_in(tmp_path / "new") == ["anna"]
    wrong = domov(tmp_path / "new", "restore", str(home / "config.toml"))
    assert wrong.returncode == 2 and "no backup" in wrong.stderr and "Traceback" not in wrong.stderr
