"""Anthropic's envelope for errors: one table from ours to a status and a type.

Source: Anthropic's API reference, errors. Clients wait and ask again after 529 and 503; Claude Code shortens its
conversation when it reads `prompt is too long: N tokens > M maximum`.
"""

from uuid import uuid4

import orjson
from fastapi.responses import Response

from domov.api.errors import retry_headers, sentence
from domov.errors import BadInput, Busy, ContextOverflow, DomovError, NotFound, NotPermitted, Refused, WorkerDied

STATUS: tuple[tuple[type[DomovError], int, str], ...] = (
    (NotFound, 404, "not_found_error"),
    (BadInput, 400, "invalid_request_error"),
    (NotPermitted, 403, "permission_error"),
    (Busy, 529, "overloaded_error"),
    (Refused, 503, "overloaded_error"),
    (WorkerDied, 503, "api_error"),
    (DomovError, 500, "api_error"),
)
KINDS = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
}


def error_response(error: DomovError) -> Response:
    status, kind = _meaning(error)
    return _response(status, kind, _message(error), retry_headers(error))


def refusal(status: int, message: str) -> Response:
    """What is refused before any route has seen it."""
    return _response(status, KINDS.get(status, "invalid_request_error"), message)


def failed(error: DomovError, request_id: str) -> bytes:
    """An error in the middle of a stream."""
    return b"event: error\ndata: " + _envelope(_meaning(error)[1], _message(error), request_id) + b"\n\n"


def new_request_id() -> str:
    return f"req_{uuid4().hex}"


def _meaning(error: DomovError) -> tuple[int, str]:
    return next((status, kind) for type_, status, kind in STATUS if isinstance(error, type_))


def _message(error: DomovError) -> str:
    if isinstance(error, ContextOverflow):
        return f"prompt is too long: {error.prompt_tokens} tokens > {error.context_tokens} maximum; {error.hint}"
    return sentence(error)


def _response(status: int, kind: str, message: str, headers: dict[str, str] | None = None) -> Response:
    request_id = new_request_id()
    body = _envelope(kind, message, request_id)
    return Response(body, status, headers={"request-id": request_id, **(headers or {})}, media_type="application/json")


def _envelope(kind: str, message: str, request_id: str) -> bytes:
    return orjson.dumps({"type": "error", "error": {"type": kind, "message": message}, "request_id": request_id})
