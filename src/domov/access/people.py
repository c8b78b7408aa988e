"""The people of this server: accounts with a role, and groups that say what their members may do.

With the first administrator everybody is asked who they are; before that, whoever sits at this computer may do
everything. Who is in no group has what the group `everyone` gives; in several, the widest of each counts.
"""

import re
import time
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, cast
from uuid import uuid4

import orjson
from sqlalchemy import (
    Column,
    Connection,
    Float,
    ForeignKey,
    Integer,
    LargeBinary,
    RowMapping,
    Table,
    Text,
    delete,
    func,
    insert,
    select,
    update,
)

from domov.access.keys import KEYS, SCOPES, Grant, Scope, checked
from domov.database import METADATA, Database
from domov.errors import BadOption, NoSuchGroup, NoSuchUser, NotPermitted

Role = Literal["admin", "user"]
ROLES: tuple[Role, ...] = ("admin", "user")
EVERYONE = "everyone"
USER_ID = re.compile(r"user_[0-9a-f]{12}")
_NAME = re.compile(r"\w[\w .@+\-]{0,63}")

USERS = Table(
    "users",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("login", Text, nullable=False, unique=True),
    Column("role", Text, nullable=False),
    Column("password", Text),
    Column("totp", Text),
    Column("totp_step", Integer),
    Column("subject", Text, unique=True),
    Column("created_at", Float, nullable=False),
    Column("disabled_at", Float),
    Column("last_login_at", Float),
)
GROUPS = Table(
    "user_groups",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("created_at", Float, nullable=False),
    Column("scope", Text, nullable=False),
    Column("requests_per_minute", Integer),
    Column("tokens_per_day", Integer),
    Column("tokens_per_month", Integer),
    Column("cost_per_month", Float),
    Column("models", LargeBinary, nullable=False),
)
MEMBERS = Table(
    "members",
    METADATA,
    Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("group_id", Text, ForeignKey("user_groups.id", ondelete="CASCADE"), primary_key=True),
)


@dataclass(frozen=True, slots=True)
class User:
    id: str  # the owner of what they keep
    name: str
    role: Role
    groups: tuple[str, ...]  # ids, sorted
    created_at: float  # seconds since 1970, as all times
    disabled_at: float | None = None
    last_login_at: float | None = None
    password: str | None = field(default=None, repr=False)  # argon2's text
    totp: str | None = field(default=None, repr=False)  # the secret, in base32
    totp_step: int | None = None  # the last one that was used
    subject: str | None = None  # of OpenID Connect: issuer|sub

    @property
    def usable(self) -> bool:
        return self.disabled_at is None

    def row(self) -> dict[str, Any]:
        """What may be shown of it."""
        shown = {key: getattr(self, key) for key in ("id", "name", "role", "groups", "created_at", "disabled_at")}
        ways = {"password": self.password is not None, "totp": self.totp is not None, "oidc": self.subject is not None}
        return {**shown, "last_login_at": self.last_login_at, **ways}


@dataclass(frozen=True, slots=True)
class Group:
    id: str
    grant: Grant  # its name is the group's

    def row(self) -> dict[str, Any]:
        table = asdict(self.grant)
        return {"id": self.id, **{key: table[key] for key in ("name", "scope", *LIMITS, "models")}}


LIMITS = ("requests_per_minute", "tokens_per_day", "tokens_per_month", "cost_per_month")


def rights(user: User, groups: Mapping[str, Group]) -> Grant:
    """What an account gives: everything to an administrator, to others what their groups do. Pure."""
    if user.role == "admin":
        return Grant(user.name, "admin")
    given = [groups[id].grant for id in user.groups if id in groups] or [groups[EVERYONE].grant]
    every_model = any(not grant.models for grant in given)
    return Grant(
        user.name,
        max((grant.scope for grant in given), key=SCOPES.index),
        models=() if every_model else tuple(sorted({model for grant in given for model in grant.models})),
        **{name: _widest([getattr(grant, name) for grant in given]) for name in LIMITS},
    )


def _widest(limits: Sequence[Any]) -> Any:
    """None is no limit."""
    return None if None in limits else max(limit for limit in limits if limit is not None)


def login_of(name: str) -> str:
    """What a name is told apart by: neither case nor the way its letters are written counts."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold()).strip()


@dataclass(frozen=True)
class People:
    database: Database
    clock: Callable[[], float] = time.time

    def add(
        self,
        name: str,
        role: Role,
        *,
        groups: Iterable[str] = (),
        password: str | None = None,
        subject: str | None = None,
    ) -> User:
        """A new account. groups: ids or names. Raises BadOption, NoSuchGroup."""
        with self.database.transaction() as connection:
            return self.add_in(connection, name, role, groups=groups, ways={"password": password, "subject": subject})

    def add_in(
        self,
        connection: Connection,
        name: str,
        role: Role,
        *,
        groups: Iterable[str] = (),
        ways: Mapping[str, str | None],
    ) -> User:
        """The same as a part of something larger. ways: `password` and `subject`."""
        name = _checked_name(name)
        if role not in ROLES:
            raise BadOption(f"no such role: {ascii(str(role)[:60])}", hint=f"the roles are: {', '.join(ROLES)}")
        if connection.execute(select(USERS.c.id).where(USERS.c.login == login_of(name))).first():
            raise BadOption(f"there is an account called {name}", hint="give it another name")
        ids = [_group_id(connection, group) for group in groups]
        id = f"user_{uuid4().hex[:12]}"
        row: dict[str, Any] = {"id": id, "name": name, "login": login_of(name), "role": role}
        row |= {"created_at": self.clock(), **ways}
        connection.execute(insert(USERS).values(row))
        _put_members(connection, id, ids)
        return _read(connection, id)

    def all(self) -> list[User]:
        """Every account, the oldest first."""
        with self.database.reading() as connection:
            groups: dict[str, list[str]] = {}
            for user_id, group_id in connection.execute(select(MEMBERS)):
                groups.setdefault(user_id, []).append(group_id)
            rows = connection.execute(select(USERS).order_by(USERS.c.created_at, USERS.c.id)).mappings()
            return [_user(row, groups.get(row["id"], ())) for row in rows]

    def get(self, text: str) -> User:
        """The account of an id or a name. Raises NoSuchUser."""
        found = self.find(text)
        if found is None:
            raise NoSuchUser(f"no such user: {ascii(text[:60])[1:-1]}", hint="`domov users list` shows them")
        return found

    def find(self, text: str) -> User | None:
        with self.database.reading() as connection:
            by = USERS.c.id == text if USER_ID.fullmatch(text) else USERS.c.login == login_of(text[:256])
            id = connection.execute(select(USERS.c.id).where(by)).scalar()
            return _read(connection, id) if id else None

    def of_subject(self, subject: str) -> User | None:
        with self.database.reading() as connection:
            id = connection.execute(select(USERS.c.id).where(USERS.c.subject == subject)).scalar()
            return _read(connection, id) if id else None

    def change(
        self, id: str, *, name: str | None = None, role: Role | None = None, groups: Iterable[str] | None = None
    ) -> User:
        """Raises NoSuchUser, NoSuchGroup, BadOption, and NotPermitted for the last administrator's role."""
        with self.database.transaction() as connection:
            before = _read(connection, id)
            values: dict[str, Any] = {}
            if name is not None and name != before.name:
                name = _checked_name(name)
                taken = select(USERS.c.id).where(USERS.c.login == login_of(name), USERS.c.id != id)
                if connection.execute(taken).first():
                    raise BadOption(f"there is an account called {name}", hint="give it another name")
                values |= {"name": name, "login": login_of(name)}
            if role is not None and role != before.role:
                if role not in ROLES:
                    raise BadOption(f"no such role: {ascii(str(role)[:60])}")
                _keep_an_admin(connection, before)
                values["role"] = role
            if values:
                connection.execute(update(USERS).where(USERS.c.id == id).values(values))
            if groups is not None:
                _put_members(connection, id, [_group_id(connection, group) for group in groups])
            return _read(connection, id)

    def disable(self, id: str, disabled: bool) -> User:
        """Nobody gets in with it until it is enabled again. Raises NoSuchUser, NotPermitted for the last one."""
        with self.database.transaction() as connection:
            before = _read(connection, id)
            if disabled:
                _keep_an_admin(connection, before)
            moment = (before.disabled_at or self.clock()) if disabled else None
            connection.execute(update(USERS).where(USERS.c.id == id).values(disabled_at=moment))
            return _read(connection, id)

    def delete(self, connection: Connection, id: str) -> User:
        """The account, its keys, sessions and links. Raises NoSuchUser, NotPermitted for the last administrator."""
        gone = _read(connection, id)
        _keep_an_admin(connection, gone)
        connection.execute(delete(KEYS).where(KEYS.c.user_id == id))
        connection.execute(delete(USERS).where(USERS.c.id == id))
        return gone

    def note(self, id: str, **values: Any) -> None:
        """Sets columns of an account: its password, its second factor, when it was last used."""
        with self.database.transaction() as connection:
            connection.execute(update(USERS).where(USERS.c.id == id).values(values))

    def set_password_in(self, connection: Connection, id: str, password: str) -> None:
        connection.execute(update(USERS).where(USERS.c.id == id).values(password=password))

    def use_step(self, id: str, step: int) -> bool:
        """Whether a code of that time was not used yet; from now on it is."""
        unused = (USERS.c.totp_step.is_(None)) | (USERS.c.totp_step < step)
        with self.database.transaction() as connection:
            return bool(
                connection.execute(update(USERS).where(USERS.c.id == id, unused).values(totp_step=step)).rowcount
            )

    def groups(self) -> list[Group]:
        """`everyone` first, then by name."""
        with self.database.reading() as connection:
            found = [_group(row) for row in connection.execute(select(GROUPS)).mappings()]
        return sorted(found, key=lambda group: (group.id != EVERYONE, group.grant.name))

    def group(self, text: str) -> Group:
        """By id or name. Raises NoSuchGroup."""
        with self.database.reading() as connection:
            id = _group_id(connection, text)
            return _group(connection.execute(select(GROUPS).where(GROUPS.c.id == id)).mappings().one())

    def add_group(self, grant: Grant) -> Group:
        """Raises BadOption."""
        group = Group(f"group_{uuid4().hex[:12]}", _checked_group(grant, self.clock()))
        with self.database.transaction() as connection:
            _check_free(connection, group)
            connection.execute(insert(GROUPS).values(_group_row(group) | {"created_at": self.clock()}))
        return group

    def change_group(self, text: str, grant: Grant) -> Group:
        """Raises NoSuchGroup, BadOption."""
        group = Group(self.group(text).id, _checked_group(grant, self.clock()))
        if group.id == EVERYONE and grant.name != EVERYONE:
            raise BadOption("the group everyone keeps its name")
        with self.database.transaction() as connection:
            _check_free(connection, group)
            connection.execute(update(GROUPS).where(GROUPS.c.id == group.id).values(_group_row(group)))
        return group

    def delete_group(self, text: str) -> Group:
        """Its members stay. Raises NoSuchGroup, BadOption."""
        group = self.group(text)
        if group.id == EVERYONE:
            raise BadOption("the group everyone can't be deleted", hint="it is what people without a group have")
        with self.database.transaction() as connection:
            connection.execute(delete(GROUPS).where(GROUPS.c.id == group.id))
        return group


def _checked_name(name: str) -> str:
    name = unicodedata.normalize("NFC", name).strip()
    if not _NAME.fullmatch(name) or USER_ID.fullmatch(name):
        raise BadOption(
            f"an account can't be called {ascii(name[:60])}", hint="use up to 64 letters, digits, spaces and .@+-_"
        )
    return name


def _keep_an_admin(connection: Connection, user: User) -> None:
    """Raises NotPermitted where nobody would be left who may administer."""
    if user.role != "admin" or not user.usable:
        return
    others = USERS.c.role == "admin", USERS.c.disabled_at.is_(None), USERS.c.id != user.id
    if not connection.execute(select(func.count()).select_from(USERS).where(*others)).scalar():
        raise NotPermitted(f"{user.name} is the last administrator", hint="make somebody else one first")


def _read(connection: Connection, id: str) -> User:
    row = connection.execute(select(USERS).where(USERS.c.id == id)).mappings().one_or_none()
    if row is None:
        raise NoSuchUser(f"no such user: {ascii(id[:60])[1:-1]}")
    groups = connection.execute(select(MEMBERS.c.group_id).where(MEMBERS.c.user_id == id)).scalars()
    return _user(row, groups)


def _user(row: RowMapping, groups: Iterable[str]) -> User:
    values = {key: value for key, value in row.items() if key != "login"}
    return User(**values, groups=tuple(sorted(groups)))


def _put_members(connection: Connection, user_id: str, groups: Sequence[str]) -> None:
    connection.execute(delete(MEMBERS).where(MEMBERS.c.user_id == user_id))
    for group_id in sorted(set(groups) - {EVERYONE}):
        connection.execute(insert(MEMBERS).values(user_id=user_id, group_id=group_id))


def _group_id(connection: Connection, text: str) -> str:
    by = (GROUPS.c.id == text) | (GROUPS.c.name == text)
    id = connection.execute(select(GROUPS.c.id).where(by)).scalar()
    if id is None:
        raise NoSuchGroup(f"no such group: {ascii(text[:60])[1:-1]}", hint="`domov users groups` shows them")
    return str(id)


def _checked_group(grant: Grant, moment: float) -> Grant:
    if grant.scope == "admin":
        raise BadOption("a group can't make administrators", hint="that is a person's role")
    return checked(grant, moment, what="group")


def _check_free(connection: Connection, group: Group) -> None:
    taken = select(GROUPS.c.id).where(GROUPS.c.name == group.grant.name, GROUPS.c.id != group.id)
    if connection.execute(taken).first():
        raise BadOption(f"there is a group called {group.grant.name}", hint="give it another name")


def _group_row(group: Group) -> dict[str, Any]:
    grant = group.grant
    limits = {limit: getattr(grant, limit) for limit in LIMITS}
    return {"id": group.id, "name": grant.name, "scope": grant.scope, **limits, "models": orjson.dumps(grant.models)}


def _group(row: RowMapping) -> Group:
    limits = {limit: row[limit] for limit in LIMITS}
    models = tuple(orjson.loads(row["models"]))
    return Group(row["id"], Grant(row["name"], cast(Scope, row["scope"]), models=models, **limits))
