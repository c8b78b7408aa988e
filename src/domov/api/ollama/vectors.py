"""POST /api/embed and /api/embeddings. A text that is too long is cut, unless `truncate` is false."""

import time
from collections.abc import Sequence

from fastapi.responses import Response

from domov.api.answers import json_response
from domov.api.models import installed
from domov.api.ollama.bodies import EmbedBody, EmbeddingBody
from domov.api.ollama.replies import nanoseconds
from domov.api.values import seconds_of, shortened
from domov.app import App
from domov.engine.scheduler import Scheduled
from domov.errors import ContextOverflow
from domov.types import Embeddings


async def embed(domov: App, body: EmbedBody) -> Response:
    start = time.monotonic()
    engine = domov.scheduler.engine_for(installed(domov, body.called))
    async with engine.ready(seconds_of(body.keep_alive)) as load_seconds:
        made = await _vectors(engine, body.texts, truncate=body.truncate is not False)
    vectors = [shortened(v, body.dimensions) if body.dimensions else v for v in made.vectors]
    return json_response(
        {
            "model": body.model,
            "embeddings": vectors,
            "total_duration": nanoseconds(time.monotonic() - start),
            "load_duration": nanoseconds(load_seconds),
            "prompt_eval_count": made.tokens,
        }
    )


async def embed_one(domov: App, body: EmbeddingBody) -> Response:
    engine = domov.scheduler.engine_for(installed(domov, body.called))
    async with engine.ready(seconds_of(body.keep_alive)):
        made = await _vectors(engine, [body.prompt] if body.prompt else [], truncate=True)
    return json_response({"embedding": made.vectors[0] if made.vectors else []})


async def _vectors(engine: Scheduled, texts: Sequence[str], *, truncate: bool) -> Embeddings:
    if not texts:
        return Embeddings((), 0)
    try:
        return await engine.embed(texts)
    except ContextOverflow as error:
        if not truncate:
            raise
        return await engine.embed([await _cut(engine, text, error.context_tokens) for text in texts])


async def _cut(engine: Scheduled, text: str, most_tokens: int) -> tuple[int, ...]:
    """The tokens of a text, those at its end left out but for the last one, which the model may wait for."""
    tokens = await engine.tokenize(text, special=True, first=True)
    return tokens if len(tokens) <= most_tokens else (*tokens[: most_tokens - 1], tokens[-1])
