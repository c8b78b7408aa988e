"""What a model is told of a chat: the path to a question as messages, attachments as part of them. Pure.

A path that has grown gives the same beginning again, so that what was read once is not read again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from domov.chats.records import Attachment, Turn
from domov.types import Media, Message


@dataclass(frozen=True, slots=True)
class Told:
    """A conversation, and for each of its messages the turns that it is made of."""

    messages: tuple[Message, ...]
    turns: tuple[tuple[str, ...], ...]


def told(system: str, path: Sequence[Turn], content_of: Callable[[Attachment], bytes]) -> Told:
    """The messages of a path. Empty answers are left out, and neighbours of one role are joined: templates want turns.

    content_of  the bytes of a picture
    """
    messages: list[Message] = [Message("system", system)] if system.strip() else []
    ids: list[tuple[str, ...]] = [()] * len(messages)
    for turn in path:
        if turn.role == "assistant" and not turn.content.strip():
            continue
        message = Message(turn.role, _content(turn, content_of), reasoning=turn.reasoning)
        if messages and messages[-1].role == turn.role:
            messages[-1], ids[-1] = _joined(messages[-1], message), (*ids[-1], turn.id)
        else:
            messages.append(message)
            ids.append((turn.id,))
    return Told(tuple(messages), tuple(ids))


def _content(turn: Turn, content_of: Callable[[Attachment], bytes]) -> str | tuple[str | Media, ...]:
    texts = [quoted(a) for a in turn.attachments if a.kind == "text"]
    text = "\n\n".join([*texts, turn.content] if turn.content else texts)
    pictures = [Media("image", content_of(a), a.media_type) for a in turn.attachments if a.kind == "image"]
    return (*pictures, text) if pictures else text


def quoted(attachment: Attachment) -> str:
    """The text of a file between marks that say what it is."""
    name = attachment.name.replace('"', "'").replace("\n", " ")
    return f'<file name="{name}">\n{attachment.text}\n</file>'


def _joined(first: Message, second: Message) -> Message:
    parts = [(m.content,) if isinstance(m.content, str) else m.content for m in (first, second)]
    content = (*parts[0], "\n\n", *parts[1])
    whole = "".join(p for p in content if isinstance(p, str)) if not (first.media or second.media) else content
    return replace(first, content=whole, reasoning=second.reasoning or first.reasoning)
