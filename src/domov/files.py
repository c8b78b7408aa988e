"""Writing files so that they are whole or not there, and saying plainly when a disk won't."""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from domov.errors import DiskFull, DomovError, HomeUnusable

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Translates what the operating system says of a write to `path`."""
    try:
        yield
    except OSError as error:
        raise disk_error(error, path) from error


def disk_error(error: OSError, path: Path) -> DomovError:
    if error.errno in FULL:
        return DiskFull(
            f"no space left on the disk of {path}",
            hint="make room and run the same command again: what was fetched is kept; or set DOMOV_HOME elsewhere",
        )
    where = error.filename or path
    return HomeUnusable(
        f"can't write {where}: {error.strerror or error}",
        hint="make it writable, or set DOMOV_HOME to a folder that is",
    )


def make_folder(path: Path) -> Path:
    with disk_errors(path):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def write_atomically(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Replaces `path` by `content`: after a crash at any moment it holds the old or the new, whole."""
    with disk_errors(path):
        make_folder(path.parent)
        handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}.")
        try:
            with os.fdopen(handle, "wb") as file:
                os.chmod(beside, mode)
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, path)
        except BaseException:
            os.unlink(beside)
            raise
