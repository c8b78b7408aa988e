"""What OpenAI's routes answer, by a connection of their own or as a line of a batch."""

import time
import uuid

from fastapi.responses import Response

from domov.api.answers import json_response
from domov.api.models import engine_of
from domov.api.openai import chat, completions, documents, vectors
from domov.api.openai.answers import Asked, all_events, collected, several, streamed
from domov.app import App
from domov.engine.scheduler import Scheduled
from domov.types import CompletionRequest


def _include_usage(body: chat.ChatBody | completions.CompletionBody) -> bool:
    return bool(body.stream_options and body.stream_options.include_usage)


async def chatted(domov: App, body: chat.ChatBody) -> Response:
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


async def completed(domov: App, body: completions.CompletionBody) -> Response:
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


async def embedded(domov: App, body: vectors.EmbeddingBody) -> Response:
    engine, model = engine_of(domov, body.model)
    made = await engine.embed(vectors.texts_of(body))
    return json_response(vectors.embeddings_table(made, body, model=model.name))
