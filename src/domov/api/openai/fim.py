"""POST /v1/fim/completions: a gap filled, in the form of Mistral's API, which editors speak for it.

Source: docs.mistral.ai/api, fim completion: a prompt and a suffix go in, the answer has the form of a chat's.
"""

import time
import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import Field

from domov.api.answers import json_response
from domov.api.disconnect import unless_disconnected
from domov.api.models import engine_of
from domov.api.openai import chat
from domov.api.openai.answers import all_events, collected, several, streamed
from domov.api.openai.fields import TextBody, shared_fields
from domov.app import App
from domov.errors import BadRequest
from domov.types import CompletionRequest


class FimBody(TextBody):
    prompt: str
    suffix: str | None = None
    max_tokens: Annotated[int, Field(ge=0, lt=2**31)] | None = None
    min_tokens: int | None = None


def decode(body: FimBody) -> CompletionRequest:
    """Without a suffix the gap reaches to the end of the text."""
    if body.min_tokens:
        raise BadRequest("min_tokens is not supported", hint="leave min_tokens out")
    fields: dict[str, Any] = shared_fields(body)
    return CompletionRequest(body.model, body.prompt, **fields, suffix=body.suffix or "", max_tokens=body.max_tokens)


def router(domov: App) -> APIRouter:
    routes = APIRouter()

    @routes.post("/v1/fim/completions")
    async def fim_completions(body: FimBody, request: Request) -> Response:
        """A gap between two texts filled, whole or streamed."""
        return await unless_disconnected(request, _fill(domov, body))

    return routes


async def _fill(domov: App, body: FimBody) -> Response:
    asked = decode(body)
    engine, model = engine_of(domov, body.model)
    usage = bool(body.stream_options and body.stream_options.include_usage)
    stream = chat.Stream(f"fim-{uuid.uuid4().hex}", int(time.time()), model.name, usage)
    requests = several(asked, body.n or 1)
    if body.stream:
        return await streamed(all_events(engine, requests), stream.encode, stream.last)
    return json_response(chat.whole(await collected(engine, requests), stream))
