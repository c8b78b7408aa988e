"""OpenAI's envelope for errors: one table from ours to a status and a type."""

from typing import Any

import orjson
from fastapi.responses import Response

from domov.api.sentences import sentence
from domov.errors import BadInput, Busy, ContextOverflow, DomovError, NotFound, Refused, WorkerDied

STATUS: tuple[tuple[type[DomovError], int, str], ...] = (
    (NotFound, 404, "not_found_error"),
    (BadInput, 400, "invalid_request_error"),
    (Refused, 503, "service_unavailable_error"),
    (WorkerDied, 503, "service_unavailable_error"),
    (DomovError, 500, "server_error"),
)


def error_body(error: DomovError) -> tuple[int, bytes]:
    """The HTTP status and the body that an error becomes."""
    status, kind = next((status, kind) for type_, status, kind in STATUS if isinstance(error, type_))
    code = "context_length_exceeded" if isinstance(error, ContextOverflow) else None
    return status, _envelope(kind, sentence(error), code)


def error_response(error: DomovError) -> Response:
    status, body = error_body(error)
    headers = {"Retry-After": str(error.retry_seconds)} if isinstance(error, Busy) else None
    return Response(body, status, headers=headers, media_type="application/json")


def refusal(status: int, message: str) -> Response:
    """What is refused before any route has seen it."""
    kind = "not_found_error" if status == 404 else "invalid_request_error"
    return Response(_envelope(kind, message), status, media_type="application/json")


def _envelope(kind: str, message: str, code: Any = None) -> bytes:
    return orjson.dumps({"error": {"message": message, "type": kind, "param": None, "code": code}})
