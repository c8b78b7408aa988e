"""Conversations that a person has saved under a name: one JSON file each, readable by nobody else."""

import re
from dataclasses import dataclass
from pathlib import Path

import orjson

from domov.errors import BadName, Broken, NoSuchChat
from domov.files import write_atomically
from domov.types import Message

_NAME = re.compile(r"\w[\w .\-]{0,99}")


@dataclass(frozen=True, slots=True)
class Chat:
    model: str
    messages: tuple[Message, ...]  # the system prompt, if there is one, is the first


def save(folder: Path, name: str, chat: Chat) -> None:
    """Writes the conversation, replacing one of the same name. Raises BadName, HomeUnusable or DiskFull."""
    messages = [{"role": m.role, "text": m.text} for m in chat.messages]
    table = {"model": chat.model, "messages": messages}
    write_atomically(_path(folder, name), orjson.dumps(table, option=orjson.OPT_INDENT_2))


def load(folder: Path, name: str) -> Chat:
    """Raises BadName, NoSuchChat (with the names there are) or Broken for a damaged file."""
    path = _path(folder, name)
    try:
        table = orjson.loads(path.read_bytes())
        return Chat(str(table["model"]), tuple(Message(m["role"], str(m["text"])) for m in table["messages"]))
    except FileNotFoundError as error:
        names = sorted(p.stem for p in folder.glob("*.json"))
        hint = f"saved are: {', '.join(names)}" if names else "none is saved yet"
        raise NoSuchChat(f"no saved chat: {name}", hint=hint) from error
    except (orjson.JSONDecodeError, KeyError, TypeError, OSError) as error:
        raise Broken(f"damaged chat: {path}", hint="it is left as it is") from error


def _path(folder: Path, name: str) -> Path:
    if not _NAME.fullmatch(name):
        raise BadName(f"not a name for a chat: {ascii(name[:60])}", hint="use letters, digits, spaces, - and _")
    return folder / f"{name}.json"
