"""Puts a backup in the place of what is there, after it was looked through; what was there is kept aside.

Nothing of the file is believed: names are paths below the folder and nothing else, no link, nothing twice, every file
as long as it is told and with its SHA-256, the database whole and not of a newer Domov. Only then is anything moved,
and where that fails half-way it is moved back.
"""

import hashlib
import os
import re
import shutil
import sqlite3
import stat
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from zipfile import BadZipFile, ZipFile, ZipInfo

import orjson

from domov import migrations
from domov.backup.making import BLOCK_BYTES, DATABASE, FORMAT, MANIFEST, wanted
from domov.errors import BadBackup, DiskFull
from domov.files import disk_errors, make_folder

PENDING = "restore-pending"  # what the next start of the server puts in place
MOST_FILES, MOST_MANIFEST_BYTES = 1_000_000, 256 << 20
_PART = re.compile(r"[^/\\\0\x01-\x1f:*?\"<>|]{1,255}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Restored:
    kept: Path  # where what was there before is
    files: int
    made_at: float


def restore(home: Path, file: Path) -> Restored:
    """Raises BadBackup, DiskFull, HomeUnusable; then everything is as it was."""
    folder = make_folder(home) / f".restore-{os.getpid()}-{time.time_ns()}"
    try:
        files, made_at = _unpack(home, file, folder)
        kept = _put_in_place(home, folder)
        shutil.rmtree(home / PENDING, ignore_errors=True)  # one that was laid ready before is not wanted any more
        return Restored(kept, files, made_at)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def stage(home: Path, file: Path) -> Restored:
    """Looks a backup through and lays it ready; `put_staged` puts it in place. Raises what `restore` raises."""
    folder = make_folder(home) / f".restore-{os.getpid()}-{time.time_ns()}"
    try:
        files, made_at = _unpack(home, file, folder)
        with disk_errors(home):
            shutil.rmtree(home / PENDING, ignore_errors=True)
            os.replace(folder, home / PENDING)
        return Restored(home / PENDING, files, made_at)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def put_staged(home: Path) -> Path | None:
    """Puts what was laid ready in place, before anything is opened. Gives where the old is kept; None: nothing was."""
    folder = home / PENDING
    if not folder.is_dir():
        return None
    kept = _put_in_place(home, folder)
    shutil.rmtree(folder, ignore_errors=True)
    return kept


def _unpack(home: Path, file: Path, folder: Path) -> tuple[int, float]:
    """Writes the files of a backup below a folder, each as it is told. Gives how many, and when it was made."""
    try:
        with disk_errors(file), ZipFile(file) as archive:
            told = _manifest(archive)
            entries = _checked(archive, told["files"])
            _check_room(home, sum(entry.file_size for entry in entries))
            make_folder(folder)
            for entry in entries:
                _extract(archive, entry, folder, told["files"][entry.filename])
            made_at = float(told["made_at"])
    except (BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError, TypeError, KeyError) as error:
        raise BadBackup(f"{file.name} is no backup of Domov, or a damaged one: {str(error)[:100]}") from error
    _check_database(folder / DATABASE)
    return len(entries), made_at


def _manifest(archive: ZipFile) -> Any:
    entry = archive.getinfo(MANIFEST) if MANIFEST in archive.namelist() else None
    if entry is None or entry.file_size > MOST_MANIFEST_BYTES:
        raise BadBackup("this is no backup of Domov: it has no backup.json", hint="`domov backup FILE` makes one")
    told = orjson.loads(archive.read(entry))
    if not isinstance(told, dict) or not isinstance(told.get("files"), dict) or type(told.get("format")) is not int:
        raise BadBackup("this is no backup of Domov: backup.json is something else")
    if told["format"] > FORMAT:
        made = ascii(str(told.get("domov"))[:20])[1:-1]
        raise BadBackup(f"this backup was made by a newer Domov ({made})", hint="update Domov, then restore it")
    return told


def _checked(archive: ZipFile, files: dict[str, Any]) -> list[ZipInfo]:
    """The entries, if they are the files that are told and nothing else."""
    entries = [entry for entry in archive.infolist() if entry.filename != MANIFEST]
    names = [entry.filename for entry in entries]
    if len(names) > MOST_FILES or len(set(names)) != len(names) or set(names) != set(files):
        raise BadBackup("the backup has other files than it tells")
    if len({name.casefold() for name in names}) != len(names):
        raise BadBackup("the backup has names that some systems can't tell apart")
    if DATABASE not in files:
        raise BadBackup("the backup has no database")
    for entry in entries:
        _check_entry(entry, files[entry.filename])
    return entries


def _check_entry(entry: ZipInfo, told: Any) -> None:
    name = entry.filename
    parts = name.split("/")
    safe = all(_PART.fullmatch(part) and part not in (".", "..") and not part.endswith((".", " ")) for part in parts)
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if not safe or PurePosixPath(name).is_absolute() or kind not in (0, stat.S_IFREG):
        raise BadBackup(f"the backup has a file that could land elsewhere: {ascii(name[:80])}", hint="don't trust it")
    if not wanted(name, with_models=True):
        raise BadBackup(f"the backup has a file that no backup has: {ascii(name[:80])}", hint="don't trust it")
    right = isinstance(told, dict) and _SHA256.fullmatch(str(told.get("sha256"))) is not None
    if not right or told.get("size_bytes") != entry.file_size:
        raise BadBackup(f"the backup is damaged: {ascii(name[:80])} has another length than it tells")


def _check_room(home: Path, size_bytes: int) -> None:
    if shutil.disk_usage(home).free < size_bytes + (64 << 20):
        raise DiskFull(f"the backup needs {size_bytes} bytes on the disk of {home}", hint="make room and try again")


def _extract(archive: ZipFile, entry: ZipInfo, folder: Path, told: dict[str, Any]) -> None:
    target, digest, size = folder / entry.filename, hashlib.sha256(), 0
    make_folder(target.parent)
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file, archive.open(entry) as source:
        while block := source.read(BLOCK_BYTES):
            size += len(block)
            if size > entry.file_size:  # a bomb: more comes out than it tells
                break
            digest.update(block)
            file.write(block)
    if size != entry.file_size or digest.hexdigest() != told["sha256"]:
        raise BadBackup(f"the backup is damaged: {ascii(entry.filename[:80])} is not what it was")


def _check_database(path: Path) -> None:
    """Raises BadBackup for one that is damaged, or of a newer Domov."""
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
            found = connection.execute("PRAGMA integrity_check(1)").fetchone()
            (revision,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except (sqlite3.DatabaseError, TypeError) as error:
        raise BadBackup(f"the database of the backup can't be read: {error}") from error
    if found != ("ok",):
        raise BadBackup(f"the database of the backup is damaged: {str(found[0])[:100]}")
    known = sorted(p.name[1:5] for p in Path(migrations.__path__[0], "versions").glob("v*.py"))
    if revision not in known:
        words = f"the backup's database is {ascii(str(revision)[:20])[1:-1]}, this Domov knows {known[-1]}"
        raise BadBackup(f"it was made by a newer Domov: {words}", hint="update Domov, then restore it")


def _put_in_place(home: Path, folder: Path) -> Path:
    """Moves what a backup would hold aside, and the staged files to where it was. Where that fails, all of it back."""
    kept = home / time.strftime("before-restore-%Y%m%d-%H%M%S", time.gmtime())
    while kept.exists():
        kept = kept.with_name(f"{kept.name}x")
    moved: list[tuple[Path, Path]] = []

    def move(source: Path, target: Path) -> None:
        make_folder(target.parent)
        os.replace(source, target)
        moved.append((source, target))

    try:
        with disk_errors(home):
            make_folder(kept)
            for place in list(_places(home)):
                move(home / place, kept / place)
            for place in list(_places(folder)):
                move(folder / place, home / place)
            _add_blobs(home, folder)
    except BaseException:
        for source, target in reversed(moved):
            with suppress(OSError):
                os.replace(target, source)
        raise
    return kept


def _places(home: Path) -> Iterator[str]:
    """What is moved as one: entries of the folder, and of `models` and `logs` those that a backup holds."""
    for path in sorted(home.iterdir()):
        if path.is_symlink():
            continue
        if path.name in ("models", "logs"):
            yield from (
                f"{path.name}/{p.name}"
                for p in sorted(path.iterdir())
                if wanted(f"{path.name}/{p.name}/x" if p.is_dir() else f"{path.name}/{p.name}")
            )
        elif wanted(path.name) or path.name in (f"{DATABASE}-wal", f"{DATABASE}-shm"):
            yield path.name


def _add_blobs(home: Path, folder: Path) -> None:
    """Models' files of a backup that has them, where they are not here: their names are their content."""
    for path in (folder / "models" / "blobs").glob("*"):
        target = make_folder(home / "models" / "blobs") / path.name
        if not target.exists():
            os.replace(path, target)
