"""Ollama's envelope for errors: {"error": "a sentence"}."""

import orjson
from fastapi.responses import Response

from domov.api.errors import retry_headers, sentence, status_of
from domov.errors import DomovError


def error_response(error: DomovError) -> Response:
    return refusal(status_of(error), sentence(error), retry_headers(error))


def refusal(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    """What is refused before any route has seen it."""
    return Response(orjson.dumps({"error": message}), status, headers=headers, media_type="application/json")
