"""Answers kept on the server, so that a later request can go on from them (`previous_response_id`).

Each row holds the messages that its request added, the answer's own last; a conversation is the chain of rows to
the first. A chain is its owner's: another one's is not found.
"""

from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Column, Float, ForeignKey, LargeBinary, RowMapping, Table, Text, delete, insert, or_, select

from domov.chats.messages import from_json, to_json
from domov.database import METADATA, Database
from domov.errors import NoSuchAnswer
from domov.types import Message

ANSWERS = Table(
    "answers",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("previous", Text, ForeignKey("answers.id", ondelete="SET NULL"), index=True),
    Column("owner", Text, nullable=False, index=True),
    Column("created_at", Float, nullable=False, index=True),
    Column("model", Text, nullable=False),
    Column("messages", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
)


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    id: str
    previous: str | None
    model: str
    created_at: float  # seconds since 1970
    messages: tuple[Message, ...]  # that this request added, and the answer
    body: dict[str, Any]  # the answer as the dialect gave it
    owner: str  # the id of a key; empty where none is used


@dataclass(frozen=True)
class Answers:
    database: Database

    def put(self, answer: KeptAnswer) -> None:
        """Raises NoSuchAnswer where the one that it goes on from was deleted while it was written."""
        row = {
            "id": answer.id,
            "previous": answer.previous,
            "owner": answer.owner,
            "created_at": answer.created_at,
            "model": answer.model,
            "messages": to_json(answer.messages),
            "body": orjson.dumps(answer.body),
        }
        with self.database.transaction() as connection:
            before = select(ANSWERS.c.id).where(ANSWERS.c.id == answer.previous)
            if answer.previous is not None and connection.execute(before).first() is None:
                raise NoSuchAnswer(
                    f"the answer that this goes on from was deleted meanwhile: {answer.previous[:100]}",
                    hint="ask again with the whole conversation; this answer is not kept",
                )
            connection.execute(insert(ANSWERS).values(row))

    def get(self, id: str, *, owner: str) -> KeptAnswer:
        """Raises NoSuchAnswer."""
        query = select(ANSWERS).where(ANSWERS.c.id == id, ANSWERS.c.owner == owner)
        with self.database.transaction() as connection:
            row = connection.execute(query).mappings().one_or_none()
        if row is None:
            raise NoSuchAnswer(f"no such answer: {id[:100]}", hint="it was not kept, or has been deleted")
        return _answer(row)

    def chain(self, id: str, *, owner: str) -> list[KeptAnswer]:
        """The answers that led to one, the first of them first, itself last. Raises NoSuchAnswer."""
        chain = [self.get(id, owner=owner)]
        while previous := chain[-1].previous:
            chain.append(self.get(previous, owner=owner))
        return chain[::-1]

    def conversation(self, id: str, *, owner: str) -> tuple[Message, ...]:
        """All messages that led to an answer, and its own. Raises NoSuchAnswer."""
        return tuple(message for answer in self.chain(id, owner=owner) for message in answer.messages)

    def delete(self, id: str, *, owner: str) -> None:
        """What goes on from it begins where it ended. Raises NoSuchAnswer."""
        query = delete(ANSWERS).where(ANSWERS.c.id == id, ANSWERS.c.owner == owner)
        with self.database.transaction() as connection:
            if not connection.execute(query).rowcount:
                raise NoSuchAnswer(f"no such answer: {id[:100]}", hint="it was not kept, or has been deleted")

    def prune(self, *, older_than: float, most: int) -> list[str]:
        """Deletes what is older than a time (seconds since 1970), and the oldest beyond a number. Returns their ids."""
        newest = select(ANSWERS.c.created_at).order_by(ANSWERS.c.created_at.desc())
        with self.database.transaction() as connection:
            first_too_many = connection.execute(newest.offset(most).limit(1)).scalar()
            oldest = ANSWERS.c.created_at < older_than
            gone = oldest if first_too_many is None else or_(oldest, ANSWERS.c.created_at <= first_too_many)
            return list(connection.execute(delete(ANSWERS).where(gone).returning(ANSWERS.c.id)).scalars())


def _answer(row: RowMapping) -> KeptAnswer:
    return KeptAnswer(
        id=row["id"],
        previous=row["previous"],
        model=row["model"],
        created_at=row["created_at"],
        messages=from_json(row["messages"]),
        body=orjson.loads(row["body"]),
        owner=row["owner"],
    )
