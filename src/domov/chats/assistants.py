"""Assistants: a name for instructions, options, documents and adapters that chats can begin with."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy import RowMapping, delete, insert, select, update

from domov.chats.records import Table, new_id
from domov.chats.schema import ASSISTANTS
from domov.database import Database
from domov.errors import NoSuchChat


@dataclass(frozen=True, slots=True)
class Assistant:
    id: str
    owner: str
    name: str
    created_at: float = 0.0
    # description, model, system, options, documents, adapters
    about: Table = field(default_factory=dict)

    def table(self) -> Table:
        return {"id": self.id, "name": self.name, **self.about}


@dataclass(frozen=True)
class Assistants:
    database: Database
    clock: Callable[[], float] = time.time

    def all(self, *, owner: str) -> list[Assistant]:
        query = select(ASSISTANTS).where(ASSISTANTS.c.owner == owner).order_by(ASSISTANTS.c.created_at)
        with self.database.reading() as connection:
            return [_assistant(row) for row in connection.execute(query).mappings()]

    def get(self, id: str, *, owner: str) -> Assistant:
        """Raises NoSuchChat."""
        query = select(ASSISTANTS).where(ASSISTANTS.c.id == id, ASSISTANTS.c.owner == owner)
        with self.database.reading() as connection:
            row = connection.execute(query).mappings().one_or_none()
        if row is None:
            raise NoSuchChat(f"no such assistant: {id[:100]}", hint="it was deleted, or is another one's")
        return _assistant(row)

    def add(self, name: str, about: Table, *, owner: str) -> Assistant:
        made = Assistant(new_id("asst"), owner, name, self.clock(), about)
        row = {"id": made.id, "owner": owner, "name": name, "created_at": made.created_at}
        with self.database.transaction() as connection:
            connection.execute(insert(ASSISTANTS).values(row | {"about": orjson.dumps(about)}))
        return made

    def change(self, id: str, changes: Table, *, owner: str) -> Assistant:
        """Raises NoSuchChat."""
        before = self.get(id, owner=owner)
        name = changes.get("name", before.name)
        about = before.about | {key: value for key, value in changes.items() if key != "name"}
        query = update(ASSISTANTS).where(ASSISTANTS.c.id == id, ASSISTANTS.c.owner == owner)
        with self.database.transaction() as connection:
            connection.execute(query.values(name=name, about=orjson.dumps(about)))
        return self.get(id, owner=owner)

    def delete(self, id: str, *, owner: str) -> None:
        """Raises NoSuchChat."""
        self.get(id, owner=owner)
        with self.database.transaction() as connection:
            connection.execute(delete(ASSISTANTS).where(ASSISTANTS.c.id == id, ASSISTANTS.c.owner == owner))


def _assistant(row: RowMapping) -> Assistant:
    plain: Any = {name: value for name, value in row.items() if name != "about"}
    return Assistant(**plain, about=orjson.loads(row["about"]))
