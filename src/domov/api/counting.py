"""Counts what the server answers, and lets everything below know which dialect a request speaks. Pure ASGI."""

from collections.abc import Awaitable, Callable
from typing import Any

from domov.api.envelopes import Scope
from domov.meter import caller

Message = Any
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]


class Counting:
    def __init__(self, app: Asgi, responded: Callable[[str, int], None]) -> None:
        """responded: is told the dialect and the status of each answer"""
        self.app, self._responded = app, responded

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)

        def counted(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                self._responded(dialect_of(scope), message["status"])
            return send(message)

        caller.dialect.set(lambda: dialect_of(scope))
        return await self.app(scope, receive, counted)


def dialect_of(scope: Scope) -> str:
    """The folder of `api/` that the route which was found stands in, or `domov`; `none` where there is no route."""
    endpoint = scope.get("endpoint")
    if endpoint is None:
        return "none"
    room, *inside = endpoint.__module__.removeprefix("domov.api.").split(".")
    return room if inside else "domov"
