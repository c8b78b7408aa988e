"""OpenAI's routes, and llama.cpp's own beside them."""

import time
import uuid

from fastapi import APIRouter, Request
from fastapi.responses import Response

from domov.api.answers import json_response
from domov.api.disconnect import unless_disconnected
from domov.api.models import engine_of
from domov.api.openai import chat, completions, documents, native, vectors
from domov.api.openai.answers import Asked, all_events, collected, several, streamed
from domov.app import App
from domov.engine.scheduler import Scheduled
from domov.errors import BadRequest
from domov.types import CompletionRequest


def router(domov: App) -> APIRouter:
    routes = APIRouter()
    routes.include_router(_openai(domov), tags=["OpenAI"])
    routes.include_router(_native(domov), tags=["llama.cpp"])
    return routes


def _openai(domov: App) -> APIRouter:
    routes = APIRouter()

    @routes.post("/v1/chat/completions")
    async def chat_completions(body: chat.ChatBody, request: Request) -> Response:
        """An answer to a conversation, whole or streamed."""
        return await unless_disconnected(request, _chat(domov, body))

    @routes.post("/v1/completions")
    async def text_completions(body: completions.CompletionBody, request: Request) -> Response:
        """A text written on, verbatim, or a gap in it filled."""
        return await unless_disconnected(request, _complete(domov, body))

    @routes.post("/v1/embeddings")
    async def embeddings(body: vectors.EmbeddingBody, request: Request) -> Response:
        """Vectors of texts."""
        return await unless_disconnected(request, _embed(domov, body))

    @routes.post("/v1/rerank")
    @routes.post("/rerank", include_in_schema=False)
    async def rerank(body: vectors.RerankBody, request: Request) -> Response:
        """How near documents are to a query."""
        return await unless_disconnected(request, _rerank(domov, body))

    return routes


def _native(domov: App) -> APIRouter:
    routes = APIRouter()

    @routes.post("/tokenize")
    async def tokenize(body: native.TokenizeBody) -> Response:
        """The tokens of a text."""
        if body.add_special:
            raise BadRequest("add_special is not supported", hint="leave add_special out")
        engine, _ = engine_of(domov, body.model)
        tokens = await engine.tokenize(body.content, special=body.parse_special)
        if not body.with_pieces:
            return json_response({"tokens": list(tokens)})
        return json_response({"tokens": [{"id": n, "piece": await engine.detokenize([n])} for n in tokens]})

    @routes.post("/detokenize")
    async def detokenize(body: native.DetokenizeBody) -> Response:
        """The text of tokens."""
        return json_response({"content": await engine_of(domov, body.model)[0].detokenize(body.tokens)})

    @routes.post("/apply-template")
    async def apply_template(body: chat.ChatBody) -> Response:
        """The prompt that a model's template makes of a conversation."""
        return json_response({"prompt": await engine_of(domov, body.model)[0].render(chat.decode(body))})

    @routes.post("/infill")
    async def infill(body: native.InfillBody, request: Request) -> Response:
        """A gap between two texts filled."""
        return await unless_disconnected(request, _infill(domov, body))

    return routes


def _include_usage(body: chat.ChatBody | completions.CompletionBody) -> bool:
    return bool(body.stream_options and body.stream_options.include_usage)


async def _chat(domov: App, body: chat.ChatBody) -> Response:
    asked = chat.decode(body)
    engine, model = engine_of(domov, body.model)
    stream = chat.Stream(
        f"chatcmpl-{uuid.uuid4().hex}", int(time.time()), model.name, _include_usage(body), bool(body.logprobs)
    )
    if body.documents:
        return await documents.answer(domov, body, engine, stream)
    requests = several(asked, body.n or 1)
    if body.stream:
        return await streamed(all_events(engine, requests), stream.encode, stream.last)
    return json_response(chat.whole(await collected(engine, requests), stream))


async def _complete(domov: App, body: completions.CompletionBody) -> Response:
    requests: list[Asked] = list(completions.decode(body))
    engine, model = engine_of(domov, body.model)
    echoes = [await _echo(engine, request) if body.echo else "" for request in requests]
    stream = completions.Stream(
        f"cmpl-{uuid.uuid4().hex}",
        int(time.time()),
        model.name,
        _include_usage(body),
        prompts=len(completions.prompts_of(body)),
        echoes=echoes,
        logprobs=body.logprobs is not None,
    )
    if body.stream:
        return await streamed(all_events(engine, requests), stream.encode, stream.last)
    return json_response(stream.whole(await collected(engine, requests)))


async def _echo(engine: Scheduled, request: Asked) -> str:
    assert isinstance(request, CompletionRequest)
    return request.prompt if isinstance(request.prompt, str) else await engine.detokenize(request.prompt)


async def _embed(domov: App, body: vectors.EmbeddingBody) -> Response:
    engine, model = engine_of(domov, body.model)
    made = await engine.embed(vectors.texts_of(body))
    return json_response(vectors.embeddings_table(made, body, model=model.name))


async def _rerank(domov: App, body: vectors.RerankBody) -> Response:
    engine, model = engine_of(domov, body.model)
    ranking = await engine.rerank(body.query, vectors.documents_of(body))
    return json_response(vectors.ranking_table(ranking, body, model=model.name))


async def _infill(domov: App, body: native.InfillBody) -> Response:
    request = native.decode_infill(body)
    engine, model = engine_of(domov, body.model)
    if body.stream:
        events = all_events(engine, [request])
        return await streamed(events, lambda _, event: native.infill_bytes(event, model=model.name), lambda: b"")
    (answer,) = await collected(engine, [request])
    return json_response(native.whole_infill(answer, model=model.name))
