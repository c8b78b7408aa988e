"""The files of a folder that can be read: no hidden ones, none that are ignored, and nothing through a symbolic link.

So a link to / leads nowhere, and no file is met twice. A folder that can't be listed is named with the reason.
"""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from domov.documents.failures import Unreadable
from domov.documents.ignoring import FILES, MOST_BYTES, NEVER, Rule, ignored, rules_of
from domov.documents.kinds import kind_of

MOST_FILE_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class Seen:
    """A file as its folder shows it. Two looks that are equal saw the same content."""

    path: str
    size_bytes: int
    modified_ns: int
    inode: int


@dataclass(frozen=True, slots=True)
class NoEntry:
    """A folder whose files can't be seen now; what is known of them stays."""

    path: str
    reason: str


def walk(root: Path) -> Iterator[Seen | NoEntry]:
    """Every file below the folder that a reader knows, or the file itself."""
    try:
        found = root.stat()
    except OSError as error:
        yield NoEntry(str(root), _words(error))
        return
    if stat.S_ISREG(found.st_mode):
        yield _seen(str(root), found)
    else:
        yield from _folder(str(root), "", [])


def _folder(root: str, below: str, rules: list[tuple[str, list[Rule]]]) -> Iterator[Seen | NoEntry]:
    folder = os.path.join(root, below) if below else root
    try:
        with os.scandir(folder) as scan:
            entries = sorted(scan, key=lambda entry: entry.name)
    except OSError as error:
        yield NoEntry(folder, _words(error))
        return
    own = [rule for name in FILES for rule in _rules(folder, name, {e.name for e in entries})]
    rules = [*rules, (below, own)] if own else rules
    for entry in entries:
        path = f"{below}/{entry.name}" if below else entry.name
        is_folder = entry.is_dir(follow_symlinks=False)
        if entry.name.startswith(".") or entry.is_symlink() or _left_out(path, is_folder, rules):
            continue
        if is_folder:
            if entry.name not in NEVER:
                yield from _folder(root, path, rules)
        elif entry.is_file(follow_symlinks=False) and kind_of(entry.name):
            try:
                yield _seen(os.path.join(folder, entry.name), entry.stat(follow_symlinks=False))
            except OSError:  # gone meanwhile
                continue


def _left_out(path: str, is_folder: bool, rules: list[tuple[str, list[Rule]]]) -> bool:
    """What the innermost folder says that says anything."""
    for folder, own in reversed(rules):
        below = path[len(folder) + 1 :] if folder else path
        answer = ignored(below, is_folder=is_folder, rules=own)
        if answer is not None:
            return answer
    return False


def _rules(folder: str, name: str, names: set[str]) -> list[Rule]:
    if name not in names:
        return []
    try:
        return rules_of(read_bytes(os.path.join(folder, name), most_bytes=MOST_BYTES).decode("utf-8", "replace"))
    except Unreadable:
        return []


def read_bytes(path: str, *, most_bytes: int = MOST_FILE_BYTES) -> bytes:
    """The content of a regular file, read in one go. Raises Unreadable, also where it changed under the reading."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        handle = os.open(path, flags)
    except OSError as error:
        raise Unreadable(_words(error)) from error
    with os.fdopen(handle, "rb") as file:
        before = os.fstat(handle)
        if not stat.S_ISREG(before.st_mode):
            raise Unreadable("it is no regular file")
        if before.st_size > most_bytes:
            raise Unreadable(f"it has {before.st_size / 1e6:.0f} MB, up to {most_bytes / 1e6:.0f} are read")
        try:
            content = file.read(most_bytes + 1)
        except OSError as error:
            raise Unreadable(_words(error)) from error
        after = os.fstat(handle)
    if len(content) != after.st_size or after.st_mtime_ns != before.st_mtime_ns:
        raise Unreadable("it changed while it was read: it is read again when it is at rest")
    return content


def _seen(path: str, found: os.stat_result) -> Seen:
    return Seen(path, found.st_size, found.st_mtime_ns, found.st_ino)


def _words(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
