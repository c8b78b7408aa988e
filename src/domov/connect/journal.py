"""Changing other tools' files, and taking it back to the byte.

    connect/<tool>/<n>.json     what one change did: of each file the digests before and after
    connect/<tool>/<n>-<i>.bak  the file as it was

Written before a file is touched, so that a kill at any moment leaves a way back. A file that has changed since is
not put back unasked: somebody's work is in it. Connecting again, with nothing changed in between, keeps the first copy.
"""

import difflib
import hashlib
import os
import stat
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson

from domov.connect.tool import Change
from domov.errors import Broken, Refused
from domov.files import disk_errors, write_atomically

BOM = b"\xef\xbb\xbf"
ABSENT = ""  # the digest of a file that is not there


@dataclass(frozen=True, slots=True)
class Edited:
    """A file as it is and as it would be. None: it is not there."""

    path: Path
    before: bytes | None
    after: bytes

    @property
    def changes(self) -> bool:
        return self.before != self.after

    def diff(self) -> str:
        """As `diff -u` has it."""
        old, new = (_shown(content).splitlines() for content in (self.before or b"", self.after))
        name = "/dev/null" if self.before is None else str(self.path)
        return "".join(f"{line}\n" for line in difflib.unified_diff(old, new, name, str(self.path), lineterm=""))


@dataclass(frozen=True, slots=True)
class Kept:
    """What one change did to one file."""

    path: str
    before: str  # digest
    after: str
    copy: str = ""  # the file's name in the journal's folder; empty: there was none
    made_folders: list[str] = field(default_factory=list)


def edited(change: Change) -> Edited:
    """What a change would do. Raises Broken, with the place, for a file that can't be read as what it should be."""
    before = _read(change.path)
    content = before or b""
    mark, content = (BOM, content[3:]) if content.startswith(BOM) else (b"", content)
    windows = b"\r\n" in content and content.count(b"\r\n") == content.count(b"\n")
    try:
        text = content.decode()
        after = change.edit(text.replace("\r\n", "\n") if windows else text)
    except ValueError as error:  # also a UnicodeDecodeError
        raise Broken(
            f"can't change {change.path}: {error}", hint="nothing was written; correct the file, or move it away"
        ) from error
    return Edited(change.path, before, mark + (after.replace("\n", "\r\n") if windows else after).encode())


class Journal:
    def __init__(self, home: Path, tool: str) -> None:
        self.folder = home / "connect" / tool

    def records(self) -> list[Path]:
        """What was done, the oldest first."""
        return sorted(self.folder.glob("*.json"), key=lambda path: int(path.stem) if path.stem.isdigit() else 0)

    def last(self) -> list[Kept]:
        """The files of the last change; none where nothing is to be taken back. Raises Broken for a damaged record."""
        found = self.records()
        return _kept(found[-1]) if found else []

    def write(self, files: Sequence[Edited]) -> None:
        """Makes the changes. Raises Refused for a file that has changed since it was read, and what disks raise."""
        files = [file for file in files if file.changes]
        for file in files:
            if _read(file.path) != file.before:
                raise Refused(f"{file.path} has just been changed by another program", hint="run the command again")
        older = {kept.path: kept for kept in self.last()}
        again = bool(older) and all(_unchanged(kept) for kept in older.values())
        record = self.records()[-1] if again else self.folder / f"{self._next()}.json"
        rows = {str(f.path): self._keep(record, i, f, older if again else {}) for i, f in enumerate(files)}
        table = [asdict(kept) for kept in {**(older if again else {}), **rows}.values()]
        write_atomically(record, orjson.dumps(table, option=orjson.OPT_INDENT_2))
        for file in files:
            _write(file.path, file.after)

    def _keep(self, record: Path, number: int, file: Edited, older: dict[str, Kept]) -> Kept:
        after = _digest(file.after)
        if (first := older.get(str(file.path))) is not None:
            return Kept(first.path, first.before, after, first.copy, first.made_folders)
        copy = ""
        if file.before is not None:
            copy = f"{record.stem}-{number + len(older)}.bak"
            write_atomically(self.folder / copy, file.before)
        missing = [str(parent) for parent in file.path.parents if not parent.exists()]
        return Kept(str(file.path), _digest(file.before), after, copy, missing)

    def undo(self, *, anyway: bool = False) -> list[Path]:
        """Puts back the files of the last change. Returns them.

        anyway: also those that have changed since; what they held is kept beside them. Raises Refused without it.
        """
        kept = self.last()
        changed = [k for k in kept if not _unchanged(k) and _digest(_read(Path(k.path))) != k.before]
        if changed and not anyway:
            copies = ", ".join(str(self.folder / k.copy) if k.copy else "there was no such file" for k in changed)
            raise Refused(
                f"changed since Domov wrote it: {', '.join(k.path for k in changed)}",
                hint=f"take Domov's entries out by hand, or run it again with --anyway; as it was before: {copies}",
            )
        before = [self._copy(k) for k in kept]
        for one, content in zip(kept, before, strict=True):
            path = Path(one.path)
            if one in changed and (present := _read(path)) is not None:
                write_atomically(path.with_name(f"{path.name}.before-undo"), present)
            _put_back(path, content, one.made_folders)
        with disk_errors(self.folder):
            for leftover in [*self.records()[-1:], *(self.folder / k.copy for k in kept if k.copy)]:
                leftover.unlink(missing_ok=True)
        return [Path(k.path) for k in kept]

    def _copy(self, kept: Kept) -> bytes | None:
        """The file as it was. Raises Broken where its copy is gone or damaged."""
        content = _read(self.folder / kept.copy) if kept.copy else None
        if _digest(content) != kept.before:
            raise Broken(f"the copy of {kept.path} is gone or damaged: {self.folder / kept.copy}")
        return content

    def _next(self) -> int:
        return 1 + max((int(p.stem) for p in self.records() if p.stem.isdigit()), default=0)


def state_of(journal: Journal) -> str:
    """`connected`, `changed since` for files that somebody has changed after Domov, or empty."""
    kept = journal.last()
    if not kept:
        return ""
    return "connected" if all(_unchanged(k) for k in kept) else "changed since"


def _unchanged(kept: Kept) -> bool:
    return _digest(_read(Path(kept.path))) == kept.after


def _kept(path: Path) -> list[Kept]:
    try:
        rows: list[Any] = orjson.loads(path.read_bytes())
        return [Kept(**row) for row in rows]
    except (OSError, orjson.JSONDecodeError, TypeError) as error:
        raise Broken(f"damaged record: {path}", hint="the copies beside it are the files as they were") from error


def _put_back(path: Path, content: bytes | None, made_folders: Sequence[str]) -> None:
    if content is not None:
        _write(path, content)
        return
    with disk_errors(path):
        path.resolve().unlink(missing_ok=True)  # a link that led nowhere before does so again
    for folder in made_folders:  # the deepest first
        try:
            os.rmdir(folder)
        except OSError:  # something else lies in it by now
            break


def _write(path: Path, content: bytes) -> None:
    """Through a link to the file it leads to, whose mode it keeps; a new one is the user's alone."""
    target = path.resolve()
    mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else 0o600
    write_atomically(target, content, mode=mode)


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Broken(f"can't read {path}: {error.strerror}") from error


def _digest(content: bytes | None) -> str:
    return ABSENT if content is None else hashlib.sha256(content).hexdigest()


def _shown(content: bytes) -> str:
    return content.removeprefix(BOM).decode(errors="replace")
