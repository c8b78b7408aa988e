"""Who may call: what every request must show before any route sees it. Pure ASGI, so that a token costs nothing.

In this order: is it well formed, does it come from where it may (`origins`), does the path exist (`scopes`), who is it
and what may they do (`admission`), is its body of a kind and size that is taken. Decisions are made on the raw path
and headers, never on an address rebuilt from Host (CVE-2026-48710), and where the path as it was sent and as it is read
would be decided on differently, on neither.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from domov.access.callers import Caller, acting_for
from domov.api import origins
from domov.api.admission import Admission, Call, Refusal, key_in_query
from domov.api.bodies import JSON, SAFE, body_of, takes_blob, takes_form
from domov.api.ending import until_ended
from domov.api.entrance import TOKEN_HEADER, Entrance, cookie
from domov.api.envelopes import Scope, envelope_of, speaks_kobold
from domov.api.kobold.leniency import may_be_any_kind
from domov.api.origins import Headers, Origins
from domov.api.scopes import SOCKET, Rule, other_methods, rule_of
from domov.errors import DomovError

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

MOST_BODY_BYTES = 64 << 20
MOST_WAITING = 256  # callers with a wrong key that are made to wait at the same time
ONCE = frozenset((b"host", b"origin", b"content-length", b"content-type", b"authorization", b"x-api-key", b"api-key"))
ONCE |= {b"cookie", TOKEN_HEADER}
# What different programs read differently: empty and dotted parts, `;`, backslashes, control characters.
_ODD = re.compile(r"//|/\.{1,2}(/|$)|[;\\\x00-\x1f\x7f]")
_TOKENS = re.compile(r"[\w\-]+( *, *[\w\-]+)*")


@dataclass(frozen=True, slots=True)
class Admitted:
    caller: Caller
    rule: Rule


PREFLIGHT = Admitted(Caller(), Rule("open", ("OPTIONS",), ""))  # a browser asks what a page may send


class Guard:
    def __init__(
        self,
        app: App,
        *,
        origins: Origins,
        admission: Admission,
        most_body_bytes: int = MOST_BODY_BYTES,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.app, self.origins, self.admission = app, origins, admission
        self.most_body_bytes, self._sleep, self._waiting = most_body_bytes, sleep, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._open(scope, receive, send)

    async def _open(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A web socket is decided on as the request that it begins with. One that is refused is never open: a 403."""
        asked = {**scope, "method": SOCKET}
        try:
            found = self._decide(asked, _headers(scope))
        except DomovError as error:
            found = Refusal(503, error.message)
        if isinstance(found, Refusal):
            await self._delay(found)
            await send({"type": "websocket.close", "code": 1008})
        else:
            with self._entered(scope, found.caller) as ended:
                await self.app(scope, until_ended(receive, ended, "websocket"), send)

    @contextmanager
    def _entered(self, scope: Scope, caller: Caller) -> Iterator[asyncio.Event]:
        """For as long as a request is on its way: whose it is, and whether it may go on."""
        state = scope.setdefault("state", {})
        state["owner"], state["entrance"] = caller.owner, self._entrance(scope, _headers(scope))
        with acting_for(caller), self.admission.access.running.request(caller) as ended:
            yield ended

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = _headers(scope)
        origin = self._foreign_origin(headers)
        if origin:
            send = _with_cors(send, origin)
        try:
            found = self._decide(scope, headers)
        except DomovError as error:  # the keys can't be read: then nobody may call
            return await envelope_of(scope).of_error(error)(scope, receive, send)
        if isinstance(found, Refusal):
            await self._refuse(found, scope, receive, send)
        elif found is PREFLIGHT:
            await _preflight(headers, send)
        else:
            with self._entered(scope, found.caller) as ended:
                known = found.caller.key or found.caller.user
                received = until_ended(receive, ended, "http") if known else receive
                await self._pass_on(scope, received, self._audited(scope, send, found))
        return None

    def _decide(self, scope: Scope, headers: Headers) -> Refusal | Admitted:
        """Who may go on, and by what rule."""
        peer = scope["client"][0] if scope.get("client") else ""
        if refusal := self._form(scope) or self._place(scope, headers, peer):
            return refusal
        if scope["method"] == "OPTIONS" and b"access-control-request-method" in headers:
            return PREFLIGHT
        rule = _rule(scope)
        call = self._call(scope, headers, peer, rule)
        if call.needed == "open" and call.token is not None and not call.own_page:
            return Refusal(403, "only this server's own page logs in")  # else another could log people in as itself
        caller = self.admission.admit(call)
        if isinstance(caller, Refusal):
            return caller
        refusal = self._body_refusal(scope, headers)
        return refusal or (Admitted(caller, rule) if rule else _no_such_path(scope))

    def _call(self, scope: Scope, headers: Headers, peer: str, rule: Rule | None) -> Call:
        origin, scheme = headers.get(b"origin", "").lower(), self.origins.scheme_of(peer, headers)
        own = not origin or self.origins.is_own(origin, headers, scheme=scheme)
        if scope["method"] == SOCKET and not origin:
            own = False  # a browser says whose page opens a socket, and a socket carries no token
        changes = scope["method"] not in (*SAFE, SOCKET)
        secret = cookie(headers.get(b"cookie", ""), self._entrance(scope, headers).cookie_name) if own else ""
        path = scope["path"]
        return Call(
            rule.needs if rule else "inference",  # that there is no such path is told to those who have a key
            scope["headers"],
            address=self.origins.client(peer, headers),
            through_proxy=origins.came_through_proxy(headers),
            session=secret.encode("latin-1"),
            token=headers.get(TOKEN_HEADER, "") if changes else None,
            own_page=own,
            spends=scope["method"] in ("POST", SOCKET) and not path.startswith("/api/domov/session"),
        )

    def _entrance(self, scope: Scope, headers: Headers) -> Entrance:
        peer = scope["client"][0] if scope.get("client") else ""
        return Entrance(self.origins.port, self.origins.scheme_of(peer, headers) == "https")

    def _form(self, scope: Scope) -> Refusal | None:
        seen = set()
        for name, _ in scope["headers"]:
            if name in ONCE and name in seen:
                return Refusal(400, f"the header {name.decode('latin-1')} stands twice")
            seen.add(name)
        if any(_ODD.search(path) for path in _paths(scope)):
            return Refusal(400, "the path has empty or dotted parts, or characters that programs read differently")
        if key_in_query(scope.get("query_string", b"")):
            return Refusal(
                400, "a key in an address ends up in logs: send it as Authorization: Bearer, and make another"
            )
        return None

    def _place(self, scope: Scope, headers: Headers, peer: str) -> Refusal | None:
        if not self.origins.knows_host(headers.get(b"host", "")):
            return Refusal(403, f"this server answers only to {self._names()}")
        origin = headers.get(b"origin", "").lower()
        if b"origin" not in headers:
            cross = origins.cross_site(headers, method=scope["method"])
            return Refusal(403, "web pages of other sites may not call this server") if cross else None
        own = self.origins.is_own(origin, headers, scheme=self.origins.scheme_of(peer, headers))
        if not own and not self.origins.allows(origin):
            return Refusal(403, "web pages of other origins may not call this server")
        return None

    def _names(self) -> str:
        more = " and the names in the setting allowed_hosts" if self.origins.any_address or self.origins.hosts else ""
        return f"localhost{more}"

    def _foreign_origin(self, headers: Headers) -> str:
        origin = headers.get(b"origin", "")
        return origin if origin and self.origins.allows(origin.lower()) else ""

    def _body_refusal(self, scope: Scope, headers: Headers) -> Refusal | None:
        body = body_of(scope, self.most_body_bytes)
        length = headers.get(b"content-length", "0")
        kind = headers.get(b"content-type", JSON).split(";")[0].strip().lower()
        most_bytes = self.most_body_bytes if body.most_bytes is None else body.most_bytes
        too_long = body.most_bytes is not None and length.isdigit() and int(length[:20]) > most_bytes
        if too_long or not length.isdigit():
            return Refusal(413, f"a request may have {most_bytes} bytes, this one has {length[:20]}")
        has_body = scope["method"] not in SAFE and (length != "0" or b"transfer-encoding" in headers)
        any_kind = speaks_kobold(scope) and may_be_any_kind(headers)
        if has_body and kind not in body.kinds and not any_kind:
            return Refusal(415, f"a body must be {body.kinds[0]}, this one is {kind[:60]}")
        return None

    async def _delay(self, refusal: Refusal) -> None:
        if refusal.delay_seconds and self._waiting < MOST_WAITING:
            self._waiting += 1
            try:
                await self._sleep(refusal.delay_seconds)
            finally:
                self._waiting -= 1

    async def _refuse(self, refusal: Refusal, scope: Scope, receive: Receive, send: Send) -> None:
        await self._delay(refusal)
        response = envelope_of(scope).of_refusal(refusal.status, refusal.words)
        response.headers.update(refusal.headers)
        await response(scope, receive, send)

    def _audited(self, scope: Scope, send: Send, admitted: Admitted) -> Send:
        """Writes down what changes the server for everybody, as soon as it is known how it went."""
        if scope["method"] in SAFE or admitted.rule.needs not in ("models", "admin"):
            return send

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                action = f"{scope['method']} {scope['path'][:300]}"
                self.admission.access.audit.action(action, admitted.caller, status=message["status"])
            await send(message)

        return noted

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        if takes_blob(scope) or takes_form(scope):
            return await self.app(scope, receive, send)
        return await self._with_limit(scope, receive, send)

    async def _with_limit(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Counts the bytes of a body that did not announce its length; one too long looks cut to the application."""
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            return message if received <= self.most_body_bytes else {"type": "http.disconnect"}

        async def unless_too_long(message: Message) -> None:
            if received <= self.most_body_bytes:
                await send(message)

        await self.app(scope, counted, unless_too_long)
        if received > self.most_body_bytes:
            message = f"a request may have {self.most_body_bytes} bytes, this one has more"
            await envelope_of(scope).of_refusal(413, message)(scope, receive, send)


def _headers(scope: Scope) -> dict[bytes, str]:
    return {key: value.decode("latin-1") for key, value in scope["headers"]}


def _paths(scope: Scope) -> tuple[str, str]:
    """The path as it was sent, and as the routes read it."""
    raw = scope.get("raw_path")
    return (raw.decode("latin-1") if raw else scope["path"]), scope["path"]


def _rule(scope: Scope) -> Rule | None:
    sent, read = (rule_of(scope["method"], path) for path in _paths(scope))
    return sent if sent is read else None


def _no_such_path(scope: Scope) -> Refusal:
    if all(map(other_methods, _paths(scope))):
        return Refusal(405, f"not with {scope['method']}")
    return Refusal(404, f"no such path: {scope['path'][:200]}")


def _with_cors(send: Send, origin: str) -> Send:
    """Lets the page that asked read the answer. Its keys are in headers: no cookies, so no credentials."""
    more = [(b"access-control-allow-origin", origin.encode("latin-1")), (b"vary", b"Origin")]
    more += [(b"access-control-expose-headers", b"retry-after, request-id, www-authenticate")]

    async def with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *more]}
        await send(message)

    return with_headers


async def _preflight(headers: Headers, send: Send) -> None:
    """Answers a browser that asks what a page of an allowed origin may send."""
    wanted = headers.get(b"access-control-request-headers", "")[:1000]
    answer = [
        (b"access-control-allow-methods", b"GET, HEAD, POST, PUT, PATCH, DELETE"),
        (b"access-control-max-age", b"600"),
    ]
    if _TOKENS.fullmatch(wanted):
        answer.append((b"access-control-allow-headers", wanted.encode("latin-1")))
    if headers.get(b"access-control-request-private-network") == "true":
        answer.append((b"access-control-allow-private-network", b"true"))
    await send({"type": "http.response.start", "status": 204, "headers": answer})
    await send({"type": "http.response.body", "body": b""})
