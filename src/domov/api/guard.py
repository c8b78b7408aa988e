"""Who may call: what every request must show before any route sees it. Pure ASGI, so that a token costs nothing.

A web page that the user happens to visit can make their browser call loopback addresses. So the Host must be this
machine (against DNS rebinding), the Origin, if a browser names one, must be this server (against cross-site
requests), and a body must be of a kind that no page can send unasked.

Decisions are made on the raw path and headers, never on an address rebuilt from Host (CVE-2026-48710).
"""

import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from domov.api.envelopes import Scope, envelope_of

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

MOST_BODY_BYTES = 64 << 20
NAMES = ("127.0.0.1", "localhost", "[::1]")
_HOST = re.compile(r"(\[[0-9a-f:]+\]|[a-z0-9.\-]+)(?::(\d{1,5}))?")
_BLOB = re.compile(rb"/api/blobs/sha256(?::|%3[Aa])[0-9a-f]{64}")
SAFE = ("GET", "HEAD", "OPTIONS")


class Guard:
    def __init__(self, app: App, *, port: int) -> None:
        self.app = app
        self.origins = {f"http://{name}:{port}" for name in NAMES}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        if scope["type"] != "http":
            return None
        if refusal := self._refusal(scope):
            return await envelope_of(scope).of_refusal(*refusal)(scope, receive, send)
        if takes_blob(scope):
            return await self.app(scope, receive, send)
        return await self._with_limit(scope, receive, send)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        headers: dict[bytes, str] = {}
        for key, value in scope["headers"]:
            if key in headers and key in (b"host", b"origin", b"content-length"):
                return 400, f"the header {key.decode('latin-1')} stands twice"
            headers[key] = value.decode("latin-1")
        host = _HOST.fullmatch(headers.get(b"host", "").lower())
        if host is None or host[1] not in NAMES:
            return 403, "this server answers only to localhost"
        if (origin := headers.get(b"origin")) is not None and origin.lower() not in self.origins:
            return 403, "web pages of other origins may not call this server"
        if headers.get(b"sec-fetch-site") in ("cross-site", "same-site") and scope["method"] not in SAFE:
            return 403, "web pages of other sites may not call this server"
        return self._body_refusal(scope, headers)

    def _body_refusal(self, scope: Scope, headers: dict[bytes, str]) -> tuple[int, str] | None:
        length = headers.get(b"content-length", "0")
        kind = headers.get(b"content-type", "application/json").split(";")[0].strip().lower()
        if takes_blob(scope) and length.isdigit() and kind in ("application/json", "application/octet-stream"):
            return None
        if not length.isdigit() or int(length) > MOST_BODY_BYTES:
            return 413, f"a request may have {MOST_BODY_BYTES} bytes, this one has {length[:20]}"
        has_body = scope["method"] not in SAFE and (length != "0" or b"transfer-encoding" in headers)
        sent_file = scope["method"] == "PUT" and kind == "application/octet-stream"  # no page can PUT unasked
        if has_body and kind != "application/json" and not sent_file:
            return 415, f"a body must be application/json, this one is {kind[:60]}"
        return None

    async def _with_limit(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Counts the bytes of a body that did not announce its length; one too long looks cut to the application."""
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            return message if received <= MOST_BODY_BYTES else {"type": "http.disconnect"}

        async def unless_too_long(message: Message) -> None:
            if received <= MOST_BODY_BYTES:
                await send(message)

        await self.app(scope, counted, unless_too_long)
        if received > MOST_BODY_BYTES:
            message = f"a request may have {MOST_BODY_BYTES} bytes, this one has more"
            await envelope_of(scope).of_refusal(413, message)(scope, receive, send)


def takes_blob(scope: Scope) -> bool:
    """Whether the body is a model's file, of any length; its route counts the bytes and checks them."""
    return scope["method"] == "POST" and bool(_BLOB.fullmatch(scope.get("raw_path") or scope["path"].encode()))
