"""What is somebody's: every row of the database with an `owner`, whatever room it is of, and the folders named so.

Moved to the first administrator from where nobody was asked who they are; deleted with an account.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection, MetaData, Table, delete, inspect, select, update

OWNER = "owner"
FOLDERS = ("stories",)  # of home, with a folder for each owner; the files beside those are nobody's
CONVERSATIONS = ("answers", "chats")  # tables whose ids models may have read under


def owned_tables(connection: Connection) -> Iterator[Table]:
    """The tables as they are in the file: neighbouring rooms need not be known."""
    inspector, metadata = inspect(connection), MetaData()
    for name in inspector.get_table_names():
        if any(column["name"] == OWNER for column in inspector.get_columns(name)):
            yield Table(name, metadata, autoload_with=connection, resolve_fks=False)


def give(connection: Connection, *, old: str, new: str) -> None:
    """All rows of one owner become another's."""
    for table in owned_tables(connection):
        connection.execute(update(table).where(table.c.owner == old).values(owner=new))


def ids_of(connection: Connection, name: str, owner: str) -> list[str]:
    """Of an owner's rows in one table, where there is such a table."""
    for table in owned_tables(connection):
        if table.name == name:
            return [str(id) for id in connection.execute(select(table.c.id).where(table.c.owner == owner)).scalars()]
    return []


def forget(connection: Connection, owner: str) -> None:
    """Deletes all rows of an owner."""
    connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")  # they may lead to each other in any order
    for table in owned_tables(connection):
        connection.execute(delete(table).where(table.c.owner == owner))


def give_folders(home: Path, *, new: str) -> None:
    """What lies in the folders and is nobody's becomes somebody's."""
    for name in FOLDERS:
        for path in (home / name).glob("*"):
            if path.is_file():
                with contextlib.suppress(OSError):
                    target = home / name / new
                    target.mkdir(mode=0o700, exist_ok=True)
                    os.replace(path, target / path.name)


def forget_folders(home: Path, owner: str) -> None:
    for name in FOLDERS:
        shutil.rmtree(home / name / owner, ignore_errors=True)
