"""Whether a call may go on: its key or login, what that gives, how much of it is used. One answer, before any route.

Every dialect's way of carrying a key is read: `Authorization: Bearer` (OpenAI, Ollama, KoboldCpp, LM Studio),
`x-api-key` (Anthropic), `api-key` (Azure). A key in an address is refused: addresses end up in logs. A
key that is sent counts before a browser's cookie.
"""

import hmac
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from domov.access.access import ENVIRONMENT, Access
from domov.access.callers import EVERYTHING, Caller
from domov.access.keys import PREFIX, SCOPES, Grant, Key, Scope
from domov.access.limits import seconds_to_midnight, seconds_to_next_month
from domov.access.sessions import page_token
from domov.access.spending import Spending
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


@dataclass(frozen=True, slots=True)
class Call:
    """What a request shows of who sends it."""

    needed: Needed
    headers: Sequence[tuple[bytes, bytes]]
    address: str
    through_proxy: bool = False
    session: bytes = b""  # a session's secret, of a cookie; none where the page that asks is not this server's own
    token: str | None = None  # what shows that a change is that page's will; None where nothing is changed
    own_page: bool = True  # or no page at all
    spends: bool = True  # whether it is work that counts


NOBODY = Grant("nobody")
NOT_YOURS = "this does not come from this server's own page, or that is out of date: reload it"


@dataclass(frozen=True)
class Admission:
    """keys_required  whether this address asks for a key"""

    access: Access
    keys_required: bool

    def admit(self, call: Call) -> Caller | Refusal:
        """Raises what reading the database raises."""
        asks_who = self.access.directory.asks_who()
        required = self.keys_required or call.through_proxy or asks_who
        if call.needed == "open":
            return self._visitor(call, required=required)
        secrets = secrets_of(call.headers)
        if not required:  # clients that want to have a key are given any: `none`, `ollama`
            secrets = {secret for secret in secrets if secret.startswith(PREFIX.encode())}
        if not secrets:
            return self._of_session(call, call.needed) or self._keyless(call, required=required, asks_who=asks_who)
        if len(secrets) > 1:
            return Refusal(400, "the request carries several keys: send one")
        found = self.access.callers.find(secrets.pop())
        caller = found if isinstance(found, str) else self._of_key(found, call.address)
        if isinstance(caller, str):
            delay = self.access.logins.failed(call.address, caller)
            return Refusal(401, caller, {"www-authenticate": f'{BEARER}, error="invalid_token"'}, delay)
        return self._within(caller, call.needed) or caller

    def _of_key(self, key: Key, address: str) -> Caller | str:
        if key.id in ("", ENVIRONMENT):
            return Caller(key.id, key.grant, address, key=key.id)
        return self.access.of_key(key, address)

    def _visitor(self, call: Call, *, required: bool) -> Caller:
        """Who asks for what is open to all: known, if they are logged in and nothing is changed."""
        found = self.access.session(call.session) if call.session and call.token is None else None
        if found:
            return self.access.of_session(found[1].id, found[0].id, call.address)
        return Caller(address=call.address, grant=NOBODY if required else EVERYTHING)

    def _of_session(self, call: Call, needed: Scope) -> Caller | Refusal | None:
        found = self.access.session(call.session) if call.session else None
        if found is None:
            return None
        if call.token is not None and not hmac.compare_digest(call.token.encode(), page_token(call.session).encode()):
            return Refusal(403, NOT_YOURS)
        caller = self.access.of_session(found[1].id, found[0].id, call.address)
        return self._within(caller, needed, spends=call.spends) or caller

    def _keyless(self, call: Call, *, required: bool, asks_who: bool) -> Caller | Refusal:
        if not required:
            return Caller("", EVERYTHING, call.address)
        why = NEEDS_KEY if self.keys_required else "what comes through a proxy needs a key: Authorization: Bearer"
        if asks_who:
            why = "log in, or send a key as Authorization: Bearer"
        return Refusal(401, why, {"www-authenticate": BEARER})

    def _within(self, caller: Caller, needed: Scope, *, spends: bool = True) -> Refusal | None:
        """Why a caller's rights are not enough for this request, or have been used up."""
        if not caller.grant.covers(needed):
            least = min((grant.scope for grant in caller.grant.bounds), key=SCOPES.index)
            return Refusal(403, f"this needs scope {needed}, and {caller.grant.name} has {least}")
        if not spends:
            return None
        for who, grant, spending in self._counted(caller):
            if refusal := self._used_up(who, grant, spending):
                return refusal
        for who, _, spending in self._counted(caller):
            spending.add(who, requests=1)
        return None

    def _counted(self, caller: Caller) -> list[tuple[str, Grant, Spending]]:
        """Whose use is counted, against what, and where."""
        counted = []
        if caller.key and caller.key != ENVIRONMENT:
            counted.append((caller.key, caller.grant, self.access.spending))
        if caller.user:
            counted.append((caller.user, caller.grant.bounds[-1], self.access.user_spending))
        return counted

    def _used_up(self, who: str, grant: Grant, spending: Spending) -> Refusal | None:
        if grant.requests_per_minute:
            wait = self.access.buckets.wait_seconds(who, grant.requests_per_minute)
            if wait:
                words = f"{grant.name} may ask {grant.requests_per_minute} times a minute; again in {wait} s"
                return Refusal(429, words, {"retry-after": str(wait)})
        if grant.tokens_per_day and spending.today(who).tokens >= grant.tokens_per_day:
            wait = seconds_to_midnight(time.time())
            words = f"{grant.name} has used its {grant.tokens_per_day} tokens of today; again in {wait} s (00:00 UTC)"
            return Refusal(429, words, {"retry-after": str(wait)})
        if grant.tokens_per_month and spending.month(who).tokens >= grant.tokens_per_month:
            wait = seconds_to_next_month(time.time())
            words = f"{grant.name} has used its {grant.tokens_per_month} tokens of this month; again on the first (UTC)"
            return Refusal(429, words, {"retry-after": str(wait)})
        if grant.cost_per_month and spending.month(who).cost >= grant.cost_per_month:
            wait, money = seconds_to_next_month(time.time()), f"{grant.cost_per_month:g} {self.access.config.currency}"
            words = f"{grant.name} has spent its {money} of this month; again on the first (UTC)"
            return Refusal(429, words, {"retry-after": str(wait)})
        return None
