"""Whether a call may go on: its key, what the key gives, and how much of that is used. One answer, before any route.

Every dialect's way of carrying a key is read: `Authorization: Bearer` (OpenAI, Ollama, KoboldCpp, LM Studio),
`x-api-key` (Anthropic), `api-key` (Azure). A key in an address is refused: addresses end up in logs.
"""

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from domov.access.access import ENVIRONMENT, Access
from domov.access.callers import EVERYTHING, Caller
from domov.access.keys import PREFIX, Key
from domov.access.limits import seconds_to_midnight
from domov.api.scopes import Needed

BEARER = 'Bearer realm="domov"'
NEEDS_KEY = "this server needs a key: send it as Authorization: Bearer"
QUERY_NAMES = frozenset(("api_key", "api-key", "apikey", "access_token", "x-api-key"))
_BEARER = re.compile(rb"bearer +([^\s,]+)", re.IGNORECASE)
_OWN = re.compile(rb"domov-[\w\-]{40}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Refusal:
    status: int
    words: str
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_seconds: float = 0.0


def secrets_of(headers: Sequence[tuple[bytes, bytes]]) -> set[bytes]:
    """The different secrets that a request carries, an empty one for what can't be one."""
    found = set()
    for name, value in headers:
        if name == b"authorization":
            match = _BEARER.fullmatch(value.strip())
            found.add(match[1] if match else b"")
        elif name in (b"x-api-key", b"api-key"):
            found.add(value.strip())
    return found


def key_in_query(query: bytes) -> bool:
    if not query:
        return False
    names = {name.lower() for name, _ in parse_qsl(query.decode("latin-1"), keep_blank_values=True)}
    return bool(names & QUERY_NAMES) or _OWN.search(query) is not None


@dataclass(frozen=True)
class Admission:
    """keys_required  whether this address asks for a key"""

    access: Access
    keys_required: bool

    def admit(
        self, needed: Needed, headers: Sequence[tuple[bytes, bytes]], *, address: str, through_proxy: bool
    ) -> Caller | Refusal:
        """Raises what reading the database raises."""
        if needed == "open":
            return Caller(address=address)
        required = self.keys_required or through_proxy
        secrets = secrets_of(headers)
        if not required:  # clients that want to have a key are given any: `none`, `ollama`
            secrets = {secret for secret in secrets if secret.startswith(PREFIX.encode())}
        if not secrets:
            return self._keyless(required, address)
        if len(secrets) > 1:
            return Refusal(400, "the request carries several keys: send one")
        found = self.access.callers.find(secrets.pop())
        if isinstance(found, str):
            delay = self.access.logins.failed(address, found)
            return Refusal(401, found, {"www-authenticate": f'{BEARER}, error="invalid_token"'}, delay)
        return self._within(found, needed) or Caller(found.id, found.grant, address)

    def _keyless(self, required: bool, address: str) -> Caller | Refusal:
        if not required:
            return Caller("", EVERYTHING, address)
        why = NEEDS_KEY if self.keys_required else "what comes through a proxy needs a key: Authorization: Bearer"
        return Refusal(401, why, {"www-authenticate": BEARER})

    def _within(self, key: Key, needed: Needed) -> Refusal | None:
        """Why a key is not enough for this request."""
        grant = key.grant
        if needed == "open" or not grant.covers(needed):
            return Refusal(403, f"this needs a key of scope {needed}, and {grant.name} has {grant.scope}")
        if grant.requests_per_minute:
            wait = self.access.buckets.wait_seconds(key.id, grant.requests_per_minute)
            if wait:
                words = f"{grant.name} may ask {grant.requests_per_minute} times a minute; again in {wait} s"
                return Refusal(429, words, {"retry-after": str(wait)})
        if grant.tokens_per_day and self.access.spending.today(key.id).tokens >= grant.tokens_per_day:
            wait = seconds_to_midnight(time.time())
            words = f"{grant.name} has used its {grant.tokens_per_day} tokens of today; again in {wait} s (00:00 UTC)"
            return Refusal(429, words, {"retry-after": str(wait)})
        if key.id and key.id != ENVIRONMENT:
            self.access.spending.add(key.id, requests=1)
        return None
