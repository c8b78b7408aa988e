"""OpenAI's dialect: POST /v1/chat/completions and GET /v1/models.

Unknown fields are ignored; known ones that Domov can't honour are refused, because an answer that silently
lacks what was asked for is wrong. Source: OpenAI's API reference, chat completions, as of the `openai` client 3.
"""

import time
import uuid
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from domov.api.disconnect import unless_disconnected
from domov.app import App
from domov.engine.protocol import Engine
from domov.errors import BadInput, BadRequest, DomovError, NotFound, Refused, WorkerDied
from domov.store.models import Model
from domov.store.names import looks_like_path
from domov.types import ChatRequest, Done, Event, Message, ReasoningDelta, Role, Sampling, TextDelta, Usage

STATUS: tuple[tuple[type[DomovError], int, str], ...] = (
    (NotFound, 404, "not_found_error"),
    (BadInput, 400, "invalid_request_error"),
    (Refused, 503, "service_unavailable_error"),
    (WorkerDied, 503, "service_unavailable_error"),
    (DomovError, 500, "server_error"),
)
ROLES: dict[str, Role] = {"developer": "system", "system": "system", "user": "user", "assistant": "assistant"}
# Fields that would change the answer, with the values that ask for nothing.
UNSUPPORTED: dict[str, tuple[Any, ...]] = {
    "tools": (None, []),
    "functions": (None, []),
    "n": (None, 1),
    "logprobs": (None, False),
    "top_logprobs": (None, 0),
    "logit_bias": (None, {}),
    "audio": (None,),
    "modalities": (None, ["text"]),
    "prediction": (None,),
}


class Part(BaseModel):
    type: str
    text: str | None = None


class ChatMessage(BaseModel):
    role: Literal["developer", "system", "user", "assistant", "tool", "function"]
    content: str | list[Part] | None = None


class StreamOptions(BaseModel):
    include_usage: bool = False


class JsonSchema(BaseModel):
    model_config = ConfigDict(populate_by_name=True)
    schema_: dict[str, Any] = Field(default_factory=dict, alias="schema")


class ResponseFormat(BaseModel):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None


class ChatBody(BaseModel):
    """The fields of a chat request that are honoured; numbers are held to what native code can take."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False)

    model: str
    messages: Annotated[list[ChatMessage], Field(min_length=1)]
    stream: bool = False
    stream_options: StreamOptions | None = None
    temperature: Annotated[float, Field(ge=0, le=5)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    top_k: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    min_p: Annotated[float, Field(ge=0, le=1)] | None = None
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = None
    max_tokens: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    stop: str | Annotated[list[str], Field(max_length=64)] | None = None
    response_format: ResponseFormat | None = None


def decode(body: ChatBody) -> ChatRequest:
    """The request that a body means. Raises BadRequest, naming the field, for what can't be honoured."""
    for field, harmless in UNSUPPORTED.items():
        if (body.model_extra or {}).get(field) not in harmless:
            raise BadRequest(f"{field} is not supported yet", hint=f"leave {field} out")
    stop = [body.stop] if isinstance(body.stop, str) else body.stop or []
    return ChatRequest(
        model=body.model,
        messages=tuple(_message(m) for m in body.messages),
        sampling=Sampling(
            temperature=body.temperature,
            top_p=body.top_p,
            top_k=body.top_k,
            min_p=body.min_p,
            presence_penalty=body.presence_penalty,
            frequency_penalty=body.frequency_penalty,
            seed=None if body.seed is None else body.seed % 2**32,  # llama.cpp's seeds have 32 bits
        ),
        max_tokens=body.max_completion_tokens or body.max_tokens,
        stop=tuple(s for s in stop if s),
        json_schema=_schema(body.response_format),
    )


def _message(message: ChatMessage) -> Message:
    if message.role not in ROLES:
        raise BadRequest(f"messages of the role {message.role} are not supported yet")
    content = message.content
    if isinstance(content, list):
        if wrong := next((p.type for p in content if p.type != "text"), None):
            raise BadRequest(f"content of the type {wrong} is not supported: this model reads text")
        content = "".join(p.text or "" for p in content)
    return Message(ROLES[message.role], content or "")


def _schema(format: ResponseFormat | None) -> dict[str, Any] | None:
    if format is None or format.type == "text":
        return None
    if format.type == "json_object":
        return {}
    if format.json_schema is None:
        raise BadRequest("response_format of the type json_schema has no json_schema")
    return format.json_schema.schema_


@dataclass(frozen=True, slots=True)
class Stream:
    """What every chunk of one answer repeats."""

    id: str
    created: int
    model: str
    include_usage: bool

    def chunk(self, choices: list[dict[str, Any]], **more: Any) -> bytes:
        body = {"id": self.id, "object": "chat.completion.chunk", "created": self.created, "model": self.model}
        return b"data: " + orjson.dumps({**body, "choices": choices, **more}) + b"\n\n"

    def delta(self, delta: dict[str, Any], reason: str | None = None) -> bytes:
        usage = {"usage": None} if self.include_usage else {}
        return self.chunk([{"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}], **usage)


def encode(event: Event, stream: Stream) -> bytes:
    """One event as server-sent events."""
    if isinstance(event, TextDelta):
        return stream.delta({"content": event.text})
    if isinstance(event, ReasoningDelta):
        return stream.delta({"reasoning_content": event.text})
    last = stream.delta({}, event.reason)
    if stream.include_usage:
        last += stream.chunk([], usage=usage_table(event.usage), timings=timings_table(event.usage))
    return last + b"data: [DONE]\n\n"


def usage_table(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.answer_tokens,
        "total_tokens": usage.prompt_tokens + usage.answer_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
    }


def timings_table(usage: Usage) -> dict[str, Any]:
    """llama.cpp's `timings`, which Open WebUI and others show."""
    return {
        "cache_n": usage.cached_tokens,
        "prompt_n": usage.prompt_tokens - usage.cached_tokens,
        "prompt_ms": usage.prompt_seconds * 1000,
        "predicted_n": usage.answer_tokens,
        "predicted_ms": usage.answer_seconds * 1000,
        "predicted_per_second": usage.answer_tokens_per_second,
    }


def error_body(error: DomovError) -> tuple[int, bytes]:
    """The HTTP status and the body that an error becomes."""
    status, kind = next((status, kind) for type_, status, kind in STATUS if isinstance(error, type_))
    message = f"{error.message}; {error.hint}" if error.hint else error.message
    code = "context_length_exceeded" if type(error).__name__ == "ContextOverflow" else None
    return status, orjson.dumps({"error": {"message": message, "type": kind, "param": None, "code": code}})


def validation_error(error: RequestValidationError) -> BadRequest:
    """What pydantic found, in a sentence that names the field."""
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return BadRequest("the body is not JSON")
    where = ".".join(str(part) for part in first["loc"] if part != "body") or "the body"
    return BadRequest(f"{where}: {first['msg']}"[:300].lower())


def router(domov: App) -> APIRouter:
    routes = APIRouter(prefix="/v1", tags=["OpenAI"])

    @routes.get("/models")
    async def models() -> dict[str, Any]:
        """The models that are here."""
        return {"object": "list", "data": [_model_row(m.name, m.manifest.added) for m in domov.models.all()]}

    @routes.get("/models/{name:path}")
    async def model(name: str) -> dict[str, Any]:
        """One model that is here."""
        found = installed(domov, name)
        return _model_row(found.name, found.manifest.added)

    @routes.post("/chat/completions")
    async def chat_completions(body: ChatBody, request: Request) -> Response:
        """An answer to a conversation, whole or streamed."""
        asked = decode(body)
        found = installed(domov, asked.model)
        engine = domov.scheduler.engine_for(found)
        include_usage = bool(body.stream_options and body.stream_options.include_usage)
        stream = Stream(f"chatcmpl-{uuid.uuid4().hex}", int(time.time()), found.name, include_usage)
        answer = _streamed if body.stream else _whole
        return await unless_disconnected(request, answer(engine, asked, stream))

    return routes


def installed(domov: App, name: str) -> Model:
    """The model of that name. A path is no name here: a caller of the API has no business with other files.

    Raises NoSuchModel or BadName.
    """
    if looks_like_path(name):
        raise BadRequest(f"not a model's name: {name[:80]}")
    return domov.models.get(name)


def _model_row(name: str, added: str) -> dict[str, Any]:
    created = int(time.mktime(time.strptime(added, "%Y-%m-%dT%H:%M:%SZ")) - time.timezone)
    return {"id": name, "object": "model", "created": created, "owned_by": "domov"}


async def _streamed(engine: Engine, request: ChatRequest, stream: Stream) -> Response:
    """The first event is awaited before the status is sent, so that an error still has its own."""
    events = engine.stream(request)
    first = await anext(aiter(events))
    return StreamingResponse(_bytes(events, first, stream), media_type="text/event-stream")


async def _bytes(events: AsyncIterator[Event], first: Event, stream: Stream) -> AsyncIterator[bytes]:
    async with aclosing(events):  # type: ignore[type-var]
        yield stream.delta({"role": "assistant", "content": ""}) + encode(first, stream)
        try:
            async for event in events:
                yield encode(event, stream)
        except DomovError as error:  # the status has gone out: the stream itself must say it
            yield b"data: " + error_body(error)[1] + b"\n\n"


async def _whole(engine: Engine, request: ChatRequest, stream: Stream) -> Response:
    text, reasoning, done = "", "", Done("stop", Usage(0, 0))
    async with aclosing(engine.stream(request)) as events:  # type: ignore[type-var]
        async for event in events:
            if isinstance(event, TextDelta):
                text += event.text
            elif isinstance(event, ReasoningDelta):
                reasoning += event.text
            else:
                done = event
    message = {"role": "assistant", "content": text, "refusal": None}
    if reasoning:
        message["reasoning_content"] = reasoning
    body = {
        "id": stream.id,
        "object": "chat.completion",
        "created": stream.created,
        "model": stream.model,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": done.reason}],
        "usage": usage_table(done.usage),
        "timings": timings_table(done.usage),
    }
    return Response(orjson.dumps(body), media_type="application/json")
