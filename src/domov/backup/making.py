"""A backup: one ZIP file with all that can't be fetched again, while everything goes on.

In it are the folder's files as they lie, databases as SQLite's own online backup copies them, and `backup.json`, which
names each file with its length and SHA-256. Models' files are left out unless they are wanted: they can be pulled.
"""

import hashlib
import os
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import orjson

from domov.files import disk_errors

FORMAT = 1
MANIFEST = "backup.json"
DATABASE = "domov.db"
LOGS = ("audit.jsonl", "logins.jsonl", "outbound.jsonl")
BLOCK_BYTES = 1 << 20
# What is made anew by itself, belongs to a process that runs, or is a copy of something else.
LEFT_OUT = ("states", "restore-pending", "server.json", "machine.json", "lost+found")
LEFT_OUT_BEGINNINGS = (".", "before-restore-", f"{DATABASE}.before-")
LEFT_OUT_ENDINGS = (".lock", ".part", "-wal", "-shm", "-journal")
OnFile = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Made:
    path: Path
    files: int
    size_bytes: int  # of the backup itself


def wanted(name: str, *, with_models: bool = False) -> bool:
    """Whether a file, by its path in Domov's folder, is part of a backup."""
    parts = PurePosixPath(name).parts
    if any(part.startswith(LEFT_OUT_BEGINNINGS) or part.endswith(LEFT_OUT_ENDINGS) for part in parts):
        return False
    if parts[0] == "logs":
        return len(parts) == 2 and parts[1] in LOGS
    if parts[0] == "models":
        return len(parts) > 1 and (parts[1] == "manifests" or (with_models and parts[1] == "blobs"))
    return parts[0] not in LEFT_OUT


def make(
    home: Path, target: Path, *, version: str, with_models: bool = False, on_file: OnFile = lambda _: None
) -> Made:
    """Writes a backup of a folder, readable by its user alone; it is whole or not there.

    Raises DiskFull, HomeUnusable.
    """
    with disk_errors(target):
        handle, beside = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:40]}.")
        try:
            with os.fdopen(handle, "wb") as file, ZipFile(file, "w", ZIP_DEFLATED, compresslevel=3) as archive:
                table = _write_all(home, archive, with_models=with_models, on_file=on_file)
                told = {"format": FORMAT, "domov": version, "made_at": time.time(), "files": table}
                archive.writestr(_entry(MANIFEST), orjson.dumps(told))
            os.replace(beside, target)
        except BaseException:
            os.unlink(beside)
            raise
        return Made(target, len(table), target.stat().st_size)


def _write_all(home: Path, archive: ZipFile, *, with_models: bool, on_file: OnFile) -> dict[str, dict[str, object]]:
    """Databases first: their rows lead to files, which are there before their row is and go after it."""
    table: dict[str, dict[str, object]] = {}
    names = [name for name in _files(home) if wanted(name, with_models=with_models)]
    for name in sorted(names, key=lambda name: (name != DATABASE, not name.endswith(".db"), name)):
        on_file(name)
        try:
            table[name] = _write(home / name, archive, name)
        except FileNotFoundError:  # it went while the backup was being made
            continue
    return table


def _files(home: Path) -> Iterator[str]:
    """The files of a folder, by their paths in it; links are not followed."""
    for folder, folders, files in os.walk(home):
        place = Path(folder).relative_to(home)
        folders[:] = [name for name in folders if not (Path(folder) / name).is_symlink()]
        for name in files:
            path = Path(folder, name)
            if path.is_file() and not path.is_symlink():
                yield (place / name).as_posix()


def _write(path: Path, archive: ZipFile, name: str) -> dict[str, object]:
    if not _is_database(path):
        with path.open("rb") as source:
            return _copy(source, archive, name)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "copy.db")
        with (
            closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as old,
            closing(sqlite3.connect(copy)) as new,
        ):
            old.backup(new)
            new.execute("PRAGMA journal_mode = DELETE")  # one file, nothing beside it
        with copy.open("rb") as source:
            return _copy(source, archive, name)


def _is_database(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(16) == b"SQLite format 3\0"


def _copy(source: IO[bytes], archive: ZipFile, name: str) -> dict[str, object]:
    digest, size = hashlib.sha256(), 0
    with archive.open(_entry(name), "w", force_zip64=True) as entry:
        while block := source.read(BLOCK_BYTES):
            digest.update(block)
            size += len(block)
            entry.write(block)
    return {"sha256": digest.hexdigest(), "size_bytes": size}


def _entry(name: str) -> ZipInfo:
    entry = ZipInfo(name, time.localtime()[:6])
    entry.external_attr = 0o600 << 16
    entry.compress_type = ZIP_DEFLATED
    return entry
