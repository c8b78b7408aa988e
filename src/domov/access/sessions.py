"""Who is logged in: a random secret in the browser's cookie, kept here as its SHA-256 only.

A session ends when it is not used for a while, and after a while in any case; a new login is a new secret.
"""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any
from uuid import uuid4

from sqlalchemy import (
    Column,
    Connection,
    Float,
    ForeignKey,
    LargeBinary,
    Table,
    Text,
    delete,
    insert,
    or_,
    select,
    update,
)

from domov.access.keys import digest_of
from domov.database import METADATA, Database
from domov.errors import NoSuchSession

DAY_SECONDS = 86400.0
NOTE_SECONDS = 60.0  # how old what is written of the last use may be

SESSIONS = Table(
    "sessions",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("created_at", Float, nullable=False),
    Column("used_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
    Column("address", Text, nullable=False),
    Column("agent", Text, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Session:
    id: str
    user_id: str
    created_at: float
    used_at: float
    expires_at: float
    address: str
    agent: str  # how the browser names itself

    def row(self) -> dict[str, Any]:
        return {key: value for key, value in asdict(self).items() if key != "user_id"}


def page_token(secret: bytes) -> str:
    """What a page has to send beside the cookie when it changes something: other pages can't read it."""
    return hmac.new(secret, b"domov page", hashlib.sha256).hexdigest()


@dataclass(frozen=True)
class Sessions:
    database: Database
    idle_seconds: float
    longest_seconds: float
    clock: Callable[[], float] = time.time

    def begin(self, user_id: str, *, address: str, agent: str) -> tuple[Session, str]:
        """A new session, and its secret. Those that are over are forgotten."""
        now, secret = self.clock(), secrets.token_urlsafe(32)
        session = Session(
            f"session_{uuid4().hex[:12]}", user_id, now, now, now + self.longest_seconds, address, agent[:200]
        )
        with self.database.transaction() as connection:
            connection.execute(delete(SESSIONS).where(self._over(now)))
            connection.execute(insert(SESSIONS).values(**asdict(session), digest=digest_of(secret)))
        return session, secret

    def of_digest(self, digest: bytes) -> Session | None:
        with self.database.reading() as connection:
            row = connection.execute(select(SESSIONS).where(SESSIONS.c.digest == digest)).mappings().one_or_none()
        return Session(**{key: value for key, value in row.items() if key != "digest"}) if row else None

    def is_open(self, id: str) -> bool:
        with self.database.reading() as connection:
            query = select(SESSIONS.c.id).where(SESSIONS.c.id == id, ~self._over(self.clock()))
            return connection.execute(query).first() is not None

    def good(self, session: Session) -> bool:
        now = self.clock()
        return now < session.expires_at and now - session.used_at < self.idle_seconds

    def noted(self, session: Session) -> Session | None:
        """The session as used now, where that is worth writing down."""
        now = self.clock()
        return replace(session, used_at=now) if now - session.used_at > NOTE_SECONDS else None

    def write(self, session: Session) -> None:
        with self.database.transaction() as connection:
            by = update(SESSIONS).where(SESSIONS.c.id == session.id)
            connection.execute(by.values(used_at=session.used_at))

    def of(self, user_id: str) -> list[Session]:
        """The good ones of an account, the one used last first."""
        now = self.clock()
        query = select(SESSIONS).where(SESSIONS.c.user_id == user_id, ~self._over(now))
        with self.database.reading() as connection:
            rows = connection.execute(query.order_by(SESSIONS.c.used_at.desc())).mappings()
            return [Session(**{key: value for key, value in row.items() if key != "digest"}) for row in rows]

    def end(self, id: str, *, user_id: str) -> None:
        """Raises NoSuchSession."""
        with self.database.transaction() as connection:
            gone = delete(SESSIONS).where(SESSIONS.c.id == id, SESSIONS.c.user_id == user_id)
            if not connection.execute(gone).rowcount:
                raise NoSuchSession(f"no such session: {ascii(id[:60])[1:-1]}")

    def end_all(self, user_id: str, *, but: str = "") -> int:
        """Those of an account but for one. Gives how many there were."""
        with self.database.transaction() as connection:
            return end_all_in(connection, user_id, but=but)

    def _over(self, now: float) -> Any:
        return or_(SESSIONS.c.expires_at <= now, SESSIONS.c.used_at <= now - self.idle_seconds)


def end_all_in(connection: Connection, user_id: str, *, but: str = "") -> int:
    return connection.execute(delete(SESSIONS).where(SESSIONS.c.user_id == user_id, SESSIONS.c.id != but)).rowcount
