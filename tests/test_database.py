"""The database: made, migrated, copied before, and plain about what is wrong with it."""

import importlib
import pkgutil
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import insert, select

import domov
from domov.chats.answers import ANSWERS
from domov.database import METADATA, Database, open_database
from domov.errors import Broken, DiskFull, HomeUnusable

ROW = {"id": "a", "owner": "", "created_at": 1.0, "model": "m", "messages": b"[]", "body": b"{}"}


def rows(database: Database) -> int:
    with database.transaction() as connection:
        return len(connection.execute(select(ANSWERS)).all())


def test_what_is_written_is_there_after_it_was_closed_and_opened_again(tmp_path: Path) -> None:
    database = open_database(tmp_path / "new" / "domov.db")
    with database.transaction() as connection:
        connection.execute(insert(ANSWERS).values(ROW))
    database.close()
    with closing(open_database(database.path)) as again:
        assert rows(again) == 1
    assert stat.S_IMODE(database.path.stat().st_mode) == 0o600


def test_reading_does_not_wait_for_who_writes(database: Database) -> None:
    with database.transaction() as writing, database.reading() as reading:
        writing.execute(insert(ANSWERS).values(ROW))
        assert reading.execute(select(ANSWERS)).all() == []
    assert rows(database) == 1


def test_the_version_changes_with_every_write_of_anybody_and_only_then(tmp_path: Path) -> None:
    database, other = (open_database(tmp_path / "domov.db") for _ in range(2))
    versions = [database.version(), database.version()]
    for number, writer in enumerate((database, other)):
        with writer.transaction() as connection:
            connection.execute(insert(ANSWERS).values(ROW | {"id": str(number)}))
        versions.append(database.version())
    assert versions[0] == versions[1] and len(set(map(str, versions))) == 3
    for each in (database, other):
        each.close()


def test_a_transaction_that_fails_leaves_nothing(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.transaction() as connection:
        connection.execute(insert(ANSWERS).values(ROW))
        1 / 0  # noqa: B018
    assert rows(database) == 0


def test_the_migrations_make_the_tables_that_the_rooms_define(database: Database) -> None:
    for module in pkgutil.walk_packages(domov.__path__, "domov."):
        if ".migrations." not in module.name and "database import METADATA" in _source(module.name):
            importlib.import_module(module.name)
    with database.transaction() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def _source(module: str) -> str:
    path = Path(domov.__path__[0], *module.split(".")[1:])
    file = path.with_suffix(".py")
    return file.read_text("utf-8") if file.exists() else ""


def test_an_older_file_is_copied_before_it_is_changed(tmp_path: Path) -> None:
    path = tmp_path / "domov.db"
    open_database(path).close()
    with closing(sqlite3.connect(path)) as connection, connection:  # as if an unknown, older revision had been there
        connection.execute("UPDATE alembic_version SET version_num = '0000'")
    with pytest.raises(Broken, match="newer Domov"):
        open_database(path)
    (copy,) = tmp_path.glob("domov.db.before-*")
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == ("0000",)


def test_a_file_that_is_no_database_is_named_and_left(tmp_path: Path) -> None:
    path = tmp_path / "domov.db"
    path.write_bytes(b"not a database, but long enough to look like one" * 100)
    with pytest.raises(Broken, match="not a database"):
        open_database(path)
    assert path.read_bytes().startswith(b"not a database")


def test_a_folder_in_its_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "domov.db").mkdir()
    with pytest.raises(HomeUnusable, match="domov.db"):
        open_database(tmp_path / "domov.db")


def test_a_full_disk_is_told_and_what_was_there_stays(database: Database) -> None:
    with database.transaction() as connection:
        connection.execute(insert(ANSWERS).values(ROW))
    with pytest.raises(DiskFull), database.transaction() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1")  # the smallest it can be: no page more
        connection.execute(insert(ANSWERS).values(ROW | {"id": "b", "body": b"x" * 1_000_000}))
    assert rows(database) == 1
