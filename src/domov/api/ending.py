"""An answer on its way ends when its caller's right does: to the application it looks as if the caller had left."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
GONE: dict[str, Message] = {
    "http": {"type": "http.disconnect"},
    "websocket": {"type": "websocket.disconnect", "code": 1008},
}


def until_ended(receive: Receive, ended: asyncio.Event, kind: str) -> Receive:
    """What is received, up to the moment when `ended` is set. A body that is being sent is not looked at twice."""
    whole = kind == "websocket"

    async def received() -> Message:
        nonlocal whole
        if not whole:
            message = await receive()
            whole = message["type"] != "http.request" or not message.get("more_body")
            return message
        if ended.is_set():
            return GONE[kind]
        getting, ending = asyncio.ensure_future(receive()), asyncio.ensure_future(ended.wait())
        try:
            await asyncio.wait((getting, ending), return_when=asyncio.FIRST_COMPLETED)
            return getting.result() if getting.done() else GONE[kind]
        finally:
            getting.cancel()
            ending.cancel()
            await asyncio.gather(getting, ending, return_exceptions=True)

    return received
