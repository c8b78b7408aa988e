"""OpenAI's routes, and llama.cpp's own beside them."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from domov.api.answers import json_response
from domov.api.disconnect import unless_disconnected
from domov.api.models import engine_of
from domov.api.openai import chat, completions, files, fim, native, transcriptions, vectors
from domov.api.openai.answers import all_events, collected, streamed
from domov.api.openai.asked import chatted, completed, embedded
from domov.api.openai.responses import routes as responses
from domov.app import App


def router(domov: App) -> APIRouter:
    routes = APIRouter()
    routes.include_router(_openai(domov), tags=["OpenAI"])
    for part in (files, fim, transcriptions):
        routes.include_router(part.router(domov), tags=["OpenAI"])
    routes.include_router(responses.router(domov), tags=["OpenAI"])
    routes.include_router(_native(domov), tags=["llama.cpp"])
    return routes


def _openai(domov: App) -> APIRouter:
    routes = APIRouter()

    @routes.post("/v1/chat/completions")
    async def chat_completions(body: chat.ChatBody, request: Request) -> Response:
        """An answer to a conversation, whole or streamed."""
        return await unless_disconnected(request, chatted(domov, body))

    @routes.post("/v1/completions")
    async def text_completions(body: completions.CompletionBody, request: Request) -> Response:
        """A text written on, verbatim, or a gap in it filled."""
        return await unless_disconnected(request, completed(domov, body))

    @routes.post("/v1/embeddings")
    async def embeddings(body: vectors.EmbeddingBody, request: Request) -> Response:
        """Vectors of texts."""
        return await unless_disconnected(request, embedded(domov, body))

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
        engine, _ = engine_of(domov, body.model)
        tokens = await engine.tokenize(body.content, special=body.parse_special, first=body.add_special)
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
