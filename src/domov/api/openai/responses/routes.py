"""OpenAI's routes for responses."""

import asyncio
import time
import uuid
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from domov.api.answers import json_response, streaming
from domov.api.disconnect import unless_disconnected
from domov.api.models import engine_of
from domov.api.openai.paging import Order, Page
from domov.api.openai.responses import kept
from domov.api.openai.responses.answer import Answer, sse
from domov.api.openai.responses.body import ResponseBody
from domov.api.openai.responses.items import Item, listed, messages_of
from domov.api.openai.responses.request import Earlier, check, decode, tools_of
from domov.app import App
from domov.engine.fitting import counter
from domov.engine.protocol import Engine
from domov.errors import BadRequest
from domov.types import ChatRequest

MOST_ROWS = 100


def router(domov: App) -> APIRouter:
    routes = APIRouter()

    @routes.post("/v1/responses")
    async def create(body: ResponseBody, request: Request) -> Response:
        """An answer to a conversation, kept so that a later request can go on from it, whole or streamed."""
        return await unless_disconnected(request, respond(domov, body))

    @routes.post("/v1/responses/input_tokens")
    async def input_tokens(body: ResponseBody, request: Request) -> Response:
        """How many tokens a request is as a prompt."""
        return await unless_disconnected(request, _count(domov, body))

    @routes.get("/v1/responses/{id}")
    async def retrieve(id: str, stream: bool = False) -> Response:
        """A response that was kept."""
        if stream:
            raise BadRequest("a response that is done is not streamed", hint="leave stream out")
        return json_response(await asyncio.to_thread(kept.response_of, domov, id))

    @routes.delete("/v1/responses/{id}")
    async def delete(id: str) -> Response:
        """Deletes a response, and what models have kept of its conversation."""
        await domov.forget(await asyncio.to_thread(kept.delete, domov, id))
        return json_response({"id": id, "object": "response", "deleted": True})

    @routes.get("/v1/responses/{id}/input_items")
    async def input_items(
        id: str,
        limit: Annotated[int, Query(ge=1, le=MOST_ROWS)] = 20,
        order: Order = "desc",
        after: Annotated[str | None, Query(max_length=200)] = None,
    ) -> Response:
        """What a response was asked."""
        body = await asyncio.to_thread(kept.body_of, domov, id)
        return json_response(Page(limit, order, after).of(body[kept.INPUT]))

    @routes.post("/v1/responses/{id}/cancel")
    async def cancel(id: str) -> Response:
        """Refused: only what is made in the background could be cancelled, and nothing is."""
        await asyncio.to_thread(kept.body_of, domov, id)
        raise BadRequest("only a response made in the background can be cancelled", hint="close the connection instead")

    return routes


async def respond(domov: App, body: ResponseBody) -> Response:
    """The answer to a body."""
    check(body)
    engine, model = engine_of(domov, body.model)
    id = f"resp_{uuid.uuid4().hex}"
    items, earlier = await _earlier(domov, body, id)
    request = decode(body, items, earlier)
    answer = Answer(
        _begun(body, items, id=id, model=model.name),
        {name: called for name, (called, _) in tools_of(body).items()},
        as_summary=body.reasoning is not None and body.reasoning.as_summary,
        seals="reasoning.encrypted_content" in (body.include or ()),
    )
    keeping = _Keeping(domov, body, items, answer)
    if body.stream:
        events = _streamed(engine, request, keeping)
        return await streaming(events, failed=answer.failed, media_type="text/event-stream")
    return json_response(await _whole(engine, request, keeping))


class _Keeping:
    """An answer under way, and what is kept of it."""

    def __init__(self, domov: App, body: ResponseBody, items: list[Item], answer: Answer) -> None:
        self.domov, self.body, self.items, self.answer = domov, body, items, answer

    async def keep(self) -> None:
        if not self.body.keeps:
            return
        messages = *messages_of(self.items), self.answer.message()
        row = kept.kept_answer(self.answer.response, self.items, messages)
        for conversation in await asyncio.to_thread(kept.keep, self.domov, row):
            await self.domov.forget(conversation)


async def _earlier(domov: App, body: ResponseBody, id: str) -> tuple[list[Item], Earlier]:
    """The items of the input, and what they go on from. The database is asked only where it has something to say."""
    if body.previous_response_id is None and not any(map(kept.is_reference, listed(body.input))):
        return listed(body.input), kept.earlier(domov, body, id=id)

    def read() -> tuple[list[Item], Earlier]:
        return kept.resolved(domov, body), kept.earlier(domov, body, id=id)

    return await asyncio.to_thread(read)


async def _streamed(engine: Engine, request: ChatRequest, keeping: _Keeping) -> AsyncGenerator[bytes, None]:
    """The events as bytes. The answer is kept before its end is told, so that the next request finds it."""
    async with aclosing(engine.stream(request)) as events:  # type: ignore[type-var]
        async for event in events:
            yield keeping.answer.encode(event)
    await keeping.keep()
    yield sse(keeping.answer.end())


async def _whole(engine: Engine, request: ChatRequest, keeping: _Keeping) -> dict[str, Any]:
    async with aclosing(engine.stream(request)) as events:  # type: ignore[type-var]
        async for event in events:
            for _ in keeping.answer.events(event):
                pass
    await keeping.keep()
    return keeping.answer.response


async def _count(domov: App, body: ResponseBody) -> Response:
    items, earlier = await _earlier(domov, body, "")
    engine, _ = engine_of(domov, body.model)
    tokens = await counter(engine)(decode(body, items, earlier))
    return json_response({"object": "response.input_tokens", "input_tokens": tokens})


def _begun(body: ResponseBody, items: list[Item], *, id: str, model: str) -> dict[str, Any]:
    """The response before its first word: what was asked, as OpenAI tells it again. Raises BadRequest.

    items  that are to be kept with it
    """
    try:
        response = _told_again(body, id=id, model=model)
        orjson.dumps((response, items if body.keeps else ()))
    except (TypeError, ValueError, RecursionError) as error:  # half a surrogate pair, hundreds of levels
        raise BadRequest(f"the request can't be told again: {str(error)[:100]}") from error
    return response


def _told_again(body: ResponseBody, *, id: str, model: str) -> dict[str, Any]:
    told = {"reasoning", "text", "tool_choice", "tools"}
    plain = body.model_dump(mode="json", by_alias=True, exclude_none=True, include=told)
    return {
        "id": id,
        "object": "response",
        "created_at": int(time.time()),
        "status": "in_progress",
        "background": False,
        "completed_at": None,
        "error": None,
        "incomplete_details": None,
        "instructions": body.instructions,
        "max_output_tokens": body.max_output_tokens,
        "metadata": body.metadata or {},
        "model": model,
        "output": [],
        "parallel_tool_calls": body.parallel_tool_calls is not False,
        "previous_response_id": body.previous_response_id,
        "reasoning": {"effort": None, "summary": None} | plain.get("reasoning", {}),
        "service_tier": "default",
        "store": body.keeps,
        "temperature": body.temperature,
        "text": {"format": {"type": "text"}} | plain.get("text", {}),
        "tool_choice": plain.get("tool_choice", "auto"),
        "tools": plain.get("tools", []),
        "top_logprobs": body.top_logprobs or 0,
        "top_p": body.top_p,
        "truncation": body.truncation or "disabled",
        "usage": None,
    }
