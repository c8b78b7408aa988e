"""Finding chats by words: SQLite's full-text index where there is one, plain LIKE elsewhere.

The index is not part of the migrations: it holds nothing that is not in the tables, and is made when it is missing.
Triggers keep it, so that whoever writes or deletes a message need not know of it. What is being written is not in it.
Words are found by their beginnings, without regard to case and diacritics.
"""

import re
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Connection, and_, column, literal_column, select, table

from domov.chats.folding import folded
from domov.chats.records import Table
from domov.chats.schema import CHATS, TURNS
from domov.database import Database

MOST_WORDS = 16
SNIPPET_CHARACTERS = 160
_PART = re.compile(r'"([^"]+)"|(\w+)')
OPTIONS = "tokenize='unicode61 remove_diacritics 2'"
SINCE_SECURE_DELETE = (3, 42)  # of SQLite: older ones have to write the index anew to lose what was deleted


class Search(Protocol):
    def in_turns(self, words: "Words") -> ColumnElement[bool]:
        """Whether a message has all the words."""
        ...

    def in_titles(self, words: "Words") -> ColumnElement[bool]: ...

    def purge(self, connection: Connection) -> None:
        """Has what was deleted leave the index's file, too."""
        ...


@dataclass(frozen=True, slots=True)
class Words:
    """What is looked for; a phrase in quotation marks is one of them."""

    parts: tuple[str, ...]

    @property
    def expression(self) -> str:
        """FTS5's, for beginnings of all of them."""
        return " AND ".join(f'"{part}"*' for part in self.parts)


def words_of(query: str) -> Words:
    found = [phrase or word for phrase, word in _PART.findall(query)]
    plain = [" ".join(re.findall(r"\w+", part)) for part in found]
    return Words(tuple(part for part in plain if part)[:MOST_WORDS])


def snippet(text: str, words: Words) -> str:
    """The part of a text where a word stands first, in one line."""
    places = [found.start() for part in words.parts if (found := _first(part, text))]
    start = max(0, min(places, default=0) - SNIPPET_CHARACTERS // 3)
    piece = " ".join(text[start : start + SNIPPET_CHARACTERS].split())
    return ("…" if start else "") + piece + ("…" if start + SNIPPET_CHARACTERS < len(text) else "")


def _first(part: str, text: str) -> "re.Match[str] | None":
    return re.search(rf"\b{re.escape(folded(part))}", folded(text))


class Plain:
    """Without an index: case does not matter as far as the database knows of it, diacritics do."""

    def in_turns(self, words: Words) -> ColumnElement[bool]:
        return and_(*(TURNS.c.content.icontains(part, autoescape=True) for part in words.parts))

    def in_titles(self, words: Words) -> ColumnElement[bool]:
        return and_(*(CHATS.c.title.icontains(part, autoescape=True) for part in words.parts))

    def purge(self, connection: Connection) -> None:
        """Nothing: there is no index."""


class FullText:
    def in_turns(self, words: Words) -> ColumnElement[bool]:
        return TURNS.c.number.in_(_matching("chat_words", words))

    def in_titles(self, words: Words) -> ColumnElement[bool]:
        return CHATS.c.number.in_(_matching("chat_title_words", words))

    def purge(self, connection: Connection) -> None:
        if sqlite3.sqlite_version_info < SINCE_SECURE_DELETE:
            for name in ("chat_words", "chat_title_words"):
                connection.exec_driver_sql(f"INSERT INTO {name}({name}) VALUES('optimize')")


def _matching(name: str, words: Words) -> Any:
    index = table(name, column("rowid"))
    return select(index.c.rowid).where(literal_column(name).op("MATCH")(words.expression))


def prepared(database: Database) -> Search:
    """How a database is searched; its index is made if it should have one and has not."""
    if database.engine.dialect.name != "sqlite" or not _has_fts5():
        return Plain()
    with database.transaction() as connection:
        names = {str(name) for (name,) in connection.exec_driver_sql("SELECT name FROM sqlite_master")}
        for each in INDEXES:
            if not each["names"] <= names:
                _make(connection, each)
    return FullText()


def _has_fts5() -> bool:
    with closing(sqlite3.connect(":memory:")) as connection:
        try:
            connection.execute("CREATE VIRTUAL TABLE tried USING fts5(x)")
        except sqlite3.OperationalError:
            return False
        return True


def _make(connection: Connection, index: Table) -> None:
    for name in index["names"]:
        kind = "TRIGGER" if name.startswith(f"{index['name']}_") else "TABLE"
        connection.exec_driver_sql(f"DROP {kind} IF EXISTS {name}")
    for statement in index["statements"]:
        connection.exec_driver_sql(statement)
    if sqlite3.sqlite_version_info >= SINCE_SECURE_DELETE:
        name = index["name"]
        connection.exec_driver_sql(f"INSERT INTO {name}({name}, rank) VALUES('secure-delete', 1)")


def _index(name: str, table: str, text: str, when: str) -> Table:
    """An index of one column of a table, and the triggers that keep it.

    when  the condition that a row (`{row}`) is in the index
    """

    def change(row: str, command: str) -> str:
        where = when.format(row=row)
        columns, values = f"rowid, {text}", f"{row}.number, {row}.{text}"
        if command:
            columns, values = f"{name}, {columns}", f"'{command}', {values}"
        return f"INSERT INTO {name}({columns}) SELECT {values} WHERE {where};"

    removing, adding = change("OLD", "delete"), change("NEW", "")
    filling = change(table, "").removesuffix(";").replace(" WHERE", f" FROM {table} WHERE")
    changed = f"{text}, status" if "status" in when else text
    return {
        "name": name,
        "names": {name, f"{name}_added", f"{name}_removed", f"{name}_changed"},
        "statements": (
            f"CREATE VIRTUAL TABLE {name} USING fts5({text}, content='{table}', content_rowid='number', {OPTIONS})",
            f"CREATE TRIGGER {name}_added AFTER INSERT ON {table} BEGIN {adding} END",
            f"CREATE TRIGGER {name}_removed AFTER DELETE ON {table} BEGIN {removing} END",
            f"CREATE TRIGGER {name}_changed AFTER UPDATE OF {changed} ON {table} BEGIN {removing} {adding} END",
            filling,
        ),
    }


INDEXES = (
    _index("chat_words", "chat_messages", "content", "{row}.status <> 'running'"),
    _index("chat_title_words", "chats", "title", "1"),
)
