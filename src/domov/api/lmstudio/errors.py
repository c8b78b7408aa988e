"""LM Studio's envelope for errors: {"error": {"type", "message", …}}. Source: LM Studio's docs, streaming events."""

from typing import Any

import orjson
from fastapi.responses import Response

from domov.api.errors import retry_headers, sentence, status_of
from domov.errors import BadInput, ContextOverflow, DomovError, NoSuchAnswer, NoSuchModel

KINDS: tuple[tuple[type[DomovError], str], ...] = (
    (NoSuchModel, "model_not_found"),
    (BadInput, "invalid_request"),
    (NoSuchAnswer, "invalid_request"),
    (DomovError, "internal_error"),
)


def error_table(error: DomovError) -> dict[str, Any]:
    table = {"type": next(kind for type_, kind in KINDS if isinstance(error, type_)), "message": sentence(error)}
    if isinstance(error, ContextOverflow):
        table["code"] = "context_length_exceeded"
    return table


def error_response(error: DomovError) -> Response:
    return _response(status_of(error), error_table(error), retry_headers(error))


def refusal(status: int, message: str, *, kind: str = "invalid_request") -> Response:
    """What is refused before any model has seen it."""
    return _response(status, {"type": kind, "message": message})


def _response(status: int, table: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps({"error": table}), status, headers=headers, media_type="application/json")
