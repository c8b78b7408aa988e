"""Which dialect a request speaks, told by its path and headers alone: also where no route has seen it yet."""

from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from fastapi.responses import Response

from domov.api.anthropic import errors as anthropic
from domov.api.openai import errors as openai
from domov.errors import DomovError

Scope = MutableMapping[str, Any]


@dataclass(frozen=True, slots=True)
class Dialect:
    """How errors are told in it."""

    error_response: Callable[[DomovError], Response]
    refusal: Callable[[int, str], Response]


OPENAI = Dialect(openai.error_response, openai.refusal)
ANTHROPIC = Dialect(anthropic.error_response, anthropic.refusal)


def dialect_of(scope: Scope) -> Dialect:
    """OpenAI's is what most clients understand. The models are at the same path in both: the header tells."""
    path = scope["path"]
    if _under(path, "/v1/messages"):
        return ANTHROPIC
    if _under(path, "/v1/models") and any(name == b"anthropic-version" for name, _ in scope["headers"]):
        return ANTHROPIC
    return OPENAI


def _under(path: str, root: str) -> bool:
    return path == root or path.startswith(f"{root}/")
