"""Anthropic's messages as the inner language has them. Pure.

Results of tools are messages of their own here, before the rest of the user's; turns of one side that follow each
other are one turn, as Anthropic's reference has it and as templates want it.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import orjson
from pydantic import BaseModel

from domov.api.anthropic.blocks import Block, Part, RedactedThinking, Text, Thinking, ToolResult, ToolUse, parts_of
from domov.errors import BadRequest
from domov.types import Media, Message, ToolCall

# Claude Code's first system block: it is another in every request, so that nothing after it would be read only once.
BILLING = "x-anthropic-billing-header:"


class MessageBody(BaseModel):
    role: Literal["user", "assistant", "system"]
    content: str | list[Block]


def conversation(system: str | Sequence[Text] | None, messages: Sequence[MessageBody]) -> tuple[Message, ...]:
    """Raises BadRequest for content that no model here takes."""
    told = [_system(system)] if system else []
    for message in messages:
        for one in _messages(message):
            if told and told[-1].role == one.role and one.role in ("user", "assistant"):
                told[-1] = _joined(told[-1], one)
            else:
                told.append(one)
    kept = tuple(message for message in told if message.content or message.tool_calls or message.role == "tool")
    if kept and kept[-1].tool_calls:
        raise BadRequest("a tool_use has no tool_result", hint="send the result of every tool in the next message")
    return kept


def _system(system: str | Sequence[Text]) -> Message:
    texts = [system] if isinstance(system, str) else [block.text for block in system]
    return Message("system", "\n".join(text for text in texts if text and not text.startswith(BILLING)))


def _messages(message: MessageBody) -> list[Message]:
    if isinstance(message.content, str):
        return [Message(message.role, message.content)]
    if message.role == "assistant":
        return [_assistant(message.content)]
    results = [block for block in message.content if isinstance(block, ToolResult)]
    others = [block for block in message.content if not isinstance(block, ToolResult)]
    if message.role == "system" and not all(isinstance(block, Text) for block in message.content):
        raise BadRequest("a message of the role system has text only")
    parts: list[Part] = [part for result in results for part in parts_of(result.content) if isinstance(part, Media)]
    for block in others:
        if isinstance(block, Thinking | RedactedThinking | ToolUse):
            raise BadRequest(f"{block.type} stands in the assistant's messages only")
        parts += parts_of([block])
    said = [Message(message.role, _content(parts, between="\n"))] if parts else []
    return [*(_result(result) for result in results), *said]


def _result(result: ToolResult) -> Message:
    """Its words; its pictures are shown with what the user says after it, where every template has a place for them."""
    text = "\n".join(part for part in parts_of(result.content) if isinstance(part, str))
    return Message("tool", f"Error: {text}" if result.is_error else text, tool_call_id=result.tool_use_id)


def _assistant(blocks: Sequence[Block]) -> Message:
    parts: list[Part] = []
    thoughts: list[str] = []
    calls: list[ToolCall] = []
    for block in blocks:
        if isinstance(block, Thinking):
            thoughts.append(block.thinking)
        elif isinstance(block, ToolUse):
            calls.append(ToolCall(block.id, block.name, _json(block.input)))
        elif isinstance(block, ToolResult):
            raise BadRequest("tool_result stands in the user's messages only")
        elif not isinstance(block, RedactedThinking):
            parts += parts_of([block])
    return Message("assistant", _content(parts, between=""), tuple(calls), reasoning="\n".join(thoughts))


def _json(value: dict[str, Any]) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError as error:  # orjson's own error is one: half a surrogate pair, hundreds of levels
        raise BadRequest(f"the input of a tool_use can't be passed on: {error}") from error


def _content(parts: Sequence[Part], *, between: str) -> str | tuple[Part, ...]:
    texts = [part for part in parts if isinstance(part, str)]
    return between.join(texts) if len(texts) == len(parts) else tuple(parts)


def _joined(first: Message, second: Message) -> Message:
    parts: list[Part] = []
    for message in (first, second):
        parts += [message.content] if isinstance(message.content, str) else message.content
    between = "\n" if first.role == "user" else ""
    return replace(
        first,
        content=_content([part for part in parts if part], between=between),
        tool_calls=first.tool_calls + second.tool_calls,
        reasoning="\n".join(text for text in (first.reasoning, second.reasoning) if text),
    )
