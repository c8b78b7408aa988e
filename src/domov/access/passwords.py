"""Passwords: argon2id with the library's parameters (RFC 9106's for little memory: 64 MiB, 3 rounds).

A name that is not known costs the same time as a wrong password. Few are computed at once: each takes 64 MiB.
"""

import threading
from functools import cached_property

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from domov.errors import BadOption

LEAST_CHARACTERS, MOST_CHARACTERS = 10, 256
AT_ONCE = 2
# Of what is long enough, the first that anybody would try.
COMMON = ("password", "passw0rd", "heslo", "qwertz", "qwerty", "123456", "abcdef", "letmein", "domov", "admin")


class Passwords:
    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._places = threading.BoundedSemaphore(AT_ONCE)

    def hashed(self, password: str) -> str:
        with self._places:
            return self._hasher.hash(password)

    def is_right(self, password: str, hashed: str | None) -> bool:
        """Without a hash it takes as long, and is wrong."""
        if len(password) > MOST_CHARACTERS:
            return False
        with self._places:
            try:
                return self._hasher.verify(hashed or self._nobodys, password) and hashed is not None
            except (VerificationError, InvalidHashError):
                return False

    def is_old(self, hashed: str) -> bool:
        """Whether it was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(hashed)

    @cached_property
    def _nobodys(self) -> str:
        return self._hasher.hash("nobody has this password")


def checked(password: str, *, name: str) -> str:
    """The password, if it may be one. Raises BadOption."""
    why = _fault(password, name.casefold())
    if why:
        raise BadOption(f"this password {why}", hint="three or four words that don't belong together make a good one")
    return password


def _fault(password: str, name: str) -> str:
    if len(password) < LEAST_CHARACTERS:
        return f"has less than {LEAST_CHARACTERS} characters"
    if len(password) > MOST_CHARACTERS:
        return f"has more than {MOST_CHARACTERS} characters"
    lower = password.casefold()
    if name and name in lower and len(lower) < len(name) + 6:
        return "is little more than the name"
    if len(set(lower)) < 4 or any(lower.strip("0123456789!.?-_") == common for common in ("", *COMMON)):
        return "is one that everybody tries first"
    return ""
