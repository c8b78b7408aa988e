"""Calls an application as a server does, with exactly these bytes: any path, any header, from any address."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import orjson

from domov.api.scopes import SOCKET

Application = Callable[[MutableMapping[str, Any], Any, Any], Awaitable[None]]


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes
    cookies: tuple[str, ...] = ()  # as they are set

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


async def call(
    app: Application,
    method: str,
    path: str,
    *headers: tuple[str, str],
    body: bytes = b"",
    peer: str = "127.0.0.1",
    stays: bool = False,
) -> Answer:
    """headers  without a Host among them, it is localhost
    stays    whether the client is still there when its request has been read

    The method SOCKET opens a web socket: 101 is one that is open, 403 one that was refused.
    """
    raw_path, _, query = path.encode("latin-1").partition(b"?")
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    if not any(name == b"host" for name, _ in raw):
        raw.append((b"host", b"localhost"))
    scope = {
        "type": "websocket" if method == SOCKET else "http",
        "method": method,
        "path": unquote(raw_path.decode("latin-1")),
        "raw_path": raw_path,
        "query_string": query,
        "headers": raw,
        "client": (peer, 50000),
        "server": ("127.0.0.1", 36668),
        "scheme": "http",
        "http_version": "1.1",
        "root_path": "",
    }
    pair: tuple[dict[str, Any], dict[str, Any]]
    if method == SOCKET:
        pair = {"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1000}
    else:
        pair = {"type": "http.request", "body": body, "more_body": False}, {"type": "http.disconnect"}
    first, last = pair
    waiting = [first]
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if not waiting and stays:
            await asyncio.get_running_loop().create_future()
        return waiting.pop() if waiting else last

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start, *rest = sent
    if method == SOCKET:
        return Answer(101 if start["type"] == "websocket.accept" else 403, {}, b"")
    heads = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in start.get("headers", ())}
    cookies = tuple(v.decode("latin-1") for n, v in start.get("headers", ()) if n.lower() == b"set-cookie")
    return Answer(start["status"], heads, b"".join(message.get("body", b"") for message in rest), cookies)
