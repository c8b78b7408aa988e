"""All that decides on callers, put together: people and keys, their limits, what was used, what went wrong."""

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from domov.access.accounts import Accounts
from domov.access.attempts import Attempts
from domov.access.audit import Audit
from domov.access.callers import Caller, Callers, current
from domov.access.directory import Directory
from domov.access.invitations import Invitations
from domov.access.keys import PREFIX, Grant, Key, Keys, digest_of
from domov.access.limits import Buckets
from domov.access.logins import Logins
from domov.access.oidc import Oidc, provider_of
from domov.access.passwords import Passwords
from domov.access.people import People, User
from domov.access.running import Running
from domov.access.second_factor import SecondFactor
from domov.access.sessions import DAY_SECONDS, Session, Sessions
from domov.access.spending import USER_USAGE, Spending, Used
from domov.config import Config
from domov.database import Database
from domov.errors import BadOption, DomovError, NoSuchKey, NotPermitted
from domov.outbound import Outbound

LEAST_SECRET_CHARACTERS = 16
ENVIRONMENT = "environment"  # the id of the environment's key


@dataclass(frozen=True)
class Access:
    """Opens the database when a key has to be looked up, not before."""

    database: Callable[[], Database]
    audit: Audit
    environment_key: str | None = None  # of DOMOV_API_KEY, for containers
    config: Config = Config(Path())
    outbound: Callable[[], AbstractAsyncContextManager[Outbound]] | None = None

    @cached_property
    def oidc(self) -> Oidc:
        """Where people may log in, too. Raises BadOption where that is not set up."""
        if self.outbound is None:
            raise BadOption("no other login is set up here")
        return Oidc(provider_of(self.config), self.outbound)

    @property
    def longest_seconds(self) -> float:
        """That a session lives."""
        return self.config.session_days * DAY_SECONDS

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
    def user_spending(self) -> Spending:
        return Spending(self.database, table=USER_USAGE)

    @cached_property
    def people(self) -> People:
        return People(self.database())

    @cached_property
    def sessions(self) -> Sessions:
        return Sessions(self.database(), self.config.session_idle_days * DAY_SECONDS, self.longest_seconds)

    @cached_property
    def directory(self) -> Directory:
        exists = self.config.database.exists if self.config.home != Path() else lambda: True
        return Directory(lambda: self.people, lambda: self.sessions, exists)

    @cached_property
    def accounts(self) -> Accounts:
        return Accounts(
            self.people,
            self.sessions,
            Invitations(self.people),
            SecondFactor(self.people),
            Passwords(),
            Attempts(),
            self.audit,
            self.config.home,
            time.time,
        )

    @cached_property
    def running(self) -> Running:
        return Running()

    @cached_property
    def _writing(self) -> set["asyncio.Future[None]"]:
        return set()

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

    def caller_of(self, owner: str, key_id: str = "") -> Caller:
        """Who is asked for by work that goes on without its request: an account, or a key of one or of the server.

        key_id  of the key that it was asked for with, where the owner is an account

        Raises NotPermitted where that has ended.
        """
        if owner in ("", ENVIRONMENT):
            return Caller(owner)
        account = self.people.find(owner)
        if account is not None and not key_id:
            return self.of_session(account.id, "")
        try:
            key = self.keys.get(key_id or owner)
        except NoSuchKey as error:
            raise NotPermitted("the key or account that asked for this is gone") from error
        found = self.of_key(key)
        if isinstance(found, str):
            raise NotPermitted(found)
        return found

    def of_key(self, key: Key, address: str = "") -> Caller | str:
        """Who calls with a key, or why they may not."""
        if why := key.why_unusable(time.time()):
            return why
        if key.user_id is None:
            return Caller(key.id, key.grant, address, key=key.id)
        within = self.directory.grant(key.user_id)
        if within is None:
            return "the account of this key is disabled"
        return Caller(key.owner, replace(key.grant, within=within), address, key=key.id, user=key.user_id)

    def of_session(self, user_id: str, session_id: str, address: str = "") -> Caller:
        """Who is logged in. Raises NotPermitted where the account is disabled."""
        grant = self.directory.grant(user_id)
        if grant is None:
            raise NotPermitted("this account is disabled, or gone")
        return Caller(user_id, grant, address, user=user_id, session=session_id)

    def session(self, secret: bytes) -> tuple[Session, User] | None:
        """The open session of a secret, and whose it is. Notes that it was used, a moment later."""
        found = self.directory.session(secret)
        noted = self.sessions.noted(found[0]) if found else None
        if noted is not None and not self._writing:
            task = asyncio.ensure_future(asyncio.to_thread(self._note, noted))
            self._writing.add(task)
            task.add_done_callback(self._writing.discard)
        return found

    def _note(self, session: Session) -> None:
        with contextlib.suppress(DomovError):  # a full disk logs nobody out
            self.sessions.write(session)

    def is_good(self, caller: Caller) -> bool:
        """Whether who began a request would still be let in."""
        if caller.key and caller.key != ENVIRONMENT:
            try:
                return not isinstance(self.of_key(self.keys.get(caller.key)), str)
            except NoSuchKey:
                return False
        if caller.session and not self.sessions.is_open(caller.session):
            return False
        return not caller.user or self.directory.grant(caller.user) is not None

    async def watch(self) -> None:
        """Ends the requests of those who may not call any more, until it is cancelled."""
        await self.running.watch(lambda: self.database().version(), self.is_good)

    def rows(self) -> list[dict[str, Any]]:
        """The keys, as they may be shown, each with what was used of it today and this month."""
        today, month = self.spending.all_today(), self.spending.all_month()
        return [self._row(key, today, month) for key in self.keys.all()]

    def rows_of(self, user_id: str) -> list[dict[str, Any]]:
        """Those of one account."""
        today, month = self.spending.all_today(), self.spending.all_month()
        return [self._row(key, today, month) for key in self.keys.of(user_id)]

    def _row(self, key: Key, today: dict[str, Used], month: dict[str, Used]) -> dict[str, Any]:
        used = {"today": today.get(key.id, Used()), "month": month.get(key.id, Used())}
        return key.row() | {span: asdict(each) for span, each in used.items()}

    def user_rows(self) -> list[dict[str, Any]]:
        """The accounts, as they may be shown, each with what it used today and this month."""
        today, month = self.user_spending.all_today(), self.user_spending.all_month()
        return [
            user.row() | {"today": asdict(today.get(user.id, Used())), "month": asdict(month.get(user.id, Used()))}
            for user in self.people.all()
        ]

    def make_ready(self) -> str | None:
        """Sees to it that there is a key to call with; the secret of one that had to be made, to be shown once.

        Raises NoSuchKey where there were keys and none can be used any more.
        """
        if self._of_environment() or self.directory.asks_who():
            return None
        every = [key for key in self.keys.all() if key.user_id is None]
        if any(key.why_unusable(time.time()) is None for key in every):
            return None
        if every:
            raise NoSuchKey("all keys are revoked or expired", hint="make one with: domov keys add --scope admin")
        return self.keys.add(Grant("first", "admin"))[1]

    def count(self, tokens: int, cost: float) -> None:
        """Counts what was read and written for whoever called for it, and what it cost."""
        caller = current()
        if not tokens and not cost:
            return
        if caller.key and caller.key != ENVIRONMENT:
            self.spending.add(caller.key, tokens=tokens, cost=cost)
        if caller.user:
            self.user_spending.add(caller.user, tokens=tokens, cost=cost)
