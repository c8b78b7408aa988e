"""Which dialect a path belongs to, and so in what envelope an error goes out."""

import orjson

from domov.api.errors import sentence, status_of
from domov.api.openai import errors as openai
from domov.errors import DomovError

# What follows /api/ in Ollama's routes; everything else is answered in OpenAI's envelope, which most clients know.
OLLAMA = frozenset(
    ("generate", "chat", "embed", "embeddings", "tags", "show", "ps", "version")
    + ("pull", "push", "create", "copy", "delete", "blobs")
)


def speaks_ollama(path: str) -> bool:
    first, _, rest = path.removeprefix("/").partition("/")
    return first == "api" and rest.partition("/")[0] in OLLAMA


def envelope(path: str, status: int, message: str) -> bytes:
    """The body of an error that is told on a path."""
    return orjson.dumps({"error": message}) if speaks_ollama(path) else openai.envelope(status, message)


def error_bytes(path: str, error: DomovError) -> tuple[int, bytes]:
    """The HTTP status and the body that an error becomes on a path."""
    if not speaks_ollama(path):
        return openai.error_body(error)
    return status_of(error), envelope(path, status_of(error), sentence(error))
