"""The OpenAPI document of the whole server: FastAPI's, with what it can't know: answers, errors, streams and words.

A route that stands in no table here has an answer of any form and OpenAI's errors. Nothing in here changes what the
server does.
"""

import tomllib
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from importlib.resources import files
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from domov.api.reference import answers as a

Table = dict[str, Any]
JSON, SSE, NDJSON, PLAIN = "application/json", "text/event-stream", "application/x-ndjson", "text/plain"
PREFIX = "answer."  # so that no answer has the name of a request
REF = f"#/components/schemas/{PREFIX}{{model}}"

# Route: what a whole answer is, and how a streamed one is sent.
ANSWERS: dict[str, tuple[type[BaseModel] | None, str | None]] = {
    "GET /v1/models": (a.ModelEntries, None),
    "GET /v1/models/{name}": (a.ModelEntry, None),
    "POST /v1/chat/completions": (a.ChatCompletion, SSE),
    "POST /v1/completions": (a.TextCompletion, SSE),
    "POST /v1/embeddings": (a.EmbeddingList, None),
    "POST /v1/rerank": (a.RankingList, None),
    "POST /tokenize": (a.TokenList, None),
    "POST /detokenize": (a.TextContent, None),
    "POST /apply-template": (a.RenderedPrompt, None),
    "POST /infill": (a.FilledGap, SSE),
    "POST /api/generate": (a.OllamaText, NDJSON),
    "POST /api/chat": (a.OllamaChatAnswer, NDJSON),
    "POST /api/embed": (a.OllamaVectors, None),
    "POST /api/embeddings": (a.OllamaVector, None),
    "GET /": (None, PLAIN),
    "GET /api/version": (a.OllamaVersion, None),
    "GET /api/tags": (a.OllamaTags, None),
    "GET /api/ps": (a.OllamaRunning, None),
    "POST /api/show": (a.OllamaModel, None),
    "POST /api/pull": (a.OllamaStatus, NDJSON),
    "POST /api/create": (a.OllamaStatus, NDJSON),
    "POST /v1/messages": (a.AnthropicMessage, SSE),
    "POST /v1/messages/count_tokens": (a.TokenCount, None),
    "GET /api/domov/loaded": (a.LoadedModels, None),
    "POST /api/domov/load": (a.Abilities, None),
    "POST /api/domov/unload": (a.Unloaded, None),
    "POST /api/domov/forget": (a.Forgotten, None),
    "GET /healthz": (a.Alive, None),
    "GET /metrics": (None, PLAIN),
}
STREAMED: dict[str, Table] = {
    SSE: {"description": "Server-sent events, each with JSON as its data."},
    NDJSON: {"type": "string", "description": "One JSON object a line."},
    PLAIN: {"type": "string"},
}
EMPTY = ("POST /api/copy", "DELETE /api/delete", "HEAD /api/blobs/{digest}", "POST /api/blobs/{digest}")
CREATED = ("POST /api/blobs/{digest}",)
ERRORS: dict[str, type[BaseModel]] = {
    "Ollama": a.OllamaError,
    "Anthropic": a.AnthropicError,
    "KoboldCpp": a.KoboldError,
    "LM Studio": a.LMStudioError,
}
STATUSES = {
    "400": "The request can't be meant.",
    "401": "A key is needed, or this one is none.",
    "403": "Another host or a page of another origin.",
    "404": "No such model, or path.",
    "405": "The path takes other methods.",
    "408": "The request came too slowly.",
    "413": "The request is too large.",
    "415": "The body is of another kind than JSON.",
    "429": "The limit of the key is reached: come back after `Retry-After` seconds.",
    "431": "The head of the request is too large.",
    "500": "A damaged model file, an engine that is missing, or an engine that failed.",
    "501": "There is no engine for it here.",
    "503": "Too busy, or the process of the model died: ask again, after `Retry-After` seconds if that is given.",
}
BUSY = {"529": "Too busy: come back after `Retry-After` seconds."}
INTRO = """\
Your own models, behind the APIs of OpenAI, Ollama, Anthropic, KoboldCpp, LM Studio and llama.cpp's server on one port.
Unknown fields are ignored; fields that would silently change the answer are refused."""


def describe(api: FastAPI) -> None:
    """Has the application tell this document."""
    made: list[Table] = []

    def openapi() -> Table:
        if not made:
            made.append(document(api))
        return made[0]

    api.openapi = openapi  # type: ignore[method-assign]


def document(api: FastAPI) -> Table:
    made = get_openapi(title="Domov", version=metadata.version("domov"), description=INTRO, routes=api.routes)
    schemas: Table = made.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    words = field_words()
    for schema in schemas.values():
        _explain(schema, words)
    kinds = dict.fromkeys([kind for kind, _ in ANSWERS.values() if kind] + [a.OpenAIError, *ERRORS.values()])
    _, ours = models_json_schema([(kind, "validation") for kind in kinds], ref_template=REF)
    schemas |= {f"{PREFIX}{name}": schema for name, schema in ours["$defs"].items()}
    for route, operation in operations(made):
        operation["responses"] = _responses(route, operation)
        for parameter in operation.get("parameters", ()):
            parameter.setdefault("description", words.get(parameter["name"], ""))
    return made


def operations(made: Table) -> Iterator[tuple[str, Table]]:
    """Each operation with its route, such as `GET /healthz`."""
    for path, methods in made["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


@cache
def field_words() -> dict[str, str]:
    """What a field means, by its name, wherever it stands and nothing else is said of it."""
    text = files("domov.api.reference").joinpath("fields.toml").read_text("utf-8")
    return {name: words for table in tomllib.loads(text).values() for name, words in table.items()}


def _explain(schema: Table, words: dict[str, str]) -> None:
    for name, field in schema.get("properties", {}).items():
        field.pop("title", None)
        if "description" not in field and name in words:
            field["description"] = words[name]


def _responses(route: str, operation: Table) -> Table:
    tag = operation.get("tags", ["Domov"])[0]
    ref = REF.format(model=ERRORS.get(tag, a.OpenAIError).__name__)
    content = {JSON: {"schema": {"$ref": ref}}}
    statuses = STATUSES | (BUSY if tag == "Anthropic" else {})
    if route.startswith("HEAD"):
        return {"200": {"description": "Done."}} | {s: {"description": words} for s, words in statuses.items()}
    errors = {status: {"description": words, "content": content} for status, words in statuses.items()}
    return _successes(route, operation) | errors


def _unknown(operation: Table) -> Table:
    """What FastAPI knows of an answer, if that is more than nothing."""
    told = {status: answer for status, answer in operation["responses"].items() if status < "400"}
    for answer in told.values():
        if answer.get("content", {}).get(JSON, {}).get("schema") == {}:
            del answer["content"]
    return told | {"2XX": {"description": "Done."}}


def _successes(route: str, operation: Table) -> Table:
    if route in EMPTY:
        created = {"201": {"description": "Taken in."}} if route in CREATED else {}
        return {"200": {"description": "Done."}} | created
    if route not in ANSWERS:
        return _unknown(operation)
    whole, streamed = ANSWERS[route]
    content: Table = {JSON: {"schema": {"$ref": REF.format(model=whole.__name__)}}} if whole else {}
    if streamed:
        content[streamed] = {"schema": STREAMED[streamed]}
    return {"200": {"description": "Done.", "content": content}}
