"""The database: one SQLite file for what a person or a company keeps, brought up to date when it is opened.

Rooms define their tables on `METADATA` and a numbered migration in `migrations/versions/`; a test holds the two
together. Before a migration the file is copied beside itself (`domov.db.before-0002`).
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from filelock import FileLock
from sqlalchemy import Connection, Engine, MetaData, create_engine, event
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import QueuePool

from domov import migrations
from domov.errors import Broken, DiskFull, DomovError, HomeUnusable
from domov.files import disk_errors, make_folder

METADATA = MetaData()
LONGEST_WAIT_SECONDS = 30  # for another process that writes


@dataclass(frozen=True)
class Database:
    path: Path
    engine: Engine

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A connection whose work is done whole or not at all. Raises DiskFull, HomeUnusable, Broken."""
        try:
            with self.engine.begin() as connection:
                yield connection
        except DatabaseError as error:
            raise _told(error.orig, self.path) from error

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that only reads, and never waits for who writes. Raises HomeUnusable, Broken."""
        try:
            with self.engine.execution_options(only_reads=True).begin() as connection:
                yield connection
        except DatabaseError as error:
            raise _told(error.orig, self.path) from error

    def version(self) -> object:
        """Another one whenever anything has been written since, by any process; for one thread. Takes microseconds."""
        try:
            return self._watching.execute("PRAGMA data_version").fetchone()
        except sqlite3.DatabaseError as error:
            raise _told(error, self.path) from error

    @cached_property
    def _watching(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, timeout=0, isolation_level=None, check_same_thread=False)

    def wipe(self) -> None:
        """Has what was deleted leave the write-ahead log, too, unless somebody is reading just now."""
        if self.engine.dialect.name != "sqlite":
            return
        connection = self.engine.raw_connection()  # outside of any transaction
        try:
            with suppress(sqlite3.OperationalError):
                connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            connection.close()

    def close(self) -> None:
        if "_watching" in self.__dict__:
            self._watching.close()
        self.engine.dispose()


def open_database(path: Path) -> Database:
    """The database of a file, made or migrated where needed. Raises HomeUnusable, DiskFull, Broken."""
    make_folder(path.parent)
    with disk_errors(path), FileLock(path.with_name(f"{path.name}.lock"), mode=0o600):
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))  # before SQLite would make it readable by others
        database = Database(path, _engine(path))
        try:
            _migrate(database)
        except BaseException:
            database.close()
            raise
    return database


def open_memory() -> Database:
    """A database that is in memory alone and goes with the process. It has one connection: callers take turns."""
    engine = create_engine(
        "sqlite://", poolclass=QueuePool, pool_size=1, max_overflow=0, connect_args={"check_same_thread": False}
    )
    database = Database(Path(":memory:"), _set_up(engine))
    _migrate(database)
    return database


def _engine(path: Path) -> Engine:
    return _set_up(create_engine(f"sqlite:///{path}", connect_args={"timeout": LONGEST_WAIT_SECONDS}))


def _set_up(engine: Engine) -> Engine:
    @event.listens_for(engine, "connect")
    def connected(connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None  # SQLAlchemy's own begin, below
        for pragma in ("journal_mode = WAL", "foreign_keys = ON", "secure_delete = ON", "synchronous = NORMAL"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        only_reads = connection.get_execution_options().get("only_reads")
        connection.exec_driver_sql("BEGIN" if only_reads else "BEGIN IMMEDIATE")  # waits here, not in the middle

    return engine


def _migrate(database: Database) -> None:
    settings = Config()
    settings.set_main_option("script_location", str(Path(migrations.__path__[0])))
    settings.set_main_option("path_separator", "os")
    scripts = ScriptDirectory.from_config(settings)
    head = scripts.get_current_head()
    with database.transaction() as connection:
        here = MigrationContext.configure(connection).get_current_revision()
    if here == head:
        return
    if here is not None:
        _copy(database.path, database.path.with_name(f"{database.path.name}.before-{head}"))
    try:
        with database.transaction() as connection, EnvironmentContext(settings, scripts) as environment:
            environment.configure(connection, fn=lambda revision, _: scripts._upgrade_revs("head", revision))
            environment.run_migrations()
    except CommandError as error:
        raise Broken(
            f"{database.path} was written by a newer Domov: it knows {here}, this one {head}",
            hint="update Domov, or move the file away to start anew",
        ) from error


def _copy(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        target.chmod(0o600)
        old.backup(new)


def _told(error: BaseException | None, path: Path) -> DomovError:
    words = str(error)
    match getattr(error, "sqlite_errorname", ""):
        case "SQLITE_FULL" | "SQLITE_IOERR_WRITE":
            return DiskFull(f"no space left on the disk of {path}", hint="make room and try again")
        case "SQLITE_READONLY" | "SQLITE_CANTOPEN" | "SQLITE_BUSY" | "SQLITE_PERM":
            return HomeUnusable(f"can't use {path}: {words}", hint="end other programs that use it, make it writable")
    return Broken(f"{path}: {words}", hint=f"it may be damaged: move it away, or put {path.name}.before-… in its place")
