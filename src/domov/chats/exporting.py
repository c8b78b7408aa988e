"""Chats as files: Markdown to read, JSON that is taken in again whole, a zip of all that is written as it is read."""

import base64
import io
import re
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import orjson

from domov.chats.records import Attachment, Chat, Table, Turn
from domov.chats.stories import text_of
from domov.chats.tree import path_to

FORMAT, VERSION = "domov-chats", 1
WHO = {"user": "You", "assistant": "Answer", "system": "System"}
_UNNAMABLE = re.compile(r"[^\w\-. ]+")


@dataclass(frozen=True, slots=True)
class Whole:
    """A chat with everything that belongs to it."""

    chat: Chat
    turns: Sequence[Turn]
    content_of: Callable[[Attachment], bytes] = field(default=lambda attachment: b"")


def markdown(whole: Whole) -> str:
    """The branch that is shown, to be read by people and other programs."""
    chat = whole.chat
    if chat.kind == "story":
        return f"# {chat.title or 'Story'}\n\n{text_of(path_to(whole.turns, chat.current))}\n"
    parts = [f"# {chat.title or 'Chat'}", f"*{_day(chat.created_at)}*"]
    if system := str(chat.settings.get("system") or ""):
        parts += ["## System", system]
    for turn in path_to(whole.turns, chat.current):
        who = f"{WHO[turn.role]} ({turn.model})" if turn.role == "assistant" and turn.model else WHO[turn.role]
        parts.append(f"## {who}")
        parts += [f"*Attached: {attachment.name}*" for attachment in turn.attachments]
        if turn.reasoning:
            parts.append(f"<details><summary>Reasoning</summary>\n\n{turn.reasoning}\n\n</details>")
        parts.append(turn.content)
        parts += [f"[{n}] {_source(reference)}" for n, reference in enumerate(turn.about.get("references", ()), 1)]
    return "\n\n".join(parts) + "\n"


def _source(reference: Table) -> str:
    page = f", page {reference['page']}" if reference.get("page") else ""
    return f"{reference.get('file') or reference.get('title') or 'document'}{page}"


def json_bytes(whole: Whole) -> bytes:
    """All branches, with the bytes of what is attached."""
    chat = {name: value for name, value in whole.chat.table().items() if name not in ("temporary", "running")}
    messages = [_message(turn, whole.content_of) for turn in whole.turns]
    return orjson.dumps({"format": FORMAT, "version": VERSION, "chats": [{**chat, "messages": messages}]})


def _message(turn: Turn, content_of: Callable[[Attachment], bytes]) -> Table:
    attachments = [
        attachment.table()
        | {"text": attachment.text, "content": base64.b64encode(content_of(attachment)).decode("ascii")}
        for attachment in turn.attachments
    ]
    return turn.table() | {"attachments": attachments}


def zipped(files: Iterable[tuple[str, bytes]]) -> Iterator[bytes]:
    """The bytes of a zip of files (name, content), as far as they are known after each."""
    out = _Passing()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in files:
            archive.writestr(name, content)
            yield out.taken()
    yield out.taken()


class _Passing(io.RawIOBase):
    """What is written, until it is taken. It can't be gone back in, so the zip tells sizes after each file."""

    def __init__(self) -> None:
        self._waiting = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, content: object) -> int:
        more = bytes(content)  # type: ignore[call-overload]
        self._waiting += more
        return len(more)

    def taken(self) -> bytes:
        taken, self._waiting = bytes(self._waiting), bytearray()
        return taken


def file_name(chat: Chat, ending: str, number: int | None = None) -> str:
    """A name that every system takes; in a zip with a number before it, so that no two are the same."""
    words = " ".join(_UNNAMABLE.sub(" ", chat.title).split())[:60].strip(" .") or "chat"
    return f"{'' if number is None else f'{number:04} '}{words}.{ending}"


def _day(moment: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(max(0.0, min(moment, 4e9))))
