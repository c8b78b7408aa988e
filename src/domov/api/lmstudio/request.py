"""POST /api/v1/chat: a body becomes a ChatRequest.

Unknown fields are ignored; known ones that Domov can't honour are refused. Source: LM Studio's docs,
developer/rest/chat.
"""

import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from domov.api.values import decoded
from domov.errors import BadRequest
from domov.types import ChatRequest, Media, Message, Sampling

_DATA = re.compile(r"data:(image/[a-z0-9.+\-]{1,40});base64,")
Reasoning = Literal["off", "low", "medium", "high", "on"]


class Words(BaseModel):
    type: Literal["text", "message"]
    content: str


class Image(BaseModel):
    type: Literal["image"]
    data_url: str


class ChatBody(BaseModel):
    model_config = ConfigDict(extra="allow", allow_inf_nan=False)

    model: str
    input: (
        str
        | Annotated[list[Annotated[Words | Image, Field(discriminator="type")]], Field(min_length=1, max_length=1024)]
    )
    system_prompt: str | None = None
    integrations: list[Any] | None = None
    stream: bool = False
    temperature: Annotated[float, Field(ge=0, le=5)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    top_k: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    min_p: Annotated[float, Field(ge=0, le=1)] | None = None
    repeat_penalty: Annotated[float, Field(ge=0, le=100)] | None = None
    max_output_tokens: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    reasoning: Reasoning | None = None
    context_length: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    store: bool = True
    previous_response_id: Annotated[str, Field(min_length=1, max_length=200)] | None = None


def added(body: ChatBody) -> tuple[Message, ...]:
    """The messages that a request adds to its conversation. Raises BadRequest."""
    system = (Message("system", body.system_prompt),) if body.system_prompt else ()
    return (*system, Message("user", _content(body)))


def decode(body: ChatBody, before: Sequence[Message]) -> ChatRequest:
    """The request that a body means. before: the conversation that it goes on with. Raises BadRequest."""
    if body.integrations:
        raise BadRequest("integrations are not supported: no tools run here", hint="leave integrations out")
    effort = {"reasoning_effort": body.reasoning} if body.reasoning in ("low", "medium", "high") else {}
    return ChatRequest(
        body.model,
        _in_order((*before, *added(body))),
        sampling=Sampling(
            temperature=body.temperature,
            top_p=body.top_p,
            top_k=body.top_k,
            min_p=body.min_p,
            repeat_penalty=body.repeat_penalty,
        ),
        max_tokens=body.max_output_tokens,
        thinking=None if body.reasoning is None else body.reasoning != "off",
        template_values=effort,
        private=not body.store,
        progress=body.stream,
    )


def _in_order(messages: Sequence[Message]) -> tuple[Message, ...]:
    """The system prompt that was given last stands first, as templates want it; earlier ones no longer hold."""
    systems = [message for message in messages if message.role == "system"]
    return (*systems[-1:], *(message for message in messages if message.role != "system"))


def _content(body: ChatBody) -> str | tuple[str | Media, ...]:
    if isinstance(body.input, str):
        return body.input
    parts = tuple(part.content if isinstance(part, Words) else _picture(part.data_url) for part in body.input)
    texts = [part for part in parts if isinstance(part, str)]
    return "\n".join(texts) if len(texts) == len(parts) else parts


def _picture(url: str) -> Media:
    found = _DATA.match(url)
    if found is None:
        raise BadRequest(
            "data_url is data:image/...;base64,...: nothing is fetched from an address",
            hint="put the picture itself into the request",
        )
    return Media("image", decoded(url[found.end() :], "data_url"), found[1])
