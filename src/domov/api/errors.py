"""What errors become in HTTP: one table of statuses for all dialects; each has its own envelope for the sentence."""

from fastapi.exceptions import RequestValidationError

from domov.errors import (
    BadInput,
    BadRequest,
    Busy,
    DomovError,
    NotFound,
    NotLoggedIn,
    NotPermitted,
    Refused,
    TooManyTries,
    WorkerDied,
)

STATUS: tuple[tuple[type[DomovError], int], ...] = (
    (NotFound, 404),
    (BadInput, 400),
    (TooManyTries, 429),
    (NotLoggedIn, 401),
    (NotPermitted, 403),
    (Refused, 503),
    (WorkerDied, 503),
    (DomovError, 500),
)


def status_of(error: DomovError) -> int:
    return next(status for kind, status in STATUS if isinstance(error, kind))


def retry_headers(error: DomovError) -> dict[str, str]:
    """When to come back, where that is known."""
    return {"retry-after": str(error.retry_seconds)} if isinstance(error, Busy) else {}


def sentence(error: DomovError) -> str:
    """What happened and what to do about it."""
    message = f"{error.message}; {error.hint}" if error.hint else error.message
    return message.encode("utf-8", "replace").decode()  # half a surrogate pair is no UTF-8


def validation_error(error: RequestValidationError) -> BadRequest:
    """What pydantic found, in a sentence that names the field."""
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return BadRequest("the body is not JSON")
    where = ".".join(str(part) for part in first["loc"] if part != "body")[:150] or "the body"
    return BadRequest(f"{where}: {first['msg']}"[:300].lower())
