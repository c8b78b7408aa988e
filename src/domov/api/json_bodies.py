"""Strict JSON for every dialect: refused before a route sees it, where Python's own reader would take it or fall over.

NaN and Infinity, half a surrogate pair, other encodings than UTF-8, numbers beyond any double, hundreds of levels: what
can't be passed on to a model as it was sent would be an error later on, or silently something else.
"""

import orjson

from domov.api.bodies import SAFE, takes_blob
from domov.api.counting import Asgi, Message, Receive, Send
from domov.api.envelopes import Scope, envelope_of

MOST_LEVELS = 254  # those that orjson writes
BOM = b"\xef\xbb\xbf"


class JsonBodies:
    """Pure ASGI. Other bodies than JSON pass."""

    def __init__(self, app: Asgi) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in SAFE or takes_blob(scope) or not _is_json(scope):
            return await self.app(scope, receive, send)
        body, last = await _read(receive)
        if last["type"] == "http.request" and body and (fault := fault_of(body)):
            return await envelope_of(scope).of_refusal(400, fault)(scope, receive, send)
        waiting: list[Message] = [last]

        async def again() -> Message:
            return waiting.pop() if waiting else await receive()

        return await self.app(scope, again, send)


async def _read(receive: Receive) -> tuple[bytes, Message]:
    """A whole body, and the message that brings it all at once, or tells that the client has gone."""
    pieces = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return b"", message
        pieces.append(message.get("body", b""))
        if not message.get("more_body"):
            body = b"".join(pieces)
            return body, {"type": "http.request", "body": body, "more_body": False}


def fault_of(body: bytes) -> str | None:
    """What is wrong with a body that should be JSON, in a sentence."""
    try:
        value = orjson.loads(body.removeprefix(BOM))
    except orjson.JSONDecodeError as error:
        return f"the body is not JSON: {error}"
    if body.count(b"[") + body.count(b"{") > MOST_LEVELS:
        try:
            orjson.dumps(value)
        except orjson.JSONEncodeError:
            return f"the body has more than {MOST_LEVELS} levels"
    return None


def _is_json(scope: Scope) -> bool:
    """A body without a kind counts as JSON."""
    kinds = [value for name, value in scope["headers"] if name == b"content-type"]
    return all(value.split(b";")[0].strip().lower() == b"application/json" for value in kinds)
