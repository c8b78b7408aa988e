"""OpenAI's envelope for errors."""

import orjson

from domov.api.errors import sentence, status_of
from domov.errors import ContextOverflow, DomovError

KINDS = {404: "not_found_error", 500: "server_error", 503: "service_unavailable_error"}


def error_body(error: DomovError) -> tuple[int, bytes]:
    """The HTTP status and the body that an error becomes."""
    status = status_of(error)
    code = "context_length_exceeded" if isinstance(error, ContextOverflow) else None
    return status, envelope(status, sentence(error), code)


def envelope(status: int, message: str, code: str | None = None) -> bytes:
    kind = KINDS.get(status, "invalid_request_error")
    return orjson.dumps({"error": {"message": message, "type": kind, "param": None, "code": code}})
