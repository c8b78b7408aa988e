"""The keys of callers: who may do what, how much, with which models, and until when.

A secret is 32 random bytes. It is shown once and kept as its SHA-256 only: whoever reads the database can't call with
what is there. A key that is rotated stays the same key with another secret; a revoked one stays as a row.
"""

import hashlib
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any, Literal, cast
from uuid import uuid4

import orjson
from sqlalchemy import Column, Float, ForeignKey, Integer, LargeBinary, RowMapping, Table, Text, insert, select, update

from domov.database import METADATA, Database
from domov.errors import BadOption, NoSuchKey

Scope = Literal["inference", "models", "admin"]
SCOPES: tuple[Scope, ...] = ("inference", "models", "admin")  # each may do what those before it may
PREFIX = "domov-"
MOST_SECRET_BYTES = 256
MOST_COST = 1e12
_NAME = re.compile(r"\w[\w .@+\-]{0,63}")

KEYS = Table(
    "keys",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("shown", Text, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float),
    Column("revoked_at", Float),
    Column("requests_per_minute", Integer),
    Column("tokens_per_day", Integer),
    Column("models", LargeBinary, nullable=False),
    Column("tokens_per_month", Integer),
    Column("cost_per_month", Float),
    Column("user_id", Text),  # no foreign key: SQLite can't add one to a table that is there
)
KEY_USAGE = Table(
    "key_usage",
    METADATA,
    Column("key_id", Text, ForeignKey("keys.id", ondelete="CASCADE"), primary_key=True),
    Column("day", Text, primary_key=True),
    Column("requests", Integer, nullable=False),
    Column("tokens", Integer, nullable=False),
    Column("cost", Float, nullable=False, server_default="0"),
)


@dataclass(frozen=True, slots=True)
class Grant:
    """What a key gives. None is no limit."""

    name: str
    scope: Scope = "inference"
    expires_at: float | None = field(default=None, kw_only=True)  # seconds since 1970
    requests_per_minute: int | None = field(default=None, kw_only=True)
    tokens_per_day: int | None = field(default=None, kw_only=True)  # read and written; days of UTC
    tokens_per_month: int | None = field(default=None, kw_only=True)  # calendar months of UTC
    cost_per_month: float | None = field(default=None, kw_only=True)  # in the setting `currency`; months of UTC
    models: tuple[str, ...] = field(default=(), kw_only=True)  # names, or patterns as qwen3:*; none: all
    within: "Grant | None" = field(default=None, kw_only=True)  # of the account that a key is of: never more than that

    @property
    def bounds(self) -> "tuple[Grant, ...]":
        """All that have to give what is wanted."""
        return (self, *self.within.bounds) if self.within else (self,)

    @property
    def all_models(self) -> bool:
        return not any(grant.models for grant in self.bounds)

    def covers(self, needed: Scope) -> bool:
        return all(SCOPES.index(needed) <= SCOPES.index(grant.scope) for grant in self.bounds)

    def allows(self, model: str) -> bool:
        """Whether a model of that full name may be used; a name without a tag stands for all of its tags."""
        return all(_among(model, grant.models) for grant in self.bounds)


def _among(model: str, patterns: tuple[str, ...]) -> bool:
    return not patterns or any(fnmatchcase(model, p) or model.startswith(f"{p}:") for p in patterns)


@dataclass(frozen=True, slots=True)
class Key:
    id: str
    grant: Grant
    digest: bytes  # of the secret, SHA-256
    shown: str  # how the secret begins
    created_at: float
    revoked_at: float | None = None
    user_id: str | None = None  # whose it is; None: the server's own, made by who administers it

    @property
    def owner(self) -> str:
        """Of what its callers keep."""
        return self.user_id or self.id

    def why_unusable(self, moment: float) -> str | None:
        if self.revoked_at is not None:
            return "this key was revoked"
        if self.grant.expires_at is not None and moment >= self.grant.expires_at:
            return "this key has expired"
        return None

    def row(self) -> dict[str, Any]:
        """What may be shown of it."""
        given = asdict(replace(self.grant, within=None))
        del given["within"]
        named = {"created_at": self.created_at, "revoked_at": self.revoked_at, "user": self.user_id}
        return {"id": self.id, **given, "shown": f"{self.shown}…", **named}


def new_secret() -> str:
    return PREFIX + secrets.token_urlsafe(32)


def digest_of(secret: str | bytes) -> bytes:
    return hashlib.sha256(secret.encode() if isinstance(secret, str) else secret).digest()


def checked(grant: Grant, moment: float, *, what: str = "key") -> Grant:
    """The grant, if a key, or what else is told, can have it. Raises BadOption."""
    if not _NAME.fullmatch(grant.name):
        raise BadOption(
            f"a {what} can't be called {ascii(grant.name[:60])}", hint="use letters, digits, spaces and .@+-_"
        )
    if grant.scope not in SCOPES:
        raise BadOption(f"no such scope: {ascii(grant.scope[:60])}", hint=f"the scopes are: {', '.join(SCOPES)}")
    if grant.expires_at is not None and not moment < grant.expires_at < moment + 100 * 366 * 86400:
        raise BadOption("a key can't expire in the past, or in more than a hundred years")
    for limit in (grant.requests_per_minute, grant.tokens_per_day, grant.tokens_per_month):
        if limit is not None and not 1 <= limit <= 1 << 53:
            raise BadOption(f"a limit can't be {limit}", hint="it takes a whole number from 1 on, or leave it out")
    if grant.cost_per_month is not None and not 0 < grant.cost_per_month <= MOST_COST:
        raise BadOption(f"a limit can't be {grant.cost_per_month}", hint="it takes an amount of money above 0")
    if len(grant.models) > 100 or any(not m.isprintable() or not 0 < len(m) <= 200 for m in grant.models):
        raise BadOption("models takes up to 100 names of models, or patterns as qwen3:*")
    if grant.models and grant.scope != "inference":
        raise BadOption(
            f"a {what} of scope {grant.scope} is for all models", hint="leave models out, or take inference"
        )
    return grant


@dataclass(frozen=True)
class Keys:
    database: Database
    clock: Callable[[], float] = time.time

    def add(self, grant: Grant, *, user_id: str | None = None) -> tuple[Key, str]:
        """A new key, and its secret, which is kept nowhere. Raises BadOption, also for a name that is in use.

        user_id  whose it is to be; None: the server's
        """
        checked(grant, self.clock())
        secret, shown = new_secret(), len(PREFIX) + 4
        id = f"key_{uuid4().hex[:12]}"
        key = Key(id, grant, digest_of(secret), secret[:shown], self.clock(), user_id=user_id)
        with self.database.transaction() as connection:
            mine = KEYS.c.user_id.is_(None) if user_id is None else KEYS.c.user_id == user_id
            named = select(KEYS).where(mine, KEYS.c.name == grant.name, KEYS.c.revoked_at.is_(None))
            if connection.execute(named).first():
                raise BadOption(f"there is a key called {grant.name}", hint="give it another name, or rotate that one")
            connection.execute(insert(KEYS).values(_row(key)))
        return key, secret

    def all(self) -> list[Key]:
        """Every key there ever was, the newest last."""
        with self.database.reading() as connection:
            return [_key(row) for row in connection.execute(select(KEYS).order_by(KEYS.c.created_at)).mappings()]

    def of(self, user_id: str) -> list[Key]:
        """Those of one account."""
        return [key for key in self.all() if key.user_id == user_id]

    def get(self, text: str) -> Key:
        """The key of an id, or the server's one in use of a name. Raises NoSuchKey."""
        found = [k for k in self.all() if k.id == text or _is_called(k, text)]
        if not found:
            raise NoSuchKey(f"no such key: {ascii(text[:60])[1:-1]}", hint="`domov keys list` shows them")
        return found[0]

    def revoke(self, text: str) -> Key:
        """From now on nobody calls with it. Raises NoSuchKey."""
        key = self.get(text)
        if key.revoked_at is None:
            key = replace(key, revoked_at=self.clock())
            self._change(key, revoked_at=key.revoked_at)
        return key

    def rotate(self, text: str) -> tuple[Key, str]:
        """Gives a key another secret; the old one ends. Raises NoSuchKey, BadOption for a revoked one."""
        key = self.get(text)
        if key.revoked_at is not None:
            raise BadOption(f"{key.grant.name} was revoked", hint="`domov keys add` makes a new one")
        secret = new_secret()
        key = replace(key, digest=digest_of(secret), shown=secret[: len(PREFIX) + 4])
        self._change(key, digest=key.digest, shown=key.shown)
        return key, secret

    def _change(self, key: Key, **values: Any) -> None:
        with self.database.transaction() as connection:
            connection.execute(update(KEYS).where(KEYS.c.id == key.id).values(values))


def _is_called(key: Key, name: str) -> bool:
    return key.grant.name == name and key.revoked_at is None and key.user_id is None


def _row(key: Key) -> dict[str, Any]:
    grant = key.grant
    return {
        "id": key.id,
        "name": grant.name,
        "scope": grant.scope,
        "digest": key.digest,
        "shown": key.shown,
        "created_at": key.created_at,
        "expires_at": grant.expires_at,
        "revoked_at": key.revoked_at,
        "requests_per_minute": grant.requests_per_minute,
        "tokens_per_day": grant.tokens_per_day,
        "tokens_per_month": grant.tokens_per_month,
        "cost_per_month": grant.cost_per_month,
        "user_id": key.user_id,
        "models": orjson.dumps(grant.models),
    }


def _key(row: RowMapping) -> Key:
    grant = Grant(
        row["name"],
        cast(Scope, row["scope"]),
        expires_at=row["expires_at"],
        requests_per_minute=row["requests_per_minute"],
        tokens_per_day=row["tokens_per_day"],
        tokens_per_month=row["tokens_per_month"],
        cost_per_month=row["cost_per_month"],
        models=tuple(orjson.loads(row["models"])),
    )
    return Key(row["id"], grant, row["digest"], row["shown"], row["created_at"], row["revoked_at"], row["user_id"])
