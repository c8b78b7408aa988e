"""How long a client may take to say what it wants, how much the head of a request may hold, how many may call at once.

uvicorn waits for a head for ever and httptools takes one of any size, so both are seen to where the bytes come in. A
body has the same time as a head, and one second more for each LEAST_BYTES_PER_SECOND of it.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from domov.api.counting import Asgi, Message, Receive, Send
from domov.api.envelopes import Scope, envelope_of

LEAST_BYTES_PER_SECOND = 10_000
MOST_HEAD_BYTES = 64 << 10
MOST_CONNECTIONS = 4096
REFUSALS = {
    400: ("Bad Request", "this is no HTTP request"),
    408: ("Request Timeout", "the head of a request took too long"),
    431: ("Request Header Fields Too Large", "the head of the request is too large"),
    503: ("Service Unavailable", "too many connections are open"),
}


class ImpatientProtocol(HttpToolsProtocol):
    """One connection, which is ended where its client is too slow, or sends no request at all."""

    seconds = 20.0
    most_connections = MOST_CONNECTIONS
    most_head_bytes = MOST_HEAD_BYTES
    _timer: asyncio.TimerHandle | None = None  # runs while a head is waited for
    _in_head = False
    _head_bytes = 0
    _refusal = 400  # the status for a request that can't be read

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.most_connections:
            self._refuse(503)
        else:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._timer is None and (self.cycle is None or self.cycle.response_complete):
            self._wait()  # for the next request of a connection that was kept
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > self.most_head_bytes:
                self._refuse(431)

    def on_message_begin(self) -> None:
        self._in_head, self._head_bytes = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._stop_waiting()
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > self.most_head_bytes:
            self._refusal = 431
            raise ValueError("a head that is too large")  # httptools ends the connection, see `send_400_response`
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        self._refuse(self._refusal)

    def _wait(self) -> None:
        self._timer = self.loop.call_later(self.seconds, self._give_up)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        """Says so to a client that has begun; one that connected in advance, as browsers do, is just left."""
        if self._in_head:
            self._refuse(408)
        else:
            self.transport.close()

    def _refuse(self, status: int) -> None:
        """Says why, if nothing else is being said, and ends the connection."""
        self._in_head = False
        self._stop_waiting()
        if not self.transport.is_closing():
            if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
                self.transport.write(_answer(status))
            self.transport.close()


def impatient(
    *, seconds: float, most_connections: int, most_head_bytes: int = MOST_HEAD_BYTES
) -> type[ImpatientProtocol]:
    """The protocol with these limits, as uvicorn wants it."""
    limits = {"seconds": seconds, "most_connections": most_connections, "most_head_bytes": most_head_bytes}
    return type("Impatient", (ImpatientProtocol,), limits)


def _answer(status: int) -> bytes:
    """No route and so no dialect is known yet: OpenAI's envelope, which has room for a sentence."""
    phrase, words = REFUSALS[status]
    body = orjson.dumps({"error": {"message": words, "type": "invalid_request_error", "param": None, "code": None}})
    head = f"HTTP/1.1 {status} {phrase}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
    return f"{head}connection: close\r\n\r\n".encode() + body


class TimedBodies:
    """Answers 408 where a body comes too slowly. Pure ASGI."""

    def __init__(self, app: Asgi, *, seconds: float) -> None:
        self.app, self.seconds = app, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        deadline, whole, late, begun = time.monotonic() + self.seconds, False, False, False

        async def timely() -> Message:
            nonlocal deadline, whole, late
            if whole:
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), deadline - time.monotonic())
            except TimeoutError:
                whole = late = True
                return {"type": "http.disconnect"}
            deadline += len(message.get("body", b"")) / LEAST_BYTES_PER_SECOND
            whole = not message.get("more_body")
            return message

        def unless_late(message: Message) -> Awaitable[None]:
            nonlocal begun
            begun = begun or not late
            return send(message) if begun else asyncio.sleep(0)

        await self.app(scope, timely, unless_late)
        if late and not begun:
            response = envelope_of(scope).of_refusal(408, "the body of the request took too long")
            response.headers["connection"] = "close"
            await response(scope, receive, send)
        return None


def connections_allowed() -> int:
    """How many connections may be open at once: half of the files that this process may open, which is raised first."""
    if sys.platform == "win32":
        return MOST_CONNECTIONS
    import resource  # not on Windows

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4 * MOST_CONNECTIONS if hard == resource.RLIM_INFINITY else min(4 * MOST_CONNECTIONS, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return min(MOST_CONNECTIONS, max(soft, wanted) // 2)
