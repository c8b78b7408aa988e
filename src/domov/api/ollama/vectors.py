"""POST /api/embed and /api/embeddings. A text that is too long is cut, unless `truncate` is false."""

import time

from fastapi.responses import Response

from domov.api.answers import json_response
from domov.api.models import installed
from domov.api.ollama.bodies import EmbedBody, EmbeddingBody
from domov.api.ollama.replies import nanoseconds
from domov.api.values import seconds_of, shortened
from domov.api.vectors import embedded
from domov.app import App


async def embed(domov: App, body: EmbedBody) -> Response:
    start = time.monotonic()
    engine = domov.scheduler.engine_for(installed(domov, body.called))
    async with engine.ready(seconds_of(body.keep_alive)) as load_seconds:
        made = await embedded(engine, body.texts, truncate=body.truncate is not False)
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
        made = await embedded(engine, [body.prompt] if body.prompt else [], truncate=True)
    return json_response({"embedding": made.vectors[0] if made.vectors else []})
