"""One-time links: for somebody who is to have an account, or to set a new password for one that is there.

A link is shown once and kept as its SHA-256; it ends when it is used, withdrawn, or its time is over. Its secret stands
behind the `#` of an address, which browsers send to nobody.
"""

import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, cast
from uuid import uuid4

import orjson
from sqlalchemy import Column, Float, ForeignKey, LargeBinary, RowMapping, Table, Text, delete, insert, select, update

from domov.access.keys import digest_of
from domov.access.people import ROLES, People, Role, User
from domov.access.sessions import end_all_in
from domov.database import METADATA, Database
from domov.errors import BadOption, NoSuchInvitation

PREFIX = "invite-"
MOST_SECRET = 100
DAYS, MOST_DAYS, RESET_DAYS = 7, 90, 2
KEPT_SECONDS = 30 * 86400.0  # after their end, for the list

INVITATIONS = Table(
    "invitations",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE")),
    Column("note", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("groups", LargeBinary, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
    Column("used_at", Float),
)


@dataclass(frozen=True, slots=True)
class Invitation:
    id: str
    user_id: str | None  # whose password it sets; None: it makes an account
    note: str  # for whom it is
    role: Role
    groups: tuple[str, ...]
    created_at: float
    expires_at: float
    used_at: float | None = None

    def row(self) -> dict[str, Any]:
        table: dict[str, Any] = {"id": self.id, "kind": "reset" if self.user_id else "invitation", "user": self.user_id}
        table |= {"note": self.note, "role": self.role, "groups": self.groups}
        return table | {"created_at": self.created_at, "expires_at": self.expires_at, "used_at": self.used_at}


@dataclass(frozen=True)
class Invitations:
    people: People
    clock: Callable[[], float] = time.time

    @property
    def database(self) -> Database:
        return self.people.database

    def invite(
        self, note: str, *, role: Role = "user", groups: Iterable[str] = (), days: float = DAYS
    ) -> tuple[Invitation, str]:
        """A link for a new account, and its secret. Raises BadOption, NoSuchGroup."""
        if role not in ROLES:
            raise BadOption(f"no such role: {ascii(str(role)[:60])}", hint=f"the roles are: {', '.join(ROLES)}")
        if not note.isprintable() or len(note) > 100:
            raise BadOption("a note is one line of up to 100 characters")
        ids = tuple(sorted(self.people.group(group).id for group in groups))
        return self._add(note, role=role, groups=ids, days=days)

    def reset(self, user: User, *, days: float = RESET_DAYS) -> tuple[Invitation, str]:
        """A link that sets a new password for an account. Earlier ones for it end."""
        with self.database.transaction() as connection:
            connection.execute(delete(INVITATIONS).where(INVITATIONS.c.user_id == user.id))
        return self._add(user.name, role=user.role, user_id=user.id, days=days)

    def _add(
        self, note: str, *, role: Role, groups: tuple[str, ...] = (), user_id: str | None = None, days: float
    ) -> tuple[Invitation, str]:
        if not 0 < days <= MOST_DAYS:
            raise BadOption(f"a link can't be good for {days:g} days", hint=f"at most {MOST_DAYS}")
        now, secret = self.clock(), PREFIX + secrets.token_urlsafe(32)
        made = Invitation(f"link_{uuid4().hex[:12]}", user_id, note, role, groups, now, now + days * 86400)
        row = {key: getattr(made, key) for key in ("id", "user_id", "note", "role", "created_at", "expires_at")}
        row |= {"digest": digest_of(secret), "groups": orjson.dumps(groups)}
        with self.database.transaction() as connection:
            connection.execute(delete(INVITATIONS).where(INVITATIONS.c.expires_at < now - KEPT_SECONDS))
            connection.execute(insert(INVITATIONS).values(row))
        return made, secret

    def all(self) -> list[Invitation]:
        """The newest first."""
        with self.database.reading() as connection:
            rows = connection.execute(select(INVITATIONS).order_by(INVITATIONS.c.created_at.desc())).mappings()
            return [_invitation(row) for row in rows]

    def find(self, secret: str) -> Invitation:
        """Raises NoSuchInvitation for a link that can't be used, or not any more."""
        with self.database.reading() as connection:
            query = select(INVITATIONS).where(INVITATIONS.c.digest == digest_of(secret[:MOST_SECRET]))
            row = connection.execute(query).mappings().one_or_none()
        found = _invitation(row) if row else None
        if found is None or found.used_at is not None or self.clock() >= found.expires_at:
            raise NoSuchInvitation(
                "this link is not good, or not any more", hint="ask whoever gave it to you for a new one"
            )
        return found

    def accept(self, secret: str, *, name: str, password: str) -> User:
        """The account that a link has made, or given a new password. password: argon2's text.

        All or nothing, and once. Sessions that were open with an older password end. Raises NoSuchInvitation,
        BadOption for a name that is taken.
        """
        found = self.find(secret)
        with self.database.transaction() as connection:
            unused = INVITATIONS.c.id == found.id, INVITATIONS.c.used_at.is_(None)
            if not connection.execute(update(INVITATIONS).where(*unused).values(used_at=self.clock())).rowcount:
                raise NoSuchInvitation("this link was used already", hint="ask for a new one")
            if found.user_id is None:
                ways = {"password": password, "subject": None}
                known = {group.id for group in self.people.groups()}  # one may have been deleted since
                groups = [group for group in found.groups if group in known]
                return self.people.add_in(connection, name, found.role, groups=groups, ways=ways)
            self.people.set_password_in(connection, found.user_id, password)
            end_all_in(connection, found.user_id)
        return self.people.get(found.user_id)

    def withdraw(self, id: str) -> Invitation:
        """Raises NoSuchInvitation."""
        found = next((one for one in self.all() if one.id == id), None)
        if found is None:
            raise NoSuchInvitation(f"no such link: {ascii(id[:60])[1:-1]}")
        with self.database.transaction() as connection:
            connection.execute(delete(INVITATIONS).where(INVITATIONS.c.id == id))
        return found


def _invitation(row: RowMapping) -> Invitation:
    values = {key: value for key, value in row.items() if key not in ("digest", "groups", "role")}
    return Invitation(**values, role=cast(Role, row["role"]), groups=tuple(orjson.loads(row["groups"])))
