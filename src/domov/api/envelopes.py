"""Which dialect a request speaks, told by its path and headers alone, and so in what envelope an error goes out."""

from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from fastapi.responses import Response

from domov.api.anthropic import errors as anthropic
from domov.api.kobold import errors as kobold
from domov.api.lmstudio import errors as lmstudio
from domov.api.ollama import errors as ollama
from domov.api.openai import errors as openai
from domov.errors import DomovError

Scope = MutableMapping[str, Any]
# What follows /api/ in Ollama's routes.
OLLAMA = frozenset(
    ("generate", "chat", "embed", "embeddings", "tags", "show", "ps", "version")
    + ("pull", "push", "create", "copy", "delete", "blobs")
)
# What follows /api/v1/ and /api/latest/ in KoboldCpp's.
KOBOLD = frozenset(("generate", "model", "config", "info"))


@dataclass(frozen=True, slots=True)
class Envelope:
    of_error: Callable[[DomovError], Response]
    of_refusal: Callable[[int, str], Response]  # of what no route has seen: a status and a sentence


def envelope_of(scope: Scope) -> Envelope:
    """OpenAI's, which most clients know, where nothing tells of another."""
    if speaks_ollama(scope):
        return Envelope(ollama.error_response, ollama.refusal)
    if speaks_kobold(scope):
        return Envelope(kobold.error_response, kobold.refusal)
    if speaks_lmstudio(scope):
        return Envelope(lmstudio.error_response, lmstudio.refusal)
    if speaks_anthropic(scope):
        return Envelope(anthropic.error_response, anthropic.refusal)
    return Envelope(openai.error_response, openai.refusal)


def speaks_ollama(scope: Scope) -> bool:
    first, *rest = _parts(scope)
    return first == "api" and bool(rest) and rest[0] in OLLAMA


def speaks_kobold(scope: Scope) -> bool:
    parts = [*_parts(scope), "", ""]
    if parts[0] == "api" and parts[1] in ("v1", "latest"):
        return parts[2] in KOBOLD
    return parts[0] == "sdapi" or (parts[0] == "api" and parts[1] in ("extra", "admin"))


def speaks_lmstudio(scope: Scope) -> bool:
    first, version, *rest = [*_parts(scope), "", ""]
    return first == "api" and (version == "v0" or (version == "v1" and rest[0] in ("chat", "models")))


def speaks_anthropic(scope: Scope) -> bool:
    """The list of models is at the same path as OpenAI's: there the header tells."""
    start = _parts(scope)[:2]
    if start == ["v1", "models"]:
        return any(name == b"anthropic-version" for name, _ in scope["headers"])
    return start == ["v1", "messages"]


def _parts(scope: Scope) -> list[str]:
    return str(scope["path"]).removeprefix("/").split("/")
