"""OpenAI's envelope for errors."""

import orjson
from fastapi.responses import Response

from domov.api.errors import retry_headers, sentence, status_of
from domov.errors import ContextOverflow, DomovError

KINDS = {
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
    500: "server_error",
    503: "service_unavailable_error",
}
CODES = {401: "invalid_api_key", 429: "rate_limit_exceeded"}


def error_body(error: DomovError) -> tuple[int, bytes]:
    """The HTTP status and the body that an error becomes."""
    status = status_of(error)
    code = "context_length_exceeded" if isinstance(error, ContextOverflow) else None
    return status, envelope(status, sentence(error), code)


def error_response(error: DomovError) -> Response:
    status, body = error_body(error)
    return Response(body, status, headers=retry_headers(error), media_type="application/json")


def refusal(status: int, message: str) -> Response:
    """What is refused before any route has seen it."""
    return Response(envelope(status, message, CODES.get(status)), status, media_type="application/json")


def envelope(status: int, message: str, code: str | None = None) -> bytes:
    kind = KINDS.get(status, "invalid_request_error")
    return orjson.dumps({"error": {"message": message, "type": kind, "param": None, "code": code}})
