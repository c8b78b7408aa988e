"""The turns of chats as they are kept. A chat's owner is looked at before (`Chats.get`)."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection, RowMapping, delete, insert, select, update

from domov.chats.attached import attachment_of
from domov.chats.records import Attachment, Table, Turn
from domov.chats.schema import ATTACHED, ATTACHMENTS, CHATS, FIGURES, TURNS
from domov.database import Database
from domov.errors import NoSuchChat

AT_ONCE = 500  # ids in one statement
MOST_FIGURES = 20  # turns of a chat whose figures are kept
CHANGEABLE = ("content", "reasoning", "status", "model")


@dataclass(frozen=True)
class Turns:
    database: Database

    def of(self, chat: str) -> list[Turn]:
        """All turns of a chat, in the order in which they were made."""
        with self.database.reading() as connection:
            rows = connection.execute(select(TURNS).where(TURNS.c.chat == chat).order_by(TURNS.c.number)).mappings()
            attached = _attached(connection, chat)
            return [_turn(row, attached.get(row["id"], ())) for row in rows]

    def get(self, chat: str, id: str) -> Turn:
        """Raises NoSuchChat."""
        with self.database.reading() as connection:
            query = select(TURNS).where(TURNS.c.chat == chat, TURNS.c.id == id)
            row = connection.execute(query).mappings().one_or_none()
            if row is None:
                raise NoSuchChat(f"no such message: {id[:100]}", hint="it was deleted, or is of another chat")
            return _turn(row, _attached(connection, chat).get(id, ()))

    def add(self, turns: Sequence[Turn], *, chat: str) -> None:
        """Keeps new turns of a chat, in this order. Raises NoSuchChat where it was deleted meanwhile."""
        with self.database.transaction() as connection:
            if connection.execute(select(CHATS.c.number).where(CHATS.c.id == chat)).first() is None:
                raise NoSuchChat(f"no such chat: {chat[:100]}", hint="it was deleted meanwhile")
            put(connection, turns, chat=chat)

    def change(self, turn: Turn, *, moment: float | None = None) -> None:
        """Keeps what a turn has become; nothing where it was deleted meanwhile.

        moment  when its chat was last used, if that changes too
        """
        values: Table = {name: getattr(turn, name) for name in CHANGEABLE} | {"about": orjson.dumps(turn.about)}
        with self.database.transaction() as connection:
            connection.execute(update(TURNS).where(TURNS.c.id == turn.id).values(values))
            if moment is not None:
                connection.execute(update(CHATS).where(CHATS.c.id == turn.chat).values(updated_at=moment))

    def delete(self, chat: str, ids: Iterable[str], *, current: str | None) -> None:
        """Deletes turns, and has the chat show another leaf."""
        every = sorted(ids)
        with self.database.transaction() as connection:
            for start in range(0, len(every), AT_ONCE):
                some = every[start : start + AT_ONCE]
                connection.execute(delete(TURNS).where(TURNS.c.chat == chat, TURNS.c.id.in_(some)))
            connection.execute(update(CHATS).where(CHATS.c.id == chat).values(current=current))

    def keep_figures(self, turn: Turn, figures: list[Table]) -> None:
        """Keeps how likely a turn's tokens were; of a chat's older turns that is forgotten, as it is large."""
        newest = select(TURNS.c.id).join(FIGURES, FIGURES.c.message == TURNS.c.id).where(TURNS.c.chat == turn.chat)
        with self.database.transaction() as connection:
            connection.execute(delete(FIGURES).where(FIGURES.c.message == turn.id))
            if connection.execute(select(TURNS.c.id).where(TURNS.c.id == turn.id)).first() is None:
                return
            connection.execute(insert(FIGURES).values(message=turn.id, figures=orjson.dumps(figures)))
            old = connection.execute(newest.order_by(TURNS.c.number.desc()).offset(MOST_FIGURES)).scalars().all()
            connection.execute(delete(FIGURES).where(FIGURES.c.message.in_(old)))

    def figures(self, turn: Turn) -> list[Table]:
        """How likely a turn's tokens were; nothing where that is not kept."""
        with self.database.reading() as connection:
            kept = connection.execute(select(FIGURES.c.figures).where(FIGURES.c.message == turn.id)).scalar()
        found: list[Table] = orjson.loads(kept) if kept else []
        return found

    def interrupt(self) -> None:
        """Says of all that was being written that it ended: nobody writes it any more. Its text stays."""
        with self.database.transaction() as connection:
            query = update(TURNS).where(TURNS.c.status == "running")
            connection.execute(query.values(status="interrupted"))


def put(connection: Connection, turns: Sequence[Turn], *, chat: str) -> None:
    names = [column.name for column in TURNS.columns if column.name not in ("number", "chat", "about")]
    rows = [
        {name: getattr(turn, name) for name in names} | {"chat": chat, "about": orjson.dumps(turn.about)}
        for turn in turns
    ]
    links = [
        {"message": turn.id, "attachment": attachment.id, "place": place}
        for turn in turns
        for place, attachment in enumerate(turn.attachments)
    ]
    if rows:
        connection.execute(insert(TURNS), rows)
    if links:
        connection.execute(insert(ATTACHED), links)


def _attached(connection: Connection, chat: str) -> dict[str, tuple[Attachment, ...]]:
    """What is attached to each message of a chat."""
    query = (
        select(ATTACHED.c.message, ATTACHMENTS)
        .join(ATTACHMENTS, ATTACHMENTS.c.id == ATTACHED.c.attachment)
        .join(TURNS, TURNS.c.id == ATTACHED.c.message)
        .where(TURNS.c.chat == chat)
        .order_by(ATTACHED.c.place)
    )
    found: defaultdict[str, list[Attachment]] = defaultdict(list)
    for row in connection.execute(query).mappings():
        found[row["message"]].append(attachment_of(row))
    return {message: tuple(each) for message, each in found.items()}


def _turn(row: RowMapping, attachments: Sequence[Attachment]) -> Turn:
    plain: Any = {name: value for name, value in row.items() if name not in ("number", "about")}
    return Turn(**plain, about=orjson.loads(row["about"]), attachments=tuple(attachments))
