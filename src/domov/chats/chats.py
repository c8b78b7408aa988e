"""Chats as they are kept: made, found, changed, copied, deleted. Everything is found by its owner alone.

Turns are another file's (`turns.py`). A second object of this kind on a database in memory keeps temporary chats.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, RowMapping, and_, delete, func, insert, or_, select, update

from domov.chats.records import Chat, Kind, Table, Turn, new_id
from domov.chats.schema import CHATS, TAGS, TURNS
from domov.chats.search import Search, Words, snippet, words_of
from domov.chats.tree import path_to
from domov.chats.turns import Turns
from domov.chats.turns import put as put_turns
from domov.database import Database
from domov.errors import BadRequest, NoSuchChat

MOST_ROWS = 200
CHANGEABLE = ("title", "model", "folder", "pinned", "archived", "current", "settings", "draft")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which chats of a list."""

    query: str = ""
    folder: str | None = None
    tag: str | None = None
    kind: Kind | None = None
    archived: bool = False
    limit: int = 50
    before: str | None = None  # a cursor that the page before gave


@dataclass(frozen=True)
class Chats:
    database: Database
    search: Search
    temporary: bool = False
    clock: Callable[[], float] = time.time

    @property
    def turns(self) -> Turns:
        return Turns(self.database)

    def create(self, chat: Chat, turns: Sequence[Turn] = ()) -> Chat:
        """Keeps a chat under a new id and the time of now, with turns that it begins with."""
        moment = self.clock()
        id = new_id("temp" if self.temporary else "chat")
        made = replace(chat, id=id, temporary=self.temporary, created_at=moment, updated_at=moment)
        with self.database.transaction() as connection:
            put(connection, made)
            put_turns(connection, turns, chat=made.id)
        return made

    def take(self, chat: Chat, turns: Sequence[Turn]) -> None:
        """Keeps a chat of another place with its turns and times, under a new id."""
        made = replace(chat, id=new_id("temp" if self.temporary else "chat"), temporary=self.temporary)
        with self.database.transaction() as connection:
            put(connection, made)
            put_turns(connection, turns, chat=made.id)

    def get(self, id: str, *, owner: str) -> Chat:
        """Raises NoSuchChat."""
        with self.database.reading() as connection:
            return self._chat(connection, self._row(connection, id, owner))

    def all(self, *, owner: str) -> Iterable[str]:
        """The ids of an owner's chats, the oldest first."""
        with self.database.reading() as connection:
            query = select(CHATS.c.id).where(CHATS.c.owner == owner).order_by(CHATS.c.number)
            return list(connection.execute(query).scalars())

    def change(self, id: str, changes: Table, *, owner: str, moment: float | None = None) -> Chat:
        """Changes what CHANGEABLE names, and tags. Raises NoSuchChat, BadRequest for a `current` that is not its.

        moment  when it was last used, if that changes too
        """
        values = {name: value for name, value in changes.items() if name in CHANGEABLE or name == "titled"}
        if "settings" in values:
            values["settings"] = orjson.dumps(values["settings"])
        if moment is not None:
            values["updated_at"] = moment
        with self.database.transaction() as connection:
            self._row(connection, id, owner)
            if (current := changes.get("current")) is not None:
                _check_current(connection, id, current)
            if values:
                connection.execute(update(CHATS).where(CHATS.c.id == id).values(values))
            if "tags" in changes:
                connection.execute(delete(TAGS).where(TAGS.c.chat == id))
                _put_tags(connection, id, changes["tags"])
            return self._chat(connection, self._row(connection, id, owner))

    def entitle(self, id: str, title: str, *, by: str) -> None:
        """Gives a title to a chat, unless a person has."""
        weaker = ("",) if by == "words" else ("", "words")
        query = update(CHATS).where(CHATS.c.id == id, CHATS.c.titled.in_(weaker))
        with self.database.transaction() as connection:
            connection.execute(query.values(title=title, titled=by))

    def delete(self, id: str, *, owner: str) -> None:
        """Deletes a chat with its turns. Raises NoSuchChat."""
        with self.database.transaction() as connection:
            self._row(connection, id, owner)
            connection.execute(delete(CHATS).where(CHATS.c.id == id))

    def purge(self) -> None:
        """Has what was deleted leave the file, its index and its log."""
        with self.database.transaction() as connection:
            self.search.purge(connection)
        self.database.wipe()

    def fork(self, id: str, message: str, *, owner: str) -> Chat:
        """A copy of a chat that has only the way to one message. Raises NoSuchChat."""
        chat, turns = self.get(id, owner=owner), self.turns.of(id)
        path = path_to(turns, message)
        if not path:
            raise NoSuchChat(f"no such message: {message[:100]}")
        copied, last = _copied(path)
        made = self.create(replace(chat, pinned=False, archived=False, draft="", current=last), copied)
        return self.get(made.id, owner=owner)

    def page(self, wanted: Wanted, *, owner: str) -> tuple[list[Chat], str | None]:
        """Chats as a list shows them, pinned ones first, then by their last use; and where the next page begins."""
        words = words_of(wanted.query)
        order = (CHATS.c.pinned.desc(), CHATS.c.updated_at.desc(), CHATS.c.number.desc())
        query = select(CHATS).where(*self._conditions(wanted, words, owner)).order_by(*order).limit(wanted.limit + 1)
        with self.database.reading() as connection:
            rows = connection.execute(query).mappings().all()
            shown = rows[: wanted.limit]
            found = self._snippets(connection, [row["id"] for row in shown], words) if words.parts else {}
            chats = [replace(self._chat(connection, row), snippet=found.get(row["id"])) for row in shown]
        return chats, _cursor(shown[-1]) if len(rows) > wanted.limit else None

    def _conditions(self, wanted: Wanted, words: Words, owner: str) -> list[ColumnElement[bool]]:
        found: list[ColumnElement[bool]] = [CHATS.c.owner == owner, CHATS.c.archived == wanted.archived]
        if wanted.query.strip() and not words.parts:
            found.append(CHATS.c.number < 0)  # nothing that could be looked for: nothing is found
        if words.parts:
            turns = select(TURNS.c.chat).where(self.search.in_turns(words))
            found.append(or_(self.search.in_titles(words), CHATS.c.id.in_(turns)))
        if wanted.folder is not None:
            found.append(CHATS.c.folder == wanted.folder)
        if wanted.kind is not None:
            found.append(CHATS.c.kind == wanted.kind)
        if wanted.tag is not None:
            found.append(CHATS.c.id.in_(select(TAGS.c.chat).where(TAGS.c.tag == wanted.tag)))
        if wanted.before is not None:
            found.append(_after_cursor(wanted.before))
        return found

    def _snippets(self, connection: Connection, ids: Sequence[str], words: Words) -> dict[str, str]:
        """Of the newest message of each chat that has the words; empty where only the title has."""
        newest = (select(func.max(TURNS.c.number)).where(TURNS.c.chat.in_(ids), self.search.in_turns(words))).group_by(
            TURNS.c.chat
        )
        rows = connection.execute(select(TURNS.c.chat, TURNS.c.content).where(TURNS.c.number.in_(newest)))
        return dict.fromkeys(ids, "") | {chat: snippet(content, words) for chat, content in rows}

    def folders(self, *, owner: str) -> list[Table]:
        query = select(CHATS.c.folder, func.count()).where(CHATS.c.owner == owner, CHATS.c.folder.is_not(None))
        with self.database.reading() as connection:
            rows = connection.execute(query.group_by(CHATS.c.folder).order_by(CHATS.c.folder)).all()
        return [{"name": name, "count": count} for name, count in rows]

    def tags(self, *, owner: str) -> list[Table]:
        query = select(TAGS.c.tag, func.count()).join(CHATS, CHATS.c.id == TAGS.c.chat).where(CHATS.c.owner == owner)
        with self.database.reading() as connection:
            rows = connection.execute(query.group_by(TAGS.c.tag).order_by(TAGS.c.tag)).all()
        return [{"name": name, "count": count} for name, count in rows]

    def idle(self, before: float) -> list[tuple[str, str]]:
        """The chats, with their owners, that were last used before a moment."""
        with self.database.reading() as connection:
            query = select(CHATS.c.id, CHATS.c.owner).where(CHATS.c.updated_at < before)
            return [(id, owner) for id, owner in connection.execute(query)]

    def _row(self, connection: Connection, id: str, owner: str) -> RowMapping:
        query = select(CHATS).where(CHATS.c.id == id, CHATS.c.owner == owner)
        row = connection.execute(query).mappings().one_or_none()
        if row is None:
            raise NoSuchChat(f"no such chat: {id[:100]}", hint="it was deleted, or is another one's")
        return row

    def _chat(self, connection: Connection, row: RowMapping) -> Chat:
        tags = connection.execute(select(TAGS.c.tag).where(TAGS.c.chat == row["id"]).order_by(TAGS.c.tag)).scalars()
        plain: Any = {name: value for name, value in row.items() if name not in ("number", "settings")}
        settings = orjson.loads(row["settings"])
        return Chat(**plain, settings=settings, tags=tuple(tags), temporary=self.temporary)


def put(connection: Connection, chat: Chat) -> None:
    columns = [column.name for column in CHATS.columns if column.name not in ("number", "settings")]
    values = {name: getattr(chat, name) for name in columns} | {"settings": orjson.dumps(chat.settings)}
    connection.execute(insert(CHATS).values(values))
    _put_tags(connection, chat.id, chat.tags)


def _put_tags(connection: Connection, id: str, tags: Iterable[str]) -> None:
    rows = [{"chat": id, "tag": tag} for tag in dict.fromkeys(tags)]
    if rows:
        connection.execute(insert(TAGS), rows)


def _check_current(connection: Connection, id: str, message: str) -> None:
    query = select(TURNS.c.number).where(TURNS.c.chat == id, TURNS.c.id == message)
    if connection.execute(query).first() is None:
        raise BadRequest(f"current is no message of this chat: {message[:100]}")


def _copied(path: Sequence[Turn]) -> tuple[list[Turn], str]:
    """The turns under new ids, and the id of the last. What was under way when it was copied is what it was then."""
    ids = {turn.id: new_id("msg") for turn in path}
    status = {turn.id: "stopped" if turn.status == "running" else turn.status for turn in path}
    made: list[Any] = [
        replace(turn, id=ids[turn.id], parent=ids.get(turn.parent or ""), status=status[turn.id]) for turn in path
    ]
    return made, ids[path[-1].id]


def _cursor(row: RowMapping) -> str:
    return f"{int(row['pinned'])}_{row['updated_at']!r}_{row['number']}"


def _after_cursor(cursor: str) -> ColumnElement[bool]:
    """What comes after a row in the order of a page. Raises BadRequest."""
    try:
        pinned, moment, number = cursor.split("_")
        values = bool(int(pinned)), float(moment), int(number)
    except ValueError as error:
        raise BadRequest("before is no cursor", hint="take `next` of the page before") from error
    same_pin = CHATS.c.pinned == values[0]
    later = or_(CHATS.c.updated_at < values[1], and_(CHATS.c.updated_at == values[1], CHATS.c.number < values[2]))
    return or_(and_(same_pin, later), CHATS.c.pinned.is_(False)) if values[0] else and_(same_pin, later)
