"""LM Studio's older API: OpenAI's answers with `stats`, `model_info` and `runtime` beside them.

Source: LM Studio's docs, developer/rest/endpoints.
"""

import asyncio
import importlib.metadata
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from fastapi.responses import Response
from pydantic import model_validator

from domov.api.answers import Collected, json_response
from domov.api.lmstudio.describing import Described, described
from domov.api.models import engine_of
from domov.api.openai import chat as openai
from domov.api.openai import completions, vectors
from domov.api.openai.answers import END, all_events, in_order, several, sse, streamed, total, usage_table
from domov.app import App
from domov.errors import BadRequest
from domov.types import Done, Event, Progress, Usage

Table = dict[str, Any]
STOPS = {"stop": "eosFound", "length": "maxPredictedTokensReached", "tool_calls": "toolCalls"}


def _lm_studios(value: Any) -> Any:
    """-1 is no limit here, and `ttl` says in seconds what `keep_alive` says."""
    if not isinstance(value, dict):
        return value
    kept = {name: one for name, one in value.items() if not (name == "max_tokens" and one == -1)}
    ttl = kept.pop("ttl", None)
    return kept if ttl is None else {"keep_alive": ttl, **kept}


class ChatBody(openai.ChatBody):
    _meant = model_validator(mode="before")(_lm_studios)


class CompletionBody(completions.CompletionBody):
    _meant = model_validator(mode="before")(_lm_studios)


@dataclass
class Stats:
    """The figures of one answer. began_seconds: of the monotonic clock, when the request came."""

    domov: App
    found: Described
    began_seconds: float
    first_seconds: float | None = None
    usages: dict[int, Usage] = field(default_factory=dict)
    done: Done = Done("stop", Usage(0, 0))

    async def noting(self, events: AsyncIterator[tuple[int, Event]]) -> AsyncIterator[tuple[int, Event]]:
        async with aclosing(events):  # type: ignore[type-var]
            async for number, event in events:
                if isinstance(event, Done):
                    self.usages[number], self.done = event.usage, event
                elif self.first_seconds is None and not isinstance(event, Progress):
                    self.first_seconds = time.monotonic() - self.began_seconds
                yield number, event

    def usage(self, prompts: int = 1) -> Usage:
        return total(in_order(self.usages), prompts=prompts)

    def tables(self) -> Table:
        usage, shape, engine = self.usage(), self.found.known.shape, self.domov.config.engine
        row = self.domov.scheduler.row(self.found.model)
        return {
            "stats": {
                "tokens_per_second": usage.answer_tokens_per_second,
                "time_to_first_token": self.first_seconds or 0.0,
                "generation_time": usage.answer_seconds,
                "stop_reason": "stopStringFound" if self.done.stop_text else STOPS[self.done.reason],
            },
            "model_info": {
                "arch": shape.architecture,
                "quant": shape.quantization,
                "format": "gguf",
                "context_length": row.context_tokens if row else shape.trained_context_tokens,
            },
            "runtime": {
                "name": engine,
                "version": importlib.metadata.version("xllamacpp") if engine == "xllamacpp" else "",
                "supported_formats": ["gguf"],
            },
        }


async def chat(domov: App, body: ChatBody) -> Response:
    began, asked = time.monotonic(), openai.decode(body)
    engine, model = engine_of(domov, body.model)
    stats = Stats(domov, await asyncio.to_thread(described, domov, model), began)
    logprobs = bool(body.logprobs)
    stream = openai.Stream(f"chatcmpl-{uuid.uuid4().hex}", int(time.time()), model.name, False, logprobs)
    requests = several(asked, body.n or 1)
    events = stats.noting(all_events(engine, requests))
    if body.stream:
        return await streamed(events, stream.encode, lambda: stream.chunk([], **_figures(stats)) + END)
    return json_response(openai.whole(await _collected(events, len(requests)), stream) | stats.tables())


async def complete(domov: App, body: CompletionBody) -> Response:
    began, requests = time.monotonic(), completions.decode(body)
    if body.echo:
        raise BadRequest("echo is not supported here", hint="use /v1/completions")
    engine, model = engine_of(domov, body.model)
    stats = Stats(domov, await asyncio.to_thread(described, domov, model), began)
    stream = completions.Stream(
        f"cmpl-{uuid.uuid4().hex}",
        int(time.time()),
        model.name,
        False,
        prompts=len(completions.prompts_of(body)),
        echoes=[""] * len(requests),
        logprobs=body.logprobs is not None,
    )
    events = stats.noting(all_events(engine, requests))
    if body.stream:
        return await streamed(
            events, stream.encode, lambda: sse(stream.body([], **_figures(stats, stream.prompts))) + END
        )
    return json_response(stream.whole(await _collected(events, len(requests))) | stats.tables())


async def embed(domov: App, body: vectors.EmbeddingBody) -> Response:
    engine, model = engine_of(domov, body.model)
    made = await engine.embed(vectors.texts_of(body))
    return json_response(vectors.embeddings_table(made, body, model=model.name))


def _figures(stats: Stats, prompts: int = 1) -> Table:
    return {"usage": usage_table(stats.usage(prompts)), **stats.tables()}


async def _collected(events: AsyncIterator[tuple[int, Event]], count: int) -> list[Collected]:
    answers = [Collected() for _ in range(count)]
    async with aclosing(events):  # type: ignore[type-var]
        async for number, event in events:
            answers[number].add(event)
    return answers
