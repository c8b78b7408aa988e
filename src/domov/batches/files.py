"""Files that callers have sent, and those that batches have written.

    files/<id>    the bytes, readable by nobody else
    files/*.part  one that is being sent or written

A row comes after its file is whole and goes before it, so that a row always leads to a file; files without one are
removed at the start.
"""

import contextlib
import os
import re
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, Float, RowMapping, Table, Text, delete, insert, select
from sqlalchemy.sql import Select

from domov.database import METADATA, Database
from domov.errors import NoSuchFile
from domov.files import disk_errors, make_folder

WRITING_SECONDS = 3600  # a file without a row that is older is not being written any more
NOBODY = ""  # the owner where no keys are used
_ID = re.compile(r"file-[0-9a-f]{32}")

FILES = Table(
    "files",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("owner", Text, nullable=False, index=True),
    Column("created_at", Float, nullable=False),
    Column("name", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("expires_at", Float, index=True),
)


@dataclass(frozen=True, slots=True)
class KeptFile:
    id: str
    created_at: float  # seconds since 1970
    name: str  # as its sender calls it: never a path
    purpose: str
    size_bytes: int
    expires_at: float | None = None
    owner: str = NOBODY


def new_id() -> str:
    return f"file-{uuid.uuid4().hex}"


@dataclass(frozen=True)
class Files:
    database: Database
    folder: Path

    def new_part(self) -> Path:
        """Where the bytes of a file may be written before it is one."""
        return make_folder(self.folder) / f"{uuid.uuid4().hex}.part"

    def path(self, id: str) -> Path:
        """Where the bytes of a file lie. Raises NoSuchFile for what is no id."""
        if not _ID.fullmatch(id):
            raise _unknown(id)
        return self.folder / id

    def add(self, part: Path, file: KeptFile) -> KeptFile:
        """Takes in what was written to a part."""
        self.place(part, file.id)
        with self.database.transaction() as connection:
            put(connection, file)
        return file

    def place(self, part: Path, id: str) -> None:
        """Gives the bytes their place; the row is the caller's."""
        with disk_errors(part):
            os.chmod(part, 0o600)
            os.replace(part, self.path(id))

    def get(self, id: str, *, owner: str) -> KeptFile:
        """Raises NoSuchFile."""
        with self.database.transaction() as connection:
            row = connection.execute(_own(owner).where(FILES.c.id == id)).mappings().one_or_none()
        if row is None:
            raise _unknown(id)
        return _file(row)

    def all(self, *, owner: str) -> list[KeptFile]:
        """The oldest first."""
        query = _own(owner).order_by(FILES.c.created_at, FILES.c.id)
        with self.database.transaction() as connection:
            return [_file(row) for row in connection.execute(query).mappings()]

    def delete(self, id: str, *, owner: str) -> None:
        """Raises NoSuchFile."""
        with self.database.transaction() as connection:
            gone = delete(FILES).where(FILES.c.id == id, FILES.c.owner == owner)
            if not connection.execute(gone).rowcount:
                raise _unknown(id)
        self._unlink(id)

    def expire(self, now: float) -> None:
        """Deletes the files whose time is over."""
        gone = delete(FILES).where(FILES.c.expires_at <= now).returning(FILES.c.id)
        with self.database.transaction() as connection:
            ids = list(connection.execute(gone).scalars())
        for id in ids:
            self._unlink(id)

    def tidy(self, now: float) -> None:
        """Removes what a kill has left: files without a row that nobody writes any more."""
        with self.database.transaction() as connection:
            known = set(connection.execute(select(FILES.c.id)).scalars())
        for path in self.folder.glob("*"):
            if path.name not in known and (path.suffix == ".part" or _ID.fullmatch(path.name)):
                with contextlib.suppress(OSError):
                    if path.stat().st_mtime < now - WRITING_SECONDS:
                        path.unlink()

    def _unlink(self, id: str) -> None:
        with contextlib.suppress(OSError):  # its row is gone: what is left is removed at the next start
            self.path(id).unlink()


def put(connection: Connection, file: KeptFile) -> None:
    """The row of a file that is in its place."""
    names = [column.name for column in FILES.columns]
    connection.execute(insert(FILES).values({name: getattr(file, name) for name in names}))


def _own(owner: str) -> "Select[Any]":
    return select(FILES).where(FILES.c.owner == owner)


def _file(row: RowMapping) -> KeptFile:
    return KeptFile(**row)


def _unknown(id: str) -> NoSuchFile:
    return NoSuchFile(f"no such file: {id[:100]}", hint="it was not sent, or has been deleted or expired")
