"""Bodies that are JSON whatever their header calls them: many of KoboldCpp's clients never say, as it never asked.

What a web page could send unasked is told by other headers, and refused by the guard (`may_be_any_kind`).
"""

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from fastapi import Request
from fastapi.responses import Response
from fastapi.routing import APIRoute


class AnyKind(APIRoute):
    """A route that reads any body as JSON."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def as_json(request: Request) -> Response:
            named = [pair for pair in request.scope["headers"] if pair[0] != b"content-type"]
            scope = {**request.scope, "headers": [*named, (b"content-type", b"application/json")]}
            return await handle(Request(scope, request.receive))

        return as_json


def may_be_any_kind(headers: Mapping[bytes, str]) -> bool:
    """Whether no browser sent it: they all name the origin, or the site, of a page that sends a body."""
    return b"origin" not in headers and b"sec-fetch-site" not in headers
