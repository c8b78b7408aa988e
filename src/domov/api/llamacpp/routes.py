"""llama.cpp's own routes: its router of models, and text and vectors in its native form.

Those for tokens, templates, filling and ranking are beside OpenAI's. Source: llama.cpp tools/server/README.md.
"""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, model_validator

from domov.api.answers import Collected, json_response
from domov.api.disconnect import unless_disconnected
from domov.api.llamacpp import completion, telling
from domov.api.models import engine_of, installed
from domov.api.openai import vectors
from domov.api.openai.answers import all_events, collected, streamed
from domov.app import App
from domov.engine.scheduler import Scheduled
from domov.errors import BadRequest, Busy, DomovError
from domov.store.models import Model

STAYS_SECONDS = -1.0  # until it is unloaded, or makes room
EARLY_SECONDS = 1.0  # what goes wrong sooner than that is told at once
Name = Annotated[str, Query(max_length=4096)]


class ModelBody(BaseModel):
    model_config = ConfigDict(extra="allow")

    model: str


class EmbeddingBody(vectors.EmbeddingBody):
    """As /v1/embeddings, or with `content` for `input`."""

    model: str = ""
    embd_normalize: int = 2

    @model_validator(mode="before")
    @classmethod
    def _content(cls, value: Any) -> Any:
        return {"input": value.get("content"), **value} if isinstance(value, dict) else value


def router(domov: App) -> APIRouter:
    routes = APIRouter()
    for part in (_models, _telling, _answering):
        routes.include_router(part(domov), tags=["llama.cpp"])
    return routes


def _models(domov: App) -> APIRouter:
    routes, loads = APIRouter(), Loads()

    @routes.get("/models")
    def models() -> dict[str, Any]:
        """The models that are here, and whether they are loaded."""
        return telling.models_table(domov, loads.failed)

    @routes.post("/models/load")
    async def load(body: ModelBody) -> dict[str, bool]:
        """Begins to load a model; GET /models tells when it is."""
        if (body.model_extra or {}).get("extra_args"):
            raise BadRequest("extra_args is not supported", hint="set options of the model in config.toml")
        model = installed(domov, body.model)
        await loads.begin(domov.scheduler.engine_for(model), model)
        return {"success": True}

    @routes.post("/models/unload")
    async def unload(body: ModelBody) -> dict[str, bool]:
        """Ends a model; 503 while it answers."""
        model = installed(domov, body.model)
        if not await domov.unload(model):
            raise BadRequest(f"{model.name} is not loaded")
        return {"success": True}

    return routes


class Loads:
    """Models that somebody has had loaded. failed: names of those that could not be."""

    def __init__(self) -> None:
        self.failed: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def begin(self, engine: Scheduled, model: Model) -> None:
        """Raises what goes wrong at once."""
        task = asyncio.ensure_future(self._load(engine, model))
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        await asyncio.wait([task], timeout=EARLY_SECONDS)
        if task.done():
            task.result()

    async def _load(self, engine: Scheduled, model: Model) -> None:
        try:
            async with engine.ready(STAYS_SECONDS):
                self.failed.discard(model.name)
        except DomovError:
            self.failed.add(model.name)
            raise

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # has been told, or is in `failed`


def _telling(domov: App) -> APIRouter:
    routes = APIRouter()

    @routes.get("/health")
    @routes.get("/v1/health", include_in_schema=False)
    async def health() -> dict[str, str]:
        """Says that the server runs."""
        return {"status": "ok"}

    @routes.get("/props")
    def props(model: Name = "") -> dict[str, Any]:
        """The properties of the server, or of a model; none is loaded for it."""
        return telling.model_props(domov, installed(domov, model)) if model else telling.router_props(domov)

    @routes.get("/slots")
    def slots(model: Name = "", fail_on_no_slot: bool = False) -> list[dict[str, Any]]:
        """What a model's slots do."""
        rows = telling.slots_table(domov, engine_of(domov, model)[1])
        if fail_on_no_slot and all(row["is_processing"] for row in rows):
            raise Busy("no slot is free", retry_seconds=1)
        return rows

    @routes.get("/lora-adapters")
    def adapters(model: Name = "") -> list[dict[str, Any]]:
        """The LoRA adapters that a model is loaded with."""
        return telling.adapters_table(domov, engine_of(domov, model)[1])

    @routes.post("/lora-adapters")
    async def set_adapters() -> None:
        """Refused: each request says with `lora` how strongly they act on it."""
        raise BadRequest("adapters are not set for all requests", hint="put `lora` into the request")

    return routes


def _answering(domov: App) -> APIRouter:
    routes = APIRouter()

    @routes.post("/completion")
    @routes.post("/completions", include_in_schema=False)
    async def complete(body: completion.CompletionBody, request: Request) -> Response:
        """A text written on, in llama.cpp's form."""
        return await unless_disconnected(request, _complete(domov, body))

    @routes.post("/embedding")
    @routes.post("/embeddings", include_in_schema=False)
    async def embed(body: EmbeddingBody, request: Request) -> Response:
        """Vectors of texts, in llama.cpp's form."""
        return await unless_disconnected(request, _embed(domov, body))

    return routes


async def _complete(domov: App, body: completion.CompletionBody) -> Response:
    engine, model = engine_of(domov, body.model)
    async with engine.ready():
        requests = await completion.decode(body, engine)
        context_tokens = (await engine.start()).context_tokens
        answers = completion.answers_of(body, requests, model=model.name, context_tokens=context_tokens)
        if body.stream:
            return await streamed(all_events(engine, requests), answers.encode, lambda: b"")
        made: list[Collected] = await collected(engine, requests)
    tables = [answers.whole(index, answer) for index, answer in enumerate(made)]
    return json_response(tables if completion.is_several(body) else tables[0])


async def _embed(domov: App, body: EmbeddingBody) -> Response:
    if body.embd_normalize != 2:
        raise BadRequest("embd_normalize is 2: vectors have unit length", hint="leave embd_normalize out")
    made = await engine_of(domov, body.model)[0].embed(vectors.texts_of(body))
    return json_response([{"index": n, "embedding": [vector]} for n, vector in enumerate(made.vectors)])
