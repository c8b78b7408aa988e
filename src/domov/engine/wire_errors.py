"""JSON to and from llama-server, and what its error objects mean. Pure."""

from collections.abc import Mapping
from typing import Any

import orjson

from domov.errors import BadRequest, Broken, ContextOverflow, DomovError


def to_json(body: Mapping[str, Any]) -> bytes:
    """The bytes of a body. Raises BadRequest for what JSON can't hold: half a surrogate pair, hundreds of levels."""
    try:
        return orjson.dumps(dict(body))
    except TypeError as error:  # orjson's own error is one
        raise BadRequest(f"the request can't be passed on: {error}") from error


def from_json(body: bytes) -> Any:
    """What an answer says. Raises Broken."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Broken("the worker answered with something that is not JSON") from error


def error_of(body: Any) -> DomovError:
    """What llama-server's error object means."""
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return Broken("the worker answered with something else than an error object")
    if error.get("type") == "exceed_context_size_error":
        return ContextOverflow(prompt_tokens=error["n_prompt_tokens"], context_tokens=error["n_ctx"])
    message = str(error.get("message", "no message"))[:500]
    if error.get("type") in ("invalid_request_error", "not_supported_error"):
        return BadRequest(f"the engine refused the request: {message}")
    return Broken(f"the engine failed: {message}")
