"""Ollama's routes. Source: Ollama's server/routes.go and docs/api.md, version 0.33."""

import asyncio
import importlib.metadata
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.requests import ClientDisconnect

from domov.access.callers import tell
from domov.api.answers import json_response, streaming
from domov.api.disconnect import unless_disconnected
from domov.api.errors import sentence
from domov.api.models import installed, no_path, shown, shown_rows
from domov.api.ollama import answering, describing, storing, vectors
from domov.api.ollama.bodies import (
    ChatBody,
    EmbedBody,
    EmbeddingBody,
    GenerateBody,
    decode_chat,
    decode_verbatim,
)
from domov.api.ollama.fields import Named, TextBody, refuse_unsupported
from domov.api.ollama.replies import NDJSON, Reply, line
from domov.api.values import seconds_of
from domov.app import App
from domov.engine.known import known
from domov.engine.scheduler import Row
from domov.errors import BadRequest, DomovError
from domov.store.models import Model

# The version of Ollama's API that is spoken here: clients ask for a least one of Ollama, not of Domov.
API_VERSION = "0.33.0"


class CopyBody(Named):
    source: str
    destination: str


class ShowBody(Named):
    verbose: bool = False


def router(domov: App) -> APIRouter:
    routes = APIRouter()
    for part in (_running, _telling, _storing, _sending):
        routes.include_router(part(domov), tags=["Ollama"])
    return routes


def _running(domov: App) -> APIRouter:
    routes = APIRouter()

    @routes.post("/api/generate")
    async def generate(body: GenerateBody, request: Request) -> Response:
        """A text written on, through the model's template or verbatim; without a prompt the model is loaded."""
        return await unless_disconnected(request, _generate(domov, body))

    @routes.post("/api/chat")
    async def chat(body: ChatBody, request: Request) -> Response:
        """An answer to a conversation; without messages the model is loaded."""
        return await unless_disconnected(request, _chat(domov, body))

    @routes.post("/api/embed")
    async def embed(body: EmbedBody, request: Request) -> Response:
        """Vectors of texts."""
        return await unless_disconnected(request, vectors.embed(domov, body))

    @routes.post("/api/embeddings")
    async def embeddings(body: EmbeddingBody, request: Request) -> Response:
        """The vector of one text, in the older form."""
        return await unless_disconnected(request, vectors.embed_one(domov, body))

    return routes


def _telling(domov: App) -> APIRouter:
    routes = APIRouter()

    @routes.get("/api/version")
    @routes.head("/api/version", include_in_schema=False)
    async def version() -> dict[str, str]:
        """The version of Ollama's API that is spoken, and Domov's own."""
        return {"version": API_VERSION, "domov": importlib.metadata.version("domov")}

    @routes.get("/api/tags")
    @routes.head("/api/tags", include_in_schema=False)
    def tags() -> dict[str, Any]:
        """The models that are here."""
        return {"models": [describing.tag_table(model) for model in shown(domov)]}

    @routes.get("/api/ps")
    async def ps() -> dict[str, Any]:
        """The models in memory."""
        rows = shown_rows(domov)
        return {"models": await asyncio.to_thread(lambda: [_loaded_table(domov, row) for row in rows])}

    @routes.post("/api/show")
    def show(body: ShowBody) -> Response:
        """Everything about one model."""
        model = installed(domov, body.called)
        return json_response(describing.show_table(domov, model, verbose=body.verbose))

    return routes


def _storing(domov: App) -> APIRouter:
    routes = APIRouter()

    @routes.post("/api/pull")
    async def pull(body: storing.PullBody, request: Request) -> Response:
        """Fetches a model, telling how it gets on."""
        tell(model=body.called)
        return await unless_disconnected(request, _pull(domov, body))

    @routes.post("/api/push")
    async def push(body: Named) -> Response:
        """Refused: Domov publishes nothing."""
        raise BadRequest(f"{body.called} is not pushed: Domov publishes nothing", hint="upload its file yourself")

    @routes.post("/api/create")
    async def create(body: storing.CreateBody, request: Request) -> Response:
        """A new name for a model that is here, or for a file that was sent; in another quantization if one is named."""
        refuse_unsupported(body, storing.CREATE_UNSUPPORTED)
        tell(model=body.called)
        return await unless_disconnected(request, _told(storing.created(domov, body), stream=body.stream))

    @routes.post("/api/copy")
    def copy(body: CopyBody) -> Response:
        """A second name for a model."""
        tell(model=body.source, to=body.destination)
        domov.models.copy(installed(domov, body.source).name, no_path(body.destination))
        return Response()

    @routes.delete("/api/delete")
    async def delete(body: Named) -> Response:
        """Takes a name away, and the model's file with its last name."""
        tell(model=body.called)
        model = domov.models.find(no_path(body.called))
        if model is not None:
            await domov.unload(model)
        await asyncio.to_thread(domov.models.remove, body.called)
        return Response()

    return routes


def _sending(domov: App) -> APIRouter:
    routes = APIRouter()

    @routes.head("/api/blobs/{digest}")
    def has_blob(digest: str) -> Response:
        """Whether a file is here."""
        return Response(status_code=200 if storing.blob_path(domov.models, digest) else 404)

    @routes.post("/api/blobs/{digest}")
    async def send_blob(digest: str, request: Request) -> Response:
        """Takes in a file that a model is to be made of."""
        if storing.blob_path(domov.models, digest):
            return Response(status_code=200)
        size_bytes = int(request.headers.get("content-length", "0"))
        try:
            await storing.receive(domov.models, digest, request.stream(), size_bytes=size_bytes)
        except ClientDisconnect:
            return Response(status_code=499)  # nobody reads it
        return Response(status_code=201)

    return routes


async def _chat(domov: App, body: ChatBody) -> Response:
    model, reply = _begun(domov, body, "chat")
    if not body.messages:
        return await _load(domov, body, model, reply)
    request = decode_chat(body)
    await _check_thinking(body, model)
    return await _answer(body, answering.Asked(domov.scheduler.engine_for(model), request, reply))


async def _generate(domov: App, body: GenerateBody) -> Response:
    model, reply = _begun(domov, body, "generate")
    if body.asks_nothing:
        return await _load(domov, body, model, reply)
    engine = domov.scheduler.engine_for(model)
    if body.raw or body.suffix:
        return await _answer(body, answering.Asked(engine, decode_verbatim(body), reply))
    thinks = await _check_thinking(body, model)
    if not body.context:
        return await _answer(body, answering.templated(engine, body, reply))
    async with engine.ready():
        return await _answer(body, await answering.continued(engine, body, reply, thinks=thinks))


def _begun(domov: App, body: TextBody, form: Literal["chat", "generate"]) -> tuple[Model, Reply]:
    started = time.monotonic()
    model = installed(domov, body.model)
    return model, Reply(body.model, form, started)


async def _check_thinking(body: TextBody, model: Model) -> bool:
    """Whether the model thinks. Raises BadRequest where it is to and does not."""
    thinks = (await asyncio.to_thread(known, model)).thinks
    if body.think and not thinks:
        raise BadRequest(f"{model.name} does not support thinking", hint="leave think out")
    return thinks


def _loaded_table(domov: App, row: Row) -> dict[str, Any]:
    """Of a model in memory; its file may have been removed or changed meanwhile."""
    try:
        return describing.loaded_table(row, domov.models.find(row.model))
    except DomovError:
        return describing.loaded_table(row, None)


async def _answer(body: TextBody, asked: answering.Asked) -> Response:
    if not body.stream:
        return json_response(await asked.whole())
    return await streaming(asked.lines(), failed=_failed, media_type=NDJSON)


async def _load(domov: App, body: TextBody, model: Model, reply: Reply) -> Response:
    """Loads a model that is asked nothing, or with a keep_alive of 0 unloads it."""
    seconds = seconds_of(body.keep_alive)
    if seconds == 0:
        await domov.scheduler.release(model)
    else:
        async with domov.scheduler.engine_for(model).ready(seconds):
            pass
    table = reply.empty("unload" if seconds == 0 else "load")
    return Response(line(table), media_type=NDJSON) if body.stream else json_response(table)


async def _pull(domov: App, body: storing.PullBody) -> Response:
    return await _told(storing.pulled(domov, no_path(body.called)), stream=body.stream)


async def _told(steps: AsyncGenerator[dict[str, Any], None], *, stream: bool) -> Response:
    """How work gets on, a line for each step; or its last step alone."""
    if stream:
        return await streaming(_lines(steps), failed=_failed, media_type=NDJSON)
    async with aclosing(steps):
        return json_response([step async for step in steps][-1])


async def _lines(tables: AsyncGenerator[dict[str, Any], None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(tables):
        async for table in tables:
            yield line(table)


def _failed(error: DomovError) -> bytes:
    return line({"error": sentence(error)})
