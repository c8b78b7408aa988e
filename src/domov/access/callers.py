"""Who calls: the key that a secret belongs to, and the caller of the work under way.

Keys are looked up in memory; whether the database has changed since is asked each time, so that a key which is revoked,
by this process or another, is refused from the next request on.
"""

import hmac
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from domov.access.keys import MOST_SECRET_BYTES, Grant, Key, Keys, digest_of
from domov.errors import NotPermitted

EVERYTHING = Grant("this computer", "admin")
UNKNOWN = "this key is not known here"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a request is from. Work that nobody called for, as a command's, may do everything."""

    owner: str = (
        ""  # of what they keep: the account, or a key that is of none; empty where nobody is asked who they are
    )
    grant: Grant = EVERYTHING
    address: str = ""
    told: dict[str, str] = field(default_factory=dict)  # what the audit is to say of the action
    key: str = ""  # the id of the key that was shown
    user: str = ""  # the id of the account that it, or the session, is of
    session: str = ""  # the id of the session, where a person has logged in

    @property
    def account_key(self) -> str:
        """The id of the key of an account that was shown; empty where the owner says all, as with a server's key."""
        return self.key if self.user else ""

    def check_model(self, name: str) -> None:
        """Raises NotPermitted, whether or not there is such a model."""
        if not self.grant.allows(name):
            who = "this key" if self.key or not self.user else "this account"
            named = next((grant.models for grant in self.grant.bounds if grant.models), ())
            raise NotPermitted(f"{who} may not use {name[:80]}", hint=f"it may use: {', '.join(named)[:300]}")


_CALLER: ContextVar[Caller | None] = ContextVar("caller", default=None)


def current() -> Caller:
    return _CALLER.get() or Caller()


def tell(**what: str) -> None:
    """Adds what was done, to which model or key, to the audit's line of the action under way."""
    current().told.update(what)


@contextmanager
def acting_for(caller: Caller) -> Iterator[None]:
    """What is asked of models inside the block, and by tasks begun in it, counts as the caller's."""
    token = _CALLER.set(caller)
    try:
        yield
    finally:
        _CALLER.reset(token)


class Callers:
    """Finds the key of a secret. Its own thread only: the server's."""

    def __init__(
        self,
        keys: Callable[[], Keys],
        *,
        own: Key | None = None,
        environment: Key | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """
        keys         where the keys are kept; asked for when a secret has to be looked up, not before
        own          of this computer's own commands
        environment  of DOMOV_API_KEY; where that is one of the keys that are kept, it gives what that gives
        """
        self._keys, self._clock = keys, clock
        self._own, self._environment = ({key.digest: key} if key else {} for key in (own, environment))
        self._known: dict[bytes, Key] = {}
        self._version: object = None

    def find(self, secret: bytes) -> Key | str:
        """The key, or why there is none to use. Raises what reading the database raises."""
        if len(secret) > MOST_SECRET_BYTES:
            return UNKNOWN
        digest = digest_of(secret)
        key = self._own.get(digest) or self._kept().get(digest) or self._environment.get(digest)
        if key is None or not hmac.compare_digest(key.digest, digest):
            return UNKNOWN
        return key.why_unusable(self._clock()) or key

    def _kept(self) -> dict[bytes, Key]:
        keys = self._keys()
        version = keys.database.version()
        if version != self._version:
            self._known = {key.digest: key for key in keys.all()}
            self._version = version
        return self._known
