"""Asks a model and gives its answer whole or as server-sent events."""

import secrets
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

import orjson
from fastapi.responses import Response

from domov.api.answers import json_response, streaming
from domov.api.errors import sentence, status_of
from domov.api.kobold.choosing import Choice
from domov.api.kobold.errors import error_table
from domov.api.kobold.fields import GenerateBody, decode, without_effect
from domov.api.kobold.generations import Generation, Generations
from domov.api.kobold.prompts import Tags, fill, fill_stop, fitted, has_placeholder, read_tags
from domov.app import App
from domov.engine.scheduler import Scheduled
from domov.errors import DomovError
from domov.store.models import Model
from domov.types import CompletionRequest, Done, TextDelta, Token

EVENT, BETWEEN, END = b'event: message\ndata: {"token":', b',"finish_reason":', b"}\n\n"


@dataclass(frozen=True)
class Answering:
    domov: App
    choice: Choice
    generations: Generations
    tags: dict[str, Tags]  # by the digest, or the path, of a model's file

    async def whole(self, body: GenerateBody) -> Response:
        generation = await self._begun(body)
        async with aclosing(generation.events()) as events:  # type: ignore[type-var]
            async for _ in events:
                pass
        return json_response({"results": [result_table(generation, body)]})

    async def streamed(self, body: GenerateBody) -> Response:
        chunks = _chunks(await self._begun(body), body)
        return await streaming(chunks, failed=_failed, media_type="text/event-stream")

    async def _begun(self, body: GenerateBody) -> Generation:
        seed = 1 + secrets.randbelow(2**31 - 1)
        request = decode(body, seed=seed)
        model = await self.choice.model(body.model)
        engine = self.domov.scheduler.engine_for(model)

        async def prepare(generation: Generation) -> CompletionRequest:
            ready, memory = await self._with_tags(engine, model, body, request)
            ready, generation.left_out_tokens = await fitted(
                engine,
                ready,
                memory=memory,
                max_context=body.max_context_length,
                may_cut=self.domov.config.overflow != "stop",
            )
            return ready

        generation = Generation(body.genkey, request.sampling.seed or seed)
        self.generations.begin(generation, engine, prepare)
        return generation

    async def _with_tags(
        self, engine: Scheduled, model: Model, body: GenerateBody, request: CompletionRequest
    ) -> tuple[CompletionRequest, str]:
        """The request and its memory, the model's own marks in the place of KoboldAI's placeholders."""
        texts = (body.memory, body.prompt)
        if not (body.replace_instruct_placeholders and has_placeholder((*texts, *request.stop))):
            return request, body.memory
        file = model.manifest.digest or str(model.path)
        if file not in self.tags:
            self.tags[file] = await read_tags(engine, model.name)
        tags = self.tags[file]
        memory, prompt = fill(texts, tags)
        stop = tuple(text for text in (fill_stop(stop, tags) for stop in request.stop) if text)
        return replace(request, prompt=memory + prompt, stop=stop), memory


def result_table(generation: Generation, body: GenerateBody) -> dict[str, Any]:
    done = generation.done
    assert done is not None
    return {
        "text": generation.text + _stop_text(done, body),
        "finish_reason": done.reason,
        "logprobs": logprobs_table(generation.tokens) if body.logprobs else None,
        "prompt_tokens": done.usage.prompt_tokens,
        "completion_tokens": done.usage.answer_tokens,
        **_remarks(generation, body),
    }


def logprobs_table(tokens: list[Token]) -> dict[str, Any]:
    """As OpenAI's chats have it."""
    return {"content": [_figure(t) | {"top_logprobs": [_figure(a) for a in t.alternatives]} for t in tokens]}


def _figure(token: Token) -> dict[str, Any]:
    return {"token": token.text, "logprob": token.logprob, "bytes": list(token.content)}


def _stop_text(done: Done, body: GenerateBody) -> str:
    return "" if body.trim_stop else done.stop_text or ""


def _remarks(generation: Generation, body: GenerateBody) -> dict[str, Any]:
    """What did not go as asked; Domov's own words."""
    ignored = without_effect(body)
    left_out = {"left_out_tokens": generation.left_out_tokens} if generation.left_out_tokens else {}
    return left_out | ({"ignored": ignored} if ignored else {})


async def _chunks(generation: Generation, body: GenerateBody) -> AsyncGenerator[bytes, None]:
    async with aclosing(generation.events()) as events:  # type: ignore[type-var]
        async for event in events:
            if isinstance(event, TextDelta):
                yield EVENT + orjson.dumps(event.text) + BETWEEN + b"null" + END
            else:
                if rest := _stop_text(event, body):
                    yield EVENT + orjson.dumps(rest) + BETWEEN + b"null" + END
                yield _last(event.reason, _remarks(generation, body))


def _last(reason: str, more: dict[str, Any]) -> bytes:
    return b"event: message\ndata: " + orjson.dumps({"token": "", "finish_reason": reason, **more}) + b"\n\n"


def _failed(error: DomovError) -> bytes:
    return _last("error", error_table(status_of(error), sentence(error)))
