"""The items of a conversation in OpenAI's responses, and the messages that they are.

An assistant's turn is several items there, its thoughts, its words and each call of a tool; here it is one message.
"""

import base64
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ValidationError

from domov.api.openai.messages import ROLES, Part, image_of, part_of
from domov.errors import BadRequest
from domov.types import Media, Message, ToolCall

Item = dict[str, Any]
Piece = str | Media
# Of an item of reasoning that goes back and forth with a client that keeps nothing else of it. Nothing is secret here.
OPEN_THOUGHTS = "domov:"
NAMESPACE_MARK = "__"


class ItemBody(BaseModel):
    """Any item; which fields it needs depends on its type."""

    type: str = "message"
    id: str | None = None
    role: str | None = None
    content: str | list[dict[str, Any]] | None = None
    name: str | None = None
    namespace: str | None = None
    arguments: str | None = None
    call_id: str | None = None
    output: str | list[dict[str, Any]] | None = None
    summary: list[dict[str, Any]] | None = None
    encrypted_content: str | None = None


def listed(given: str | list[Item] | None) -> list[Item]:
    """A text is one item of the user's."""
    if isinstance(given, str):
        return [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": given}]}]
    return given or []


def messages_of(items: Iterable[Item]) -> tuple[Message, ...]:
    """Raises BadRequest, with its place, for an item that is none or that no model here can take."""
    turns = _Turns()
    for place, item in enumerate(items):
        try:
            turns.add(ItemBody.model_validate(item))
        except ValidationError as error:
            wrong = error.errors()[0]
            where = ".".join(str(part) for part in wrong["loc"])[:100]
            raise BadRequest(f"input.{place}.{where}: {wrong['msg']}"[:300].lower()) from error
        except BadRequest as error:
            raise BadRequest(f"input.{place}: {error.message}", hint=error.hint) from error
    return turns.all()


def called_name(namespace: str | None, name: str) -> str:
    """The one name by which the model knows a tool that stands in a namespace."""
    return f"{namespace}{NAMESPACE_MARK}{name}" if namespace else name


class _Turns:
    """Messages as they grow."""

    def __init__(self) -> None:
        self._done: list[Message] = []
        self._shown: list[Piece] = []  # pictures that tools have given: most templates take them of a user only

    def add(self, item: ItemBody) -> None:
        if item.type == "function_call_output":
            return self._result(item)
        self._show()
        if item.type == "reasoning":
            return self._assistant(Message("assistant", "", reasoning=_thoughts(item)))
        if item.type == "function_call":
            if not item.name or not item.call_id:
                raise BadRequest("a function_call needs a name and a call_id")
            call = ToolCall(item.call_id, called_name(item.namespace, item.name), item.arguments or "{}")
            return self._assistant(Message("assistant", "", tool_calls=(call,)))
        if item.type != "message":
            raise BadRequest(
                f"items of the type {item.type[:60]} are not supported", hint="they belong to tools that OpenAI runs"
            )
        if item.role not in ROLES or item.role == "tool":
            raise BadRequest("a message has the role user, assistant, system or developer")
        message = Message(ROLES[item.role], _content(item.content))
        return self._assistant(message) if message.role == "assistant" else self._said(message)

    def all(self) -> tuple[Message, ...]:
        self._show()
        return tuple(self._done)

    def _said(self, message: Message) -> None:
        """Messages of one side that follow each other are one: many templates know them by turns only."""
        if self._done and self._done[-1].role == message.role and message.content and self._done[-1].content:
            self._done[-1] = replace(message, content=joined(self._done[-1].content, message.content))
        else:
            self._done.append(message)

    def _assistant(self, more: Message) -> None:
        last = self._done[-1] if self._done and self._done[-1].role == "assistant" else None
        if last is None or (more.content and (last.content or last.tool_calls)) or (more.reasoning and last.tool_calls):
            self._done.append(more)
            return
        thoughts = "\n".join(text for text in (last.reasoning, more.reasoning) if text)
        content = more.content or last.content
        self._done[-1] = Message("assistant", content, last.tool_calls + more.tool_calls, reasoning=thoughts)

    def _result(self, item: ItemBody) -> None:
        if not item.call_id:
            raise BadRequest("a function_call_output needs a call_id")
        content = _content(item.output)
        pieces = (content,) if isinstance(content, str) else content
        text = "\n".join(piece for piece in pieces if isinstance(piece, str))
        self._done.append(Message("tool", text, tool_call_id=item.call_id))
        self._shown += [piece for piece in pieces if isinstance(piece, Media)]

    def _show(self) -> None:
        if self._shown:
            self._done.append(Message("user", tuple(self._shown)))
            self._shown = []


def joined(first: str | tuple[Piece, ...], second: str | tuple[Piece, ...]) -> str | tuple[Piece, ...]:
    """Two contents as one, a blank line between their texts."""
    if isinstance(first, str) and isinstance(second, str):
        return f"{first}\n\n{second}"
    return (*((first,) if isinstance(first, str) else first), *((second,) if isinstance(second, str) else second))


def _content(given: str | list[dict[str, Any]] | None) -> str | tuple[Piece, ...]:
    pieces = (given,) if isinstance(given, str) else tuple(_piece(part) for part in given or ())
    texts = [piece for piece in pieces if isinstance(piece, str)]
    return "".join(texts) if len(texts) == len(pieces) else pieces


def _piece(part: dict[str, Any]) -> Piece:
    kind = part.get("type")
    if kind == "input_image":
        if not isinstance(url := part.get("image_url"), str):
            raise BadRequest("an input_image needs its image_url, as data:image/...;base64,...")
        return image_of(url)
    if kind == "input_file":
        raise BadRequest("input_file is not supported", hint="put the text of the file into an input_text")
    if kind == "output_text":
        return str(part.get("text") or "")
    return part_of(Part.model_validate(part))


def _thoughts(item: ItemBody) -> str:
    """What an item of reasoning says, in the form in which it is told best."""
    for parts in (item.content, item.summary):
        if isinstance(parts, list) and (text := "\n".join(str(part.get("text") or "") for part in parts)):
            return text
    sealed = item.encrypted_content or ""
    if not sealed.startswith(OPEN_THOUGHTS):
        return ""  # another server's
    try:
        return base64.b64decode(sealed.removeprefix(OPEN_THOUGHTS), validate=True).decode()
    except ValueError:
        return ""


def sealed(thoughts: str) -> str:
    """Thoughts as a client gives them back that does not show them."""
    return OPEN_THOUGHTS + base64.b64encode(thoughts.encode("utf-8", "replace")).decode()
