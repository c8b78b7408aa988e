"""What people do with their accounts: log in, set and change passwords, take an invitation, a second factor.

Everything that computes a password or reads the database is made for a thread, not for the server's own.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from domov.access import owners
from domov.access.attempts import Attempts
from domov.access.audit import Audit
from domov.access.invitations import Invitations
from domov.access.oidc import Claims
from domov.access.passwords import Passwords, checked
from domov.access.people import USERS, People, Role, User
from domov.access.second_factor import SecondFactor
from domov.access.sessions import Session, Sessions
from domov.errors import BadOption, NotLoggedIn, NotPermitted, TooManyTries

WRONG = "the name or the password is wrong"


@dataclass(frozen=True, slots=True)
class Opened:
    """A session that has begun. secret: for the browser's cookie, and for nobody else"""

    session: Session
    user: User
    secret: str


@dataclass(frozen=True, slots=True)
class Left:
    """What an account that was deleted leaves to be removed: files, and conversations that models have read."""

    user: User
    files: tuple[str, ...]
    attachments: tuple[str, ...]
    conversations: tuple[str, ...]


@dataclass(frozen=True)
class Accounts:
    people: People
    sessions: Sessions
    invitations: Invitations
    second_factor: SecondFactor
    passwords: Passwords
    attempts: Attempts
    audit: Audit
    home: Path
    clock: Callable[[], float]

    def log_in(self, name: str, password: str, code: str, *, address: str, agent: str) -> Opened | None:
        """A new session; None where the password is right and the code of the second factor is missing.

        Raises NotLoggedIn, in the same words and time whether or not there is such an account, or TooManyTries.
        """
        if wait := self.attempts.begin(name, address):
            raise TooManyTries("too many wrong tries to log in", retry_seconds=wait)
        user = self.people.find(name)
        hashed = user.password if user else None
        if not self.passwords.is_right(password, hashed) or user is None or hashed is None:
            self.audit.failed_login(address, "wrong name or password", 1)
            raise NotLoggedIn(WRONG)
        if not user.usable:
            raise NotLoggedIn("this account is disabled", hint="ask whoever administers this server")
        if user.totp is not None and not code:
            self.attempts.undo(name, address)
            return None
        if not self.second_factor.is_right(user, code):
            self.audit.failed_login(address, "wrong code", 1)
            raise NotLoggedIn("this code is wrong, or was used already", hint="wait for the app's next one")
        self.attempts.succeeded(name, address)
        if self.passwords.is_old(hashed):
            self.people.note(user.id, password=self.passwords.hashed(password))
        return self.open(user, address=address, agent=agent)

    def open(self, user: User, *, address: str, agent: str) -> Opened:
        """A new session of somebody who has shown who they are."""
        session, secret = self.sessions.begin(user.id, address=address, agent=agent)
        self.people.note(user.id, last_login_at=self.clock())
        return Opened(session, user, secret)

    def begin(self, name: str, password: str) -> User:
        """The first administrator: from now on people log in, and all that was kept so far is theirs.

        Raises NotPermitted where there is one already.
        """
        ways = {"password": self.passwords.hashed(checked(password, name=name)), "subject": None}
        with self.people.database.transaction() as connection:
            if connection.execute(select(USERS.c.id).where(USERS.c.role == "admin")).first():
                raise NotPermitted("there is an administrator already", hint="log in")
            user = self.people.add_in(connection, name, "admin", ways=ways)
            owners.give(connection, old="", new=user.id)
        owners.give_folders(self.home, new=user.id)
        return user

    def accept(self, secret: str, *, name: str, password: str) -> User:
        """Raises NoSuchInvitation, BadOption."""
        found = self.invitations.find(secret)
        name = self.people.get(found.user_id).name if found.user_id else name
        hashed = self.passwords.hashed(checked(password, name=name))
        return self.invitations.accept(secret, name=name, password=hashed)

    def of_claims(self, claims: Claims, *, create: bool) -> User:
        """The account of somebody who has logged in elsewhere, with the role and groups that are told there.

        create  whether there is to be one where there is none

        Raises NotLoggedIn, BadOption for a name that is another's.
        """
        known = {group.grant.name: group.id for group in self.people.groups()}
        groups = None if claims.groups is None else [known[name] for name in claims.groups if name in known]
        user = self.people.of_subject(claims.subject)
        if user is None and not create:
            raise NotLoggedIn(f"nobody here is {ascii(claims.name[:60])[1:-1]}", hint="ask who administers this server")
        role: Role = "admin" if claims.admin else "user"
        if user is None:
            return self.people.add(claims.name[:64], role, groups=groups or (), subject=claims.subject)
        if not user.usable:
            raise NotLoggedIn("this account is disabled", hint="ask who administers this server")
        if groups is not None:
            self.people.change(user.id, groups=groups)
        if claims.admin is not None and role != user.role:
            with contextlib.suppress(NotPermitted):  # the last administrator stays one
                self.people.change(user.id, role=role)
        return self.people.get(user.id)

    def change_password(self, user: User, old: str, new: str, *, session: str, address: str) -> None:
        """Other sessions of the account end. Raises NotLoggedIn for a wrong old one, BadOption for a poor new one."""
        if user.password is not None:
            self.prove(user, old, address=address)
        self.people.note(user.id, password=self.passwords.hashed(checked(new, name=user.name)))
        self.sessions.end_all(user.id, but=session)

    def set_password(self, user: User, new: str) -> None:
        """Without the old one, by who administers. All sessions end."""
        self.people.note(user.id, password=self.passwords.hashed(checked(new, name=user.name)))
        self.sessions.end_all(user.id)

    def prove(self, user: User, password: str, *, address: str) -> None:
        """Asks once more for the password, before what would keep a thief of a session in. Raises NotLoggedIn."""
        if user.password is None:
            return
        if wait := self.attempts.begin(user.name, address):
            raise TooManyTries("too many wrong passwords", retry_seconds=wait)
        if not self.passwords.is_right(password, user.password):
            raise NotLoggedIn("the password is wrong")
        self.attempts.succeeded(user.name, address)

    def turn_on_totp(self, user: User, secret: str, code: str) -> list[str]:
        """The recovery codes. Raises BadOption for a code that the secret does not give."""
        codes = self.second_factor.turn_on(user, secret, code)
        if codes is None:
            raise BadOption("this code is not the one of now", hint="look whether the telephone's clock is right")
        return codes

    def delete(self, user: User) -> Left:
        """An account with everything that is its own. Raises NotPermitted for the last administrator."""
        with self.people.database.transaction() as connection:
            files, attachments = (owners.ids_of(connection, name, user.id) for name in ("files", "attachments"))
            names = owners.CONVERSATIONS
            conversations = [id for name in names for id in owners.ids_of(connection, name, user.id)]
            owners.forget(connection, user.id)
            self.people.delete(connection, user.id)
        owners.forget_folders(self.home, user.id)
        return Left(user, tuple(files), tuple(attachments), tuple(conversations))
