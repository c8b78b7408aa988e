"""All that decides on callers, put together: keys, their limits, what was used, what went wrong."""

import secrets
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from domov.access.audit import Audit
from domov.access.callers import Caller, Callers, current
from domov.access.keys import PREFIX, Grant, Key, Keys, digest_of
from domov.access.limits import Buckets
from domov.access.logins import Logins
from domov.access.spending import Spending, Used
from domov.database import Database
from domov.errors import BadOption, NoSuchKey, NotPermitted

LEAST_SECRET_CHARACTERS = 16
ENVIRONMENT = "environment"  # the id of the environment's key


@dataclass(frozen=True)
class Access:
    """Opens the database when a key has to be looked up, not before."""

    database: Callable[[], Database]
    audit: Audit
    environment_key: str | None = None  # of DOMOV_API_KEY, for containers

    @cached_property
    def own_secret(self) -> str:
        """With it this computer's own commands ask the server; it stands in a file that only its user can read."""
        return f"{PREFIX}own-{secrets.token_urlsafe(32)}"

    @cached_property
    def keys(self) -> Keys:
        return Keys(self.database())

    @cached_property
    def callers(self) -> Callers:
        own = Key("", Grant("this computer", "admin"), digest_of(self.own_secret), PREFIX, time.time())
        return Callers(lambda: self.keys, own=own, environment=self._of_environment())

    @cached_property
    def buckets(self) -> Buckets:
        return Buckets(time.monotonic)

    @cached_property
    def spending(self) -> Spending:
        return Spending(self.database)

    @cached_property
    def logins(self) -> Logins:
        return Logins(self.audit)

    def _of_environment(self) -> Key | None:
        text = self.environment_key
        if text is None:
            return None
        if len(text) < LEAST_SECRET_CHARACTERS or not text.isascii() or not text.isprintable() or " " in text:
            raise BadOption(
                f"DOMOV_API_KEY has to be at least {LEAST_SECRET_CHARACTERS} printable characters without spaces",
                hint="make one with: openssl rand -hex 32",
            )
        return Key(ENVIRONMENT, Grant("DOMOV_API_KEY", "admin"), digest_of(text), "", time.time())

    def caller_of(self, owner: str) -> Caller:
        """Who is asked for by work that goes on without its request. Raises NotPermitted where the key has ended."""
        if owner in ("", ENVIRONMENT):
            return Caller(owner)
        try:
            key = self.keys.get(owner)
        except NoSuchKey as error:
            raise NotPermitted("the key that asked for this is gone") from error
        if why := key.why_unusable(time.time()):
            raise NotPermitted(why)
        return Caller(owner, key.grant)

    def rows(self) -> list[dict[str, Any]]:
        """The keys, as they may be shown, each with what was used of it today."""
        used = self.spending.all_today()
        return [key.row() | {"today": asdict(used.get(key.id, Used()))} for key in self.keys.all()]

    def make_ready(self) -> str | None:
        """Sees to it that there is a key to call with; the secret of one that had to be made, to be shown once.

        Raises NoSuchKey where there were keys and none can be used any more.
        """
        if self._of_environment():
            return None
        every = self.keys.all()
        if any(key.why_unusable(time.time()) is None for key in every):
            return None
        if every:
            raise NoSuchKey("all keys are revoked or expired", hint="make one with: domov keys add --scope admin")
        return self.keys.add(Grant("first", "admin"))[1]

    def count_tokens(self, tokens: int) -> None:
        """Counts what was read and written for whoever called for it."""
        owner = current().owner
        if tokens and owner and owner != ENVIRONMENT:
            self.spending.add(owner, tokens=tokens)
