"""A second factor: codes of an app on the telephone (TOTP, RFC 6238), and recovery codes for when that is lost.

The secret is kept as it is, since codes are calculated from it; recovery codes as their SHA-256, each good once. The
picture of the secret (QR) is made here.
"""

import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

import pyotp
import segno
from sqlalchemy import Column, ForeignKey, LargeBinary, Table, Text, delete, func, insert, select

from domov.access.keys import digest_of
from domov.access.people import People, User
from domov.database import METADATA

ISSUER = "Domov"
STEP_SECONDS = 30
CODES = 10
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # none that is taken for another
_SECRET = re.compile(r"[A-Z2-7]{32}")  # 160 bits, as `new_secret` makes them
_DIGITS = re.compile(r"\d{6}")

RECOVERY_CODES = Table(
    "recovery_codes",
    METADATA,
    Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("digest", LargeBinary, primary_key=True),
)


def new_secret() -> str:
    return pyotp.random_base32()


def address_of(secret: str, name: str) -> str:
    """What apps read from the picture."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=ISSUER)


def picture_of(address: str) -> str:
    """The address as a QR code, in SVG, dark on light whatever is around it."""
    return str(segno.make(address, error="m").svg_inline(scale=4, border=4, dark="#000", light="#fff"))


def step_of(secret: str, code: str, moment: float) -> int | None:
    """The time step that a code is of: this one, the one before or the next; None for a wrong code."""
    if not _DIGITS.fullmatch(code) or not _SECRET.fullmatch(secret):
        return None
    totp, now = pyotp.TOTP(secret), int(moment) // STEP_SECONDS
    return next((s for s in (now, now - 1, now + 1) if secrets.compare_digest(totp.generate_otp(s), code)), None)


@dataclass(frozen=True)
class SecondFactor:
    people: People
    clock: Callable[[], float] = time.time

    def is_right(self, user: User, code: str) -> bool:
        """Whether a code is right; it is used up by that."""
        code = code.strip().replace(" ", "").lower()
        if user.totp is None:
            return True
        step = step_of(user.totp, code, self.clock())
        if step is not None:
            return self.people.use_step(user.id, step)
        with self.people.database.transaction() as connection:
            used = delete(RECOVERY_CODES).where(
                RECOVERY_CODES.c.user_id == user.id, RECOVERY_CODES.c.digest == digest_of(code.replace("-", ""))
            )
            return bool(connection.execute(used).rowcount)

    def turn_on(self, user: User, secret: str, code: str) -> list[str] | None:
        """The recovery codes, to be shown once; None where the code shows that the app has another secret."""
        step = step_of(secret, code.strip().replace(" ", ""), self.clock())
        if step is None:
            return None
        codes = [_new_code() for _ in range(CODES)]
        self.people.note(user.id, totp=secret, totp_step=step)
        with self.people.database.transaction() as connection:
            connection.execute(delete(RECOVERY_CODES).where(RECOVERY_CODES.c.user_id == user.id))
            for one in codes:
                row = {"user_id": user.id, "digest": digest_of(one.replace("-", ""))}
                connection.execute(insert(RECOVERY_CODES).values(row))
        return codes

    def turn_off(self, user_id: str) -> None:
        self.people.note(user_id, totp=None, totp_step=None)
        with self.people.database.transaction() as connection:
            connection.execute(delete(RECOVERY_CODES).where(RECOVERY_CODES.c.user_id == user_id))

    def codes_left(self, user_id: str) -> int:
        query = select(func.count()).select_from(RECOVERY_CODES).where(RECOVERY_CODES.c.user_id == user_id)
        with self.people.database.reading() as connection:
            return int(connection.execute(query).scalar() or 0)


def _new_code() -> str:
    """Twelve letters and digits, 59 bits."""
    text = "".join(secrets.choice(_ALPHABET) for _ in range(12))
    return "-".join(text[n : n + 4] for n in (0, 4, 8))
