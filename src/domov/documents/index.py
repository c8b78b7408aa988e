"""What is known of documents, written and asked: collections, their files, passages, words and vectors.

Every change is one transaction. Whoever indexes holds the lock of `indexing.py`; anybody may search meanwhile.
"""

import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from domov.documents.blocks import Parsed
from domov.documents.chunks import Passage
from domov.documents.folding import folded
from domov.documents.owners import COMPUTER, Viewer
from domov.documents.schema import connect, translated
from domov.documents.vectors import packed, unpacked
from domov.documents.walking import Seen
from domov.errors import BadName, NoSuchCollection

MOST_GONE = 100_000  # removed passages that are remembered: who knows the vectors of before leaves those out
WAITING, READ, FAILED = "waiting", "read", "failed"


@dataclass(frozen=True, slots=True)
class Collection:
    id: int
    name: str
    paused: bool
    roots: tuple[str, ...]
    owner: str = ""
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """A file as it was when it was last looked at."""

    id: int
    path: str
    size_bytes: int
    modified_ns: int
    inode: int
    state: str


@dataclass(frozen=True, slots=True)
class FileState:
    """A file as its collection lists it."""

    id: int
    path: str
    state: str
    reason: str
    size_bytes: int
    modified_at: float  # seconds since 1970
    kind: str | None
    title: str | None
    passages: int


@dataclass(frozen=True, slots=True)
class Counts:
    """How far a collection is."""

    waiting: int
    read: int
    failed: int
    waiting_bytes: int
    passages: int
    embedded: int


def to_blob(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")


def from_blob(path: bytes) -> str:
    return path.decode("utf-8", "surrogateescape")


class Index:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.database = connect(path)
        self._reading = connect(path)  # of its own: a search does not wait for what is being written
        self._reading.execute("PRAGMA query_only=ON")
        self._lock, self._reading_lock = threading.RLock(), threading.Lock()

    def close(self) -> None:
        with self._lock, self._reading_lock:
            self._reading.close()
            self.database.close()

    @contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it or nothing. Raises DiskFull, HomeUnusable or Broken."""
        with self._lock, self.errors():
            self.database.execute("BEGIN IMMEDIATE")
            try:
                yield self.database
                self.database.execute("COMMIT")
            except BaseException:
                if self.database.in_transaction:
                    self.database.execute("ROLLBACK")
                raise

    @contextmanager
    def errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise translated(error, self.path) from error

    def ask(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with self._reading_lock, self.errors():
            return self._reading.execute(query, values).fetchall()

    # collections

    def collections(self, viewer: Viewer | None = None) -> list[Collection]:
        """Those that a viewer sees, by name, the viewer's own before others' of the same name; None: all there are."""
        roots: dict[object, list[str]] = {}
        for collection, path in self.ask("SELECT collection, path FROM root ORDER BY path"):
            roots.setdefault(collection, []).append(from_blob(path))
        own = viewer.owner if viewer else ""
        rows = self.ask("SELECT id, name, paused, owner, shared FROM collection ORDER BY name, owner<>?, owner", own)
        found = (Collection(i, n, bool(p), tuple(roots.get(i, ())), o, bool(s)) for i, n, p, o, s in rows)
        return [c for c in found if viewer is None or viewer.sees(c.owner, shared=c.shared)]

    def collection(self, name: str, viewer: Viewer = COMPUTER) -> Collection:
        """Raises NoSuchCollection, with the names there are."""
        found = {c.name: c for c in reversed(self.collections(viewer))}
        if name not in found:
            hint = f"there are: {', '.join(found)}" if found else "add one with: domov docs add FOLDER"
            raise NoSuchCollection(f"no such collection: {name}", hint=hint)
        return found[name]

    def add(self, name: str, paths: Sequence[str], *, now: str, owner: str = "") -> Collection:
        """Adds folders or files to a collection, which is made if it is not there. Raises BadName."""
        if not name.strip() or len(name) > 100 or not name.isprintable() or name != name.strip():
            raise BadName(f"not a name for a collection: {ascii(name[:60])}", hint="use a word or a few")
        with self.change() as database:
            database.execute(
                "INSERT INTO collection(owner, name, added) VALUES(?, ?, ?) ON CONFLICT DO NOTHING", (owner, name, now)
            )
            (number,) = database.execute("SELECT id FROM collection WHERE owner=? AND name=?", (owner, name)).fetchone()
            rows = [(number, to_blob(path)) for path in paths]
            database.executemany("INSERT INTO root(collection, path) VALUES(?, ?) ON CONFLICT DO NOTHING", rows)
        return next(c for c in self.collections() if c.id == number)

    def share(self, collection: Collection, shared: bool) -> None:
        with self.change() as database:
            database.execute("UPDATE collection SET shared=? WHERE id=?", (shared, collection.id))

    def pause(self, collection: Collection, paused: bool) -> None:
        with self.change() as database:
            database.execute("UPDATE collection SET paused=? WHERE id=?", (paused, collection.id))

    def remove(self, collection: Collection) -> None:
        """Deletes a collection with all text, words and vectors that no other one has, and wipes the file of them."""
        with self.change() as database:
            database.execute("DELETE FROM file WHERE collection=?", (collection.id,))
            database.execute("DELETE FROM collection WHERE id=?", (collection.id,))
            self._drop_orphans(database)
        self.wipe()

    def wipe(self) -> None:
        """Leaves nothing of what was deleted in the file or beside it."""
        with self._lock, self.errors():
            for table in ("words", "names"):
                self.database.execute(f"INSERT INTO {table}({table}) VALUES('optimize')")
            self.database.execute("VACUUM")
            self.database.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def counts(self, collection: Collection) -> Counts:
        states = {
            state: (count, size or 0)
            for state, count, size in self.ask(
                "SELECT state, count(*), sum(size_bytes) FROM file WHERE collection=? GROUP BY state", collection.id
            )
        }
        ((passages, embedded),) = self.ask(
            "SELECT count(*), count(v.passage) FROM passage p LEFT JOIN vector v"
            " ON v.passage=p.id AND v.model=(SELECT id FROM model ORDER BY serving LIMIT 1)"
            " WHERE p.content IN (SELECT content FROM file WHERE collection=?)",
            collection.id,
        )
        waiting, size = states.get(WAITING, (0, 0))
        return Counts(
            waiting,
            states.get(READ, (0, 0))[0],
            states.get(FAILED, (0, 0))[0],
            size,
            passages,
            embedded,
        )

    def failures(self, collection: Collection) -> list[tuple[str, str]]:
        rows = self.ask(
            "SELECT path, reason FROM file WHERE collection=? AND reason<>'' ORDER BY path", collection.id
        ) + self.ask("SELECT path, problem FROM root WHERE collection=? AND problem IS NOT NULL", collection.id)
        return [(from_blob(path), str(reason)) for path, reason in rows]

    # files

    def list_files(self, collection: Collection, *, state: str, after: int, count: int) -> list[FileState]:
        """Files in the order in which they were met, those of one state or of all, from a number on."""
        rows = self.ask(
            "SELECT f.id, f.path, f.state, f.reason, f.size_bytes, f.modified_ns/1e9, k.kind, k.title,"
            " (SELECT count(*) FROM passage p WHERE p.content=f.content) FROM file f LEFT JOIN content k"
            " ON k.id=f.content WHERE f.collection=? AND f.id>? AND ? IN ('', f.state) ORDER BY f.id LIMIT ?",
            collection.id,
            after,
            state,
            count,
        )
        return [FileState(number, from_blob(path), *rest) for number, path, *rest in rows]

    def retry(self, collection: Collection) -> int:
        """Has what could not be read tried once more. Gives how many files that are."""
        with self.change() as database:
            where = "collection=? AND state='failed'"
            database.execute(f"UPDATE file SET state='waiting', reason='' WHERE {where}", (collection.id,))
            return int(database.execute("SELECT changes()").fetchone()[0])

    def files(self, collection: Collection) -> dict[str, Known]:
        rows = self.ask(
            "SELECT id, path, size_bytes, modified_ns, inode, state FROM file WHERE collection=?", collection.id
        )
        known = (Known(i, from_blob(p), s, m, n, t) for i, p, s, m, n, t in rows)
        return {file.path: file for file in known}

    def note_problems(self, collection: Collection, problems: Sequence[tuple[str, str]]) -> None:
        """What folders could not be seen, and why; replaces what was noted before."""
        told = "; ".join(f"{path}: {reason}" for path, reason in problems[:20]) or None
        with self.change() as database:
            database.execute("UPDATE root SET problem=NULL WHERE collection=?", (collection.id,))
            if told and collection.roots:
                where = (told, collection.id, to_blob(collection.roots[0]))
                database.execute("UPDATE root SET problem=? WHERE collection=? AND path=?", where)

    def update(
        self,
        collection: Collection,
        *,
        new: Sequence[Seen] = (),
        moved: Sequence[tuple[int, Seen]] = (),
        gone: Sequence[int] = (),
    ) -> None:
        """Takes in what a look at the folders has found. Files that are new or changed wait to be read."""
        with self.change() as database:
            database.executemany("DELETE FROM file WHERE id=?", [(number,) for number in gone])
            rows = [(to_blob(seen.path), seen.inode, seen.modified_ns, number) for number, seen in moved]
            database.executemany("UPDATE file SET path=?, inode=?, modified_ns=? WHERE id=?", rows)
            database.executemany(
                "INSERT INTO file(collection, path, size_bytes, modified_ns, inode, state)"
                " VALUES(?, ?, ?, ?, ?, 'waiting')"
                " ON CONFLICT(collection, path) DO UPDATE SET size_bytes=excluded.size_bytes, inode=excluded.inode,"
                " modified_ns=excluded.modified_ns, state='waiting', reason=''",
                [(collection.id, to_blob(s.path), s.size_bytes, s.modified_ns, s.inode) for s in new],
            )
            self._drop_orphans(database)

    def next_waiting(self, count: int) -> list[Known]:
        """Files to be read next, small ones first: most of a folder can be searched soon."""
        rows = self.ask(
            "SELECT f.id, f.path, f.size_bytes, f.modified_ns, f.inode, f.state FROM file f JOIN collection c"
            " ON c.id=f.collection WHERE f.state='waiting' AND NOT c.paused ORDER BY f.size_bytes, f.id LIMIT ?",
            count,
        )
        return [Known(i, from_blob(p), s, m, n, t) for i, p, s, m, n, t in rows]

    def note_failed(self, file: Known, reason: str) -> None:
        """Nothing of it can be searched any more; it is tried again when it changes."""
        with self.change() as database:
            database.execute("UPDATE file SET state='failed', reason=?, content=NULL WHERE id=?", (reason, file.id))
            self._drop_orphans(database)

    def link(self, file: Known, digest: str) -> bool:
        """Gives the file content that is known already. False: it is not."""
        with self.change() as database:
            row = database.execute("SELECT id FROM content WHERE digest=?", (digest,)).fetchone()
            if row:
                database.execute("UPDATE file SET state='read', reason='', content=? WHERE id=?", (row[0], file.id))
                self._drop_orphans(database)
        return row is not None

    def store(self, file: Known, digest: str, kind: str, parsed: Parsed, passages: Sequence[Passage]) -> None:
        """Takes in what a file says, and gives it to the file; nothing if its collection was removed meanwhile."""
        characters = sum(len(block.text) for block in parsed.blocks)
        with self.change() as database:
            if not database.execute("SELECT 1 FROM file WHERE id=?", (file.id,)).fetchone():
                return
            content = database.execute(
                "INSERT INTO content(digest, kind, title, author, date, characters) VALUES(?, ?, ?, ?, ?, ?)",
                (digest, kind, parsed.title, parsed.author, parsed.date, characters),
            ).lastrowid
            for place, p in enumerate(passages):
                titles = json.dumps(p.titles, ensure_ascii=False)
                row = (content, place, p.text, titles, p.kind, p.page, p.last_page, p.line, p.last_line)
                number = database.execute(
                    "INSERT INTO passage(content, place, text, titles, kind, page, last_page, line, last_line)"
                    " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    row,
                ).lastrowid
                heads, text = _folded(parsed.title, titles, p.text)
                database.execute("INSERT INTO words(rowid, titles, text) VALUES(?, ?, ?)", (number, heads, text))
            database.execute("UPDATE file SET state='read', reason='', content=? WHERE id=?", (content, file.id))
            self._drop_orphans(database)

    def _drop_orphans(self, database: sqlite3.Connection) -> None:
        """Removes content that no file has any more, with its words and vectors."""
        orphans = database.execute(
            "SELECT id, title FROM content WHERE id IN (SELECT content FROM doubtful)"
            " AND NOT EXISTS (SELECT 1 FROM file WHERE file.content=content.id)"
        ).fetchall()
        database.execute("DELETE FROM doubtful")
        for content, title in orphans:
            rows = database.execute("SELECT id, titles, text FROM passage WHERE content=?", (content,)).fetchall()
            for number, titles, text in rows:
                heads, words = _folded(title, titles, text)
                database.execute(
                    "INSERT INTO words(words, rowid, titles, text) VALUES('delete', ?, ?, ?)", (number, heads, words)
                )
            database.execute("DELETE FROM content WHERE id=?", (content,))
        if orphans:
            oldest = "(SELECT max(number) FROM gone) - ?"
            database.execute(f"DELETE FROM gone WHERE number<={oldest}", (MOST_GONE,))

    # vectors

    def use_model(self, name: str, digest: str, dimensions: int) -> int:
        """The number of a model whose vectors are to be made. The first one serves at once."""
        with self.change() as database:
            database.execute(
                "INSERT INTO model(name, digest, dimensions, serving) VALUES(?, ?, ?, NOT EXISTS (SELECT 1 FROM model))"
                " ON CONFLICT DO NOTHING",
                (name, digest, dimensions),
            )
            (number,) = database.execute("SELECT id FROM model WHERE digest=?", (digest,)).fetchone()
            database.execute("DELETE FROM model WHERE id<>? AND NOT serving", (number,))
        return int(number)

    def model_of(self, digest: str) -> int | None:
        rows = self.ask("SELECT id FROM model WHERE digest=?", digest)
        return rows[0][0] if rows else None

    def serving(self) -> tuple[int, str, str, int] | None:
        """Number, name, digest and dimensions of the model whose vectors are searched; None before the first."""
        rows = self.ask("SELECT id, name, digest, dimensions FROM model WHERE serving")
        return rows[0] if rows else None

    def questions(self, model: int) -> tuple[float, ...] | None:
        """The mean vector of questions, if it is known."""
        rows = self.ask("SELECT questions FROM model WHERE id=?", model)
        return unpacked(rows[0][0]) if rows and rows[0][0] else None

    def keep_questions(self, model: int, mean: Sequence[float]) -> None:
        with self.change() as database:
            database.execute("UPDATE model SET questions=? WHERE id=?", (packed(mean), model))

    def waiting_files(self) -> int:
        rows = self.ask(
            "SELECT count(*) FROM file f JOIN collection c ON c.id=f.collection"
            " WHERE f.state='waiting' AND NOT c.paused"
        )
        return int(rows[0][0])

    def has_passages(self) -> bool:
        return bool(self.ask("SELECT 1 FROM passage LIMIT 1"))

    def missing_vectors(self, model: int) -> int:
        sql = "SELECT (SELECT count(*) FROM passage) - (SELECT count(*) FROM vector WHERE model=?)"
        return int(self.ask(sql, model)[0][0])

    def without_vector(self, model: int, count: int, *, after: int = 0) -> list[tuple[int, str]]:
        """Passages that still need a vector, as they are to be embedded."""
        rows = self.ask(
            "SELECT p.id, c.title, p.titles, p.text FROM passage p JOIN content c ON c.id=p.content"
            " WHERE p.id>? AND NOT EXISTS (SELECT 1 FROM vector v WHERE v.model=? AND v.passage=p.id)"
            " ORDER BY p.id LIMIT ?",
            after,
            model,
            count,
        )
        return [(i, embedded_text(title, titles, text)) for i, title, titles, text in rows]

    def add_vectors(self, model: int, vectors: Sequence[tuple[int, bytes]]) -> None:
        with self.change() as database:
            database.executemany(  # a passage may be gone meanwhile
                "INSERT OR REPLACE INTO vector(model, passage, bytes) SELECT ?, ?, ? WHERE EXISTS"
                " (SELECT 1 FROM passage WHERE id=?)",
                [(model, number, content, number) for number, content in vectors],
            )

    def gone_since(self, number: int) -> tuple[int, list[int]] | None:
        """Passages that were removed since then, and the number to ask with next time; None: too many to be known."""
        rows = self.ask("SELECT number, passage FROM gone WHERE number>? ORDER BY number", number)
        if not rows:
            return number, []
        return (rows[-1][0], [row[1] for row in rows]) if rows[0][0] == number + 1 else None

    def serve(self, model: int) -> None:
        """From now on this model's vectors are searched; those of others go."""
        if self.ask("SELECT count(*) FROM model") == [(1,)]:
            return
        with self.change() as database:
            database.execute("DELETE FROM model WHERE id<>?", (model,))
            database.execute("UPDATE model SET serving=1 WHERE id=?", (model,))


def embedded_text(title: str, titles: str, text: str) -> str:
    path = [title, *(t for t in json.loads(titles) if t != title)]
    head = " > ".join(filter(None, path))
    return f"{head}\n{text}" if head else text


def _folded(title: str, titles: str, text: str) -> tuple[str, str]:
    return folded(" ".join([title, *json.loads(titles)])), folded(text)
