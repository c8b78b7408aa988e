"""The one file with everything that is known of documents: SQLite, in transactions, readable by nobody else.

Content is kept once for the same bytes, whatever the files are called: a rename changes one row. The index of words
keeps no text of its own. Vectors belong to a model; only one model's serve, while another's may still be made.
"""

import os
import re
import sqlite3
from contextlib import ExitStack
from pathlib import Path

from domov.documents.folding import folded
from domov.errors import Broken, DiskFull, HomeUnusable
from domov.files import make_folder

FORMAT = 2
BUSY_SECONDS = 30
SCHEMA = """
CREATE TABLE collection(
    id INTEGER PRIMARY KEY, owner TEXT NOT NULL DEFAULT '', name TEXT NOT NULL, shared INTEGER NOT NULL DEFAULT 0,
    paused INTEGER NOT NULL DEFAULT 0, added TEXT NOT NULL, UNIQUE(owner, name));
CREATE TABLE root(
    collection INTEGER NOT NULL REFERENCES collection ON DELETE CASCADE, path BLOB NOT NULL, problem TEXT,
    UNIQUE(collection, path));
CREATE TABLE content(
    id INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, title TEXT NOT NULL, author TEXT NOT NULL,
    date TEXT NOT NULL, characters INTEGER NOT NULL);
CREATE TABLE file(
    id INTEGER PRIMARY KEY, collection INTEGER NOT NULL REFERENCES collection ON DELETE CASCADE, path BLOB NOT NULL,
    size_bytes INTEGER NOT NULL, modified_ns INTEGER NOT NULL, inode INTEGER NOT NULL,
    content INTEGER REFERENCES content, state TEXT NOT NULL, reason TEXT NOT NULL DEFAULT '', UNIQUE(collection, path));
CREATE INDEX file_content ON file(content);
CREATE INDEX file_state ON file(state, size_bytes);
CREATE TABLE doubtful(content INTEGER PRIMARY KEY);
CREATE TRIGGER content_left AFTER UPDATE OF content ON file WHEN old.content IS NOT NULL BEGIN
    INSERT OR IGNORE INTO doubtful VALUES(old.content); END;
CREATE TABLE passage(
    id INTEGER PRIMARY KEY AUTOINCREMENT, content INTEGER NOT NULL REFERENCES content ON DELETE CASCADE,
    place INTEGER NOT NULL, text TEXT NOT NULL, titles TEXT NOT NULL, kind TEXT NOT NULL,
    page INTEGER, last_page INTEGER, line INTEGER, last_line INTEGER);
CREATE UNIQUE INDEX passage_place ON passage(content, place);
CREATE TABLE model(
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, digest TEXT NOT NULL UNIQUE, dimensions INTEGER NOT NULL,
    serving INTEGER NOT NULL, questions BLOB);
CREATE TABLE vector(
    model INTEGER NOT NULL REFERENCES model ON DELETE CASCADE,
    passage INTEGER NOT NULL REFERENCES passage ON DELETE CASCADE, bytes BLOB NOT NULL,
    PRIMARY KEY(model, passage)) WITHOUT ROWID;
CREATE INDEX vector_passage ON vector(passage);
CREATE TABLE gone(number INTEGER PRIMARY KEY AUTOINCREMENT, passage INTEGER NOT NULL);
CREATE TRIGGER passage_gone AFTER DELETE ON passage BEGIN INSERT INTO gone(passage) VALUES(old.id); END;
CREATE VIRTUAL TABLE names USING fts5(name, tokenize='unicode61 remove_diacritics 0');
CREATE TRIGGER file_new AFTER INSERT ON file BEGIN
    INSERT INTO names(rowid, name) VALUES(new.id, searched_name(new.path)); END;
CREATE TRIGGER file_moved AFTER UPDATE OF path ON file BEGIN
    UPDATE names SET name=searched_name(new.path) WHERE rowid=new.id; END;
CREATE TRIGGER file_gone AFTER DELETE ON file BEGIN
    DELETE FROM names WHERE rowid=old.id;
    INSERT OR IGNORE INTO doubtful SELECT old.content WHERE old.content IS NOT NULL; END;
CREATE VIRTUAL TABLE words USING fts5(titles, text, content='', tokenize='unicode61 remove_diacritics 0');
"""
# What makes a format the next one. Run with foreign keys off: a table that others refer to may be put anew.
MIGRATIONS = {
    1: """
CREATE TABLE collection_2(
    id INTEGER PRIMARY KEY, owner TEXT NOT NULL DEFAULT '', name TEXT NOT NULL, shared INTEGER NOT NULL DEFAULT 0,
    paused INTEGER NOT NULL DEFAULT 0, added TEXT NOT NULL, UNIQUE(owner, name));
INSERT INTO collection_2(id, name, paused, added) SELECT id, name, paused, added FROM collection;
DROP TABLE collection;
ALTER TABLE collection_2 RENAME TO collection;
DROP TABLE counter;
ALTER TABLE model ADD COLUMN questions BLOB;
CREATE TABLE gone(number INTEGER PRIMARY KEY AUTOINCREMENT, passage INTEGER NOT NULL);
CREATE TRIGGER passage_gone AFTER DELETE ON passage BEGIN INSERT INTO gone(passage) VALUES(old.id); END;
"""
}


def connect(path: Path) -> sqlite3.Connection:
    """The database, made if it is not there. Raises HomeUnusable, or Broken for a file of another kind."""
    make_folder(path.parent)
    try:
        path.touch(mode=0o600)
        with ExitStack() as failing:
            database = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
            failing.callback(database.close)
            database.create_function("searched_name", 1, searched_name, deterministic=True)
            database.executescript(
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA secure_delete=ON; PRAGMA cache_size=-65536;"
            )
            _prepare(database, path)
            database.execute("PRAGMA foreign_keys=ON")
            failing.pop_all()
    except OSError as error:
        raise HomeUnusable(f"can't write {path}: {error.strerror}") from error
    except sqlite3.Error as error:
        raise translated(error, path) from error
    return database


def searched_name(path: bytes) -> str:
    """The words of a file's name and of the folder it is in."""
    folder, name = os.path.split(path.decode("utf-8", "replace"))
    return folded(f"{os.path.basename(folder)} {os.path.splitext(name)[0]}").replace("_", " ")


def _prepare(database: sqlite3.Connection, path: Path) -> None:
    database.execute("BEGIN IMMEDIATE")
    (version,) = database.execute("PRAGMA user_version").fetchone()
    scripts = [SCHEMA] if version == 0 else [MIGRATIONS[old] for old in range(version, FORMAT)]
    for statement in (s for script in scripts for s in re.split(r";\n(?=CREATE|INSERT|DROP|ALTER|$)", script)):
        database.execute(statement)
    if scripts:
        database.execute(f"PRAGMA user_version={FORMAT}")
    database.execute("COMMIT")
    if version > FORMAT:
        raise Broken(f"{path} has format {version}, this Domov reads {FORMAT}", hint="update Domov")


def translated(error: sqlite3.Error, path: Path) -> DiskFull | HomeUnusable | Broken:
    """What SQLite says, in Domov's words."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return DiskFull(
            f"no space left on the disk of {path}",
            hint="make room: what is indexed is kept, the rest goes on from there",
        )
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_PERM):
        return HomeUnusable(f"can't write {path}: {error}")
    if code == sqlite3.SQLITE_BUSY:
        return HomeUnusable(f"{path} is held by another program for longer than {BUSY_SECONDS} s")
    return Broken(f"the documents in {path} can't be read: {error}", hint="move the file away; folders are read anew")
