"""Calls an application as a server does, with exactly these bytes: any path, any header, from any address."""

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import orjson

Application = Callable[[MutableMapping[str, Any], Any, Any], Awaitable[None]]


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


async def call(
    app: Application, method: str, path: str, *headers: tuple[str, str], body: bytes = b"", peer: str = "127.0.0.1"
) -> Answer:
    """headers  without a Host among them, it is localhost"""
    raw_path, _, query = path.encode("latin-1").partition(b"?")
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    if not any(name == b"host" for name, _ in raw):
        raw.append((b"host", b"localhost"))
    scope = {
        "type": "http",
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
    waiting = [{"type": "http.request", "body": body, "more_body": False}]
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return waiting.pop() if waiting else {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start, *rest = sent
    heads = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in start.get("headers", ())}
    return Answer(start["status"], heads, b"".join(message.get("body", b"") for message in rest))
