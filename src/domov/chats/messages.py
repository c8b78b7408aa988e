"""Messages as JSON and back, for what is kept on disk."""

import base64
from collections.abc import Iterable
from typing import Any

import orjson

from domov.types import Media, Message, ToolCall


def to_json(messages: Iterable[Message]) -> bytes:
    return orjson.dumps([_table(message) for message in messages])


def from_json(content: bytes) -> tuple[Message, ...]:
    """The same messages that were given to `to_json`."""
    return tuple(_message(table) for table in orjson.loads(content))


def _table(message: Message) -> dict[str, Any]:
    parts = message.content
    content = parts if isinstance(parts, str) else [part if isinstance(part, str) else _media(part) for part in parts]
    calls = [{"id": call.id, "name": call.name, "arguments": call.arguments} for call in message.tool_calls]
    every = {
        "role": message.role,
        "content": content,
        "tool_calls": calls,
        "tool_call_id": message.tool_call_id,
        "reasoning": message.reasoning,
    }
    return {key: value for key, value in every.items() if value or key in ("role", "content")}


def _media(media: Media) -> dict[str, str]:
    content = base64.b64encode(media.content).decode("ascii")
    return {"kind": media.kind, "content": content, "media_type": media.media_type}


def _message(table: dict[str, Any]) -> Message:
    parts = table["content"]
    content = parts if isinstance(parts, str) else tuple(p if isinstance(p, str) else _of_media(p) for p in parts)
    return Message(
        table["role"],
        content,
        tool_calls=tuple(ToolCall(**call) for call in table.get("tool_calls", ())),
        tool_call_id=table.get("tool_call_id"),
        reasoning=table.get("reasoning", ""),
    )


def _of_media(table: dict[str, Any]) -> Media:
    return Media(table["kind"], base64.b64decode(table["content"]), table["media_type"])
