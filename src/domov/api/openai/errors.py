"""OpenAI's envelope for errors: one table from ours to a status and a type."""

import orjson
from fastapi.exceptions import RequestValidationError

from domov.errors import BadInput, BadRequest, ContextOverflow, DomovError, NotFound, Refused, WorkerDied

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
    message = f"{error.message}; {error.hint}" if error.hint else error.message
    code = "context_length_exceeded" if isinstance(error, ContextOverflow) else None
    message = message.encode("utf-8", "replace").decode()  # half a surrogate pair is no UTF-8
    return status, orjson.dumps({"error": {"message": message, "type": kind, "param": None, "code": code}})


def validation_error(error: RequestValidationError) -> BadRequest:
    """What pydantic found, in a sentence that names the field."""
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return BadRequest("the body is not JSON")
    where = ".".join(str(part) for part in first["loc"] if part != "body")[:150] or "the body"
    return BadRequest(f"{where}: {first['msg']}"[:300].lower())
