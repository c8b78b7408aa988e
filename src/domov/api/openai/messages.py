"""The messages of OpenAI's chats: texts, pictures, sounds, calls of tools and their results."""

import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from domov.api.values import decoded
from domov.errors import BadRequest
from domov.types import Media, Message, Role, ToolCall

ROLES: dict[str, Role] = {
    "developer": "system",
    "system": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
}
_DATA = re.compile(r"data:(image/[a-z0-9.+\-]{1,40});base64,")
SOUNDS = ("wav", "mp3")
UNSUPPORTED = ("audio", "function_call")  # of a message: what was said or called would be lost
IGNORED = frozenset(("name",))


class ImageUrl(BaseModel):
    url: str


class InputAudio(BaseModel):
    data: str
    format: str


class Part(BaseModel):
    type: str
    text: str | None = None
    refusal: str | None = None
    image_url: ImageUrl | str | None = None
    input_audio: InputAudio | None = None


class CalledFunction(BaseModel):
    name: str
    arguments: str = "{}"


class Call(BaseModel):
    id: str = ""
    type: Literal["function"] = "function"
    function: CalledFunction


class ChatMessage(BaseModel):
    model_config = ConfigDict(extra="allow")
    role: Literal["developer", "system", "user", "assistant", "tool"]
    content: str | list[Part] | None = None
    tool_calls: Annotated[list[Call], Field(max_length=512)] | None = None
    tool_call_id: str | None = None
    reasoning_content: str | None = None
    refusal: str | None = None


def message_of(message: ChatMessage) -> Message:
    """Raises BadRequest for content that no model takes."""
    for name in UNSUPPORTED:
        if (message.model_extra or {}).get(name) is not None:
            raise BadRequest(f"{name} of a message is not supported", hint="send tool_calls, or the words themselves")
    content: str | tuple[str | Media, ...] = message.content if isinstance(message.content, str) else ""
    if isinstance(message.content, list):
        parts = tuple(part_of(part) for part in message.content)
        texts = all(isinstance(part, str) for part in parts)
        content = "".join(part for part in parts if isinstance(part, str)) if texts else parts
    return Message(
        ROLES[message.role],
        content or message.refusal or "",
        tuple(ToolCall(c.id, c.function.name, c.function.arguments) for c in message.tool_calls or ()),
        message.tool_call_id if message.role == "tool" else None,
        message.reasoning_content or "",
    )


def part_of(part: Part) -> str | Media:
    if part.type in ("text", "input_text"):
        return part.text or ""
    if part.type == "refusal":
        return part.refusal or ""
    if part.type == "image_url" and part.image_url is not None:
        return image_of(part.image_url if isinstance(part.image_url, str) else part.image_url.url)
    if part.type == "input_audio" and part.input_audio is not None:
        if part.input_audio.format not in SOUNDS:
            raise BadRequest("input_audio.format is wav or mp3")
        media_type = {"wav": "audio/wav", "mp3": "audio/mpeg"}[part.input_audio.format]
        return Media("audio", decoded(part.input_audio.data, "input_audio.data"), media_type)
    raise BadRequest(f"content of the type {part.type[:40]} is not supported, or is not all there")


def image_of(url: str) -> Media:
    found = _DATA.match(url)
    if found is None:
        raise BadRequest(
            "an image comes as data:image/...;base64,...: nothing is fetched from an address",
            hint="put the picture itself into the request",
        )
    return Media("image", decoded(url[found.end() :], "image_url"), found[1])
