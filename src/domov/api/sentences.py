"""What the errors of every dialect say: one sentence for a person."""

from fastapi.exceptions import RequestValidationError

from domov.errors import BadRequest, DomovError


def sentence(error: DomovError) -> str:
    message = f"{error.message}; {error.hint}" if error.hint else error.message
    return message.encode("utf-8", "replace").decode()  # half a surrogate pair is no UTF-8


def validation_error(error: RequestValidationError) -> BadRequest:
    """What pydantic found, in a sentence that names the field."""
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return BadRequest("the body is not JSON")
    where = ".".join(str(part) for part in first["loc"] if part != "body")[:150] or "the body"
    return BadRequest(f"{where}: {first['msg']}"[:300].lower())
