"""The messages of Ollama's chats. Calls need no id there: results follow them in order, or by the tool's name."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, Field

from domov.api.ollama.fields import picture
from domov.errors import BadRequest
from domov.types import Message, Tool, ToolCall


class CalledFunction(BaseModel):
    name: Annotated[str, Field(max_length=128)]
    arguments: dict[str, Any] = Field(default_factory=dict)


class Call(BaseModel):
    id: str = ""
    function: CalledFunction


class ChatMessage(BaseModel):
    role: Literal["system", "user", "assistant", "tool"]
    content: str | None = None
    thinking: str | None = None
    images: Annotated[list[str], Field(max_length=64)] | None = None
    tool_calls: Annotated[list[Call], Field(max_length=512)] | None = None
    tool_name: str | None = None
    tool_call_id: str | None = None


class Function(BaseModel):
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:\-]{1,128}$")]
    description: str | None = None
    parameters: dict[str, Any] | None = None


class ToolBody(BaseModel):
    type: Literal["function"] = "function"
    function: Function


class FunctionName(BaseModel):
    name: str


class NamedTool(BaseModel):
    function: FunctionName


def tool_of(body: ToolBody) -> Tool:
    function = body.function
    return Tool(function.name, function.description or "", function.parameters or {"type": "object", "properties": {}})


def messages_of(bodies: Sequence[ChatMessage]) -> tuple[Message, ...]:
    """Raises BadRequest for a picture that is none, and for arguments that JSON can't hold."""
    open_calls: list[ToolCall] = []
    messages = []
    for place, body in enumerate(bodies):
        calls = tuple(_call(call, f"call_{place}_{n}") for n, call in enumerate(body.tool_calls or ()))
        open_calls += calls
        answered = _answered(body, open_calls) if body.role == "tool" else None
        messages.append(Message(body.role, _content(body), calls, answered, body.thinking or ""))
    return tuple(messages)


def _content(body: ChatMessage) -> Any:
    text = body.content or ""
    return (text, *(picture(image) for image in body.images)) if body.images else text


def _call(body: Call, otherwise: str) -> ToolCall:
    try:
        arguments = orjson.dumps(body.function.arguments).decode()
    except TypeError as error:  # orjson's own error is one
        raise BadRequest(f"the arguments of {body.function.name} can't be passed on: {error}") from error
    return ToolCall(body.id or otherwise, body.function.name, arguments)


def _answered(body: ChatMessage, open_calls: list[ToolCall]) -> str | None:
    """The id of the call that a tool's message answers, which is open no longer."""
    if body.tool_call_id:
        return body.tool_call_id
    named = [call for call in open_calls if body.tool_name in (None, "", call.name)]
    if not named:
        return None
    open_calls.remove(named[0])
    return named[0].id
