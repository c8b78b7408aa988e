"""Anthropic's routes. Its list of models is in `api/models.py`, at a path that OpenAI's dialect has as well."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from domov.api.answers import json_response, streaming
from domov.api.anthropic import request as asked
from domov.api.anthropic.answers import Answer, Whole
from domov.api.anthropic.errors import failed, new_request_id
from domov.api.disconnect import unless_disconnected
from domov.api.models import engine_of
from domov.app import App
from domov.engine.fitting import counter
from domov.engine.protocol import Engine
from domov.types import ChatRequest


def router(domov: App) -> APIRouter:
    routes = APIRouter(tags=["Anthropic"])

    @routes.post("/v1/messages")
    async def messages(body: asked.MessagesBody, request: Request) -> Response:
        """An answer to a conversation, whole or streamed."""
        return await unless_disconnected(request, _messages(domov, body))

    @routes.post("/v1/messages/count_tokens")
    async def count_tokens(body: asked.CountBody, request: Request) -> Response:
        """How many tokens a conversation is as a prompt."""
        return await unless_disconnected(request, _count(domov, body))

    return routes


async def _messages(domov: App, body: asked.MessagesBody) -> Response:
    request = asked.decode(body)
    engine, model = engine_of(domov, body.model)
    request_id, answer = new_request_id(), Answer(model.name, body.max_tokens, asked.shows_thoughts(body))
    if body.stream:
        response = await streaming(
            _streamed(engine, request, answer),
            failed=lambda error: failed(error, request_id),
            media_type="text/event-stream",
        )
    else:
        response = json_response(await _whole(engine, request, answer))
    response.headers["request-id"] = request_id
    return response


async def _streamed(engine: Engine, request: ChatRequest, answer: Answer) -> AsyncGenerator[bytes, None]:
    async with aclosing(engine.stream(request)) as events:  # type: ignore[type-var]
        async for event in events:
            yield answer.encode(event)


async def _whole(engine: Engine, request: ChatRequest, answer: Answer) -> dict[str, Any]:
    whole = Whole()
    async with aclosing(engine.stream(request)) as events:  # type: ignore[type-var]
        async for event in events:
            for table in answer.events(event):
                whole.add(table)
    return whole.message


async def _count(domov: App, body: asked.CountBody) -> Response:
    request = asked.decode(body)
    engine, _ = engine_of(domov, body.model)
    response = json_response({"input_tokens": await counter(engine)(request)})
    response.headers["request-id"] = new_request_id()
    return response
