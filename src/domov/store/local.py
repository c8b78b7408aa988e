"""Models from files on this machine: used where they lie, or copied if that is asked for."""

import asyncio
import hashlib
import os
from pathlib import Path

from domov.errors import BadModelFile, NotFound
from domov.files import disk_errors, make_folder
from domov.store.download import CHUNK_BYTES, OnProgress, Progress, check_room


async def digest_of(path: Path, on_progress: OnProgress) -> str:
    """The sha256 of a file, in hex, read in a thread so that it can be interrupted."""
    return await _read(path, None, on_progress)


async def copy_into(path: Path, part: Path, on_progress: OnProgress) -> str:
    """Copies a file to `part` and returns its sha256, in hex."""
    make_folder(part.parent)
    check_room(part.parent, path.stat().st_size)
    return await _read(path, part, on_progress)


async def _read(path: Path, part: Path | None, on_progress: OnProgress) -> str:
    if not path.exists():
        raise NotFound(f"no such file: {path}")
    hasher, done, before = hashlib.sha256(), 0, path.stat()
    with (
        disk_errors(part or path),
        path.open("rb") as source,
        (part or Path(os.devnull)).open("wb") as target,
    ):
        while chunk := await asyncio.to_thread(source.read, CHUNK_BYTES):
            hasher.update(chunk)
            target.write(chunk)
            done += len(chunk)
            on_progress(Progress("copying" if part else "reading", done, before.st_size))
    after = path.stat()
    if (done, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
        raise BadModelFile(f"{path} changed while it was read")
    return hasher.hexdigest()
