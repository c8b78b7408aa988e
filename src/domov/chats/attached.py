"""Files that were sent with questions: a row each, and the bytes in a folder that nobody else can read, or in memory.

A row comes after its bytes and goes before them; bytes without a row are removed when the server starts.
"""

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from sqlalchemy import Delete, RowMapping, delete, insert, select

from domov.chats.records import Attachment
from domov.chats.schema import ATTACHED, ATTACHMENTS
from domov.database import Database
from domov.errors import Busy, NoSuchFile
from domov.files import disk_error, write_atomically

UNUSED_SECONDS = 86_400  # that an upload may wait for its message
SENDING_SECONDS = 3600  # a part of a form that is older is not being sent any more
MOST_MEMORY_BYTES = 500_000_000  # of what is attached to temporary chats, all together


class Bytes(Protocol):
    def put(self, id: str, content: bytes) -> None: ...

    def get(self, id: str) -> bytes:
        """Raises NoSuchFile."""
        ...

    def remove(self, id: str) -> None: ...

    def ids(self) -> list[str]: ...


@dataclass(frozen=True)
class Folder:
    path: Path

    def put(self, id: str, content: bytes) -> None:
        write_atomically(self.path / id, content)

    def get(self, id: str) -> bytes:
        try:
            return (self.path / id).read_bytes()
        except FileNotFoundError as error:
            raise _unknown(id) from error
        except OSError as error:
            raise disk_error(error, self.path / id) from error

    def remove(self, id: str) -> None:
        with contextlib.suppress(OSError):  # its row is gone: what is left is removed at the next start
            (self.path / id).unlink()

    def ids(self) -> list[str]:
        """Of files, and the names of what a kill has left while it was sent."""
        parts = [path for path in self.path.glob("*.part") if _age_seconds(path) > SENDING_SECONDS]
        return [path.name for path in (*self.path.glob("att_*"), *self.path.glob(".att_*"), *parts)]


def _age_seconds(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except OSError:  # it has just gone
        return 0.0


@dataclass(frozen=True)
class Memory:
    kept: dict[str, bytes] = field(default_factory=dict)

    def put(self, id: str, content: bytes) -> None:
        """Raises Busy where there is no room."""
        if sum(map(len, self.kept.values())) + len(content) > MOST_MEMORY_BYTES:
            raise Busy("too much is attached to temporary chats", retry_seconds=600)
        self.kept[id] = content

    def get(self, id: str) -> bytes:
        if id not in self.kept:
            raise _unknown(id)
        return self.kept[id]

    def remove(self, id: str) -> None:
        self.kept.pop(id, None)

    def ids(self) -> list[str]:
        return list(self.kept)


@dataclass(frozen=True)
class Attachments:
    database: Database
    contents: Bytes
    clock: Callable[[], float] = time.time

    def add(self, attachment: Attachment, content: bytes) -> Attachment:
        self.contents.put(attachment.id, content)
        with self.database.transaction() as connection:
            connection.execute(insert(ATTACHMENTS).values(attachment.row()))
        return attachment

    def get(self, id: str, *, owner: str) -> Attachment:
        """Raises NoSuchFile."""
        query = select(ATTACHMENTS).where(ATTACHMENTS.c.id == id, ATTACHMENTS.c.owner == owner)
        with self.database.reading() as connection:
            row = connection.execute(query).mappings().one_or_none()
        if row is None:
            raise _unknown(id)
        return attachment_of(row)

    def every(self, ids: Sequence[str], *, owner: str) -> tuple[Attachment, ...]:
        """Raises NoSuchFile."""
        return tuple(self.get(id, owner=owner) for id in dict.fromkeys(ids))

    def expire(self) -> None:
        """Removes what was sent more than a day ago and is in no message."""
        used = select(ATTACHED.c.attachment)
        old = ATTACHMENTS.c.created_at < self.clock() - UNUSED_SECONDS
        self._remove(delete(ATTACHMENTS).where(old, ATTACHMENTS.c.id.not_in(used)))

    def release(self, ids: Sequence[str]) -> None:
        """Removes those of the attachments that no message has any more."""
        used = select(ATTACHED.c.attachment)
        self._remove(delete(ATTACHMENTS).where(ATTACHMENTS.c.id.in_(ids), ATTACHMENTS.c.id.not_in(used)))

    def _remove(self, gone: Delete) -> None:
        with self.database.transaction() as connection:
            removed = list(connection.execute(gone.returning(ATTACHMENTS.c.id)).scalars())
        for id in removed:
            self.contents.remove(id)

    def tidy(self) -> None:
        """Removes bytes without a row, which a kill has left; before anything else is sent."""
        with self.database.reading() as connection:
            known = set(connection.execute(select(ATTACHMENTS.c.id)).scalars())
        for id in set(self.contents.ids()) - known:
            self.contents.remove(id)


def attachment_of(row: RowMapping) -> Attachment:
    return Attachment(**{name: row[name] for name in Attachment.__dataclass_fields__})


def _unknown(id: str) -> NoSuchFile:
    return NoSuchFile(f"no such attachment: {id[:100]}", hint="it was not sent, or has been deleted")
