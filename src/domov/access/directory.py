"""Who there is, in memory and never a moment out of date: accounts, what each gives, and open sessions.

Whether the database has changed is asked each time, as `callers` does; where it has, what is known is read anew.
"""

from collections.abc import Callable

from domov.access.keys import Grant, digest_of
from domov.access.people import Group, People, User, rights
from domov.access.sessions import Session, Sessions

MOST_SECRET_BYTES = 128
MOST_SESSIONS = 10_000


class Directory:
    """Its own thread only: the server's."""

    def __init__(
        self, people: Callable[[], People], sessions: Callable[[], Sessions], exists: Callable[[], bool]
    ) -> None:
        """exists: whether there is a database; where there is none, nobody has an account"""
        self._people, self._sessions, self._exists = people, sessions, exists
        self._version: object = None
        self._users: dict[str, User] = {}
        self._groups: dict[str, Group] = {}
        self._known: dict[bytes, Session | None] = {}
        self._asks = False

    def asks_who(self) -> bool:
        """Whether people log in here: as soon as there is an administrator."""
        if not self._exists():
            return False
        self._look()
        return self._asks

    def user(self, id: str) -> User | None:
        self._look()
        return self._users.get(id)

    def grant(self, id: str) -> Grant | None:
        """What an account gives; None where it is disabled or gone."""
        user = self.user(id)
        return rights(user, self._groups) if user and user.usable else None

    def session(self, secret: bytes) -> tuple[Session, User] | None:
        """The open session of a secret, and whose it is."""
        if not 0 < len(secret) <= MOST_SECRET_BYTES or not self._exists():
            return None
        self._look()
        digest = digest_of(secret)
        if digest not in self._known:
            if len(self._known) >= MOST_SESSIONS:
                self._known.clear()
            self._known[digest] = self._sessions().of_digest(digest)
        session = self._known[digest]
        user = self._users.get(session.user_id) if session else None
        if session is None or user is None or not user.usable or not self._sessions().good(session):
            return None
        return session, user

    def _look(self) -> None:
        version = self._people().database.version()
        if version != self._version:
            self._users = {user.id: user for user in self._people().all()}
            self._groups = {group.id: group for group in self._people().groups()}
            self._asks = any(user.role == "admin" for user in self._users.values())
            self._known.clear()
            self._version = version
