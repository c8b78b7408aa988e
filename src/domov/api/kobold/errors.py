"""KoboldAI's envelope for errors: {"detail": {"msg": a sentence, "type": a kind}}."""

from typing import Any

import orjson
from fastapi.responses import Response

from domov.api.errors import retry_headers, sentence, status_of
from domov.errors import DomovError

KINDS = {
    400: "bad_input",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "bad_input",
    415: "bad_input",
    501: "not_implemented",
    503: "service_unavailable",
}


def error_response(error: DomovError) -> Response:
    return refusal(status_of(error), sentence(error), retry_headers(error))


def refusal(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    """What is refused before any route has seen it."""
    return Response(orjson.dumps(error_table(status, message)), status, headers=headers, media_type="application/json")


def error_table(status: int, message: str) -> dict[str, Any]:
    return {"detail": {"msg": message, "type": KINDS.get(status, "server_error")}}
