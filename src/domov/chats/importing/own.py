"""Domov's own JSON, whole: branches, settings, figures, attachments with their bytes."""

import base64
import binascii
from collections.abc import Callable, Iterator
from typing import Any

import orjson

from domov.chats.exporting import FORMAT
from domov.chats.importing.taken import (
    NotTaken,
    TakenChat,
    TakenFile,
    TakenTurn,
    in_order,
    last_below,
    moment,
    rows,
    table,
    text,
)
from domov.chats.records import ABOUT, Table

MOST_SETTINGS_BYTES = 2_000_000
ROLES = ("user", "assistant", "system")


def _is_table(value: Any) -> bool:
    return isinstance(value, dict) and bool(value)


def _is_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_is_table, value))


# What an answer's `about` may hold, and of what kind it is.
KEPT: dict[str, Callable[[Any], bool]] = {name: _is_table for name in (*ABOUT, "documents", "splice")}
KEPT |= {"references": _is_tables, "tools": _is_tables, "finish_reason": lambda value: isinstance(value, str)}


def keepable(value: Any) -> bool:
    """Whether it can be written and read again, and is not too large."""
    try:
        return len(orjson.dumps(value)) <= MOST_SETTINGS_BYTES
    except TypeError:  # numbers that no program reads, hundreds of levels, halves of characters
        return False


def fits(content: Any) -> bool:
    return table(content).get("format") == FORMAT


def chats(content: Any) -> Iterator[TakenChat | NotTaken]:
    for each in rows(table(content).get("chats")):
        chat = table(each)
        title = text(chat.get("title"))
        turns = in_order(_turns(rows(chat.get("messages"))))
        settings = table(chat.get("settings"))
        if not keepable(settings):
            yield NotTaken(title or "untitled", "its settings are too large, or can't be kept")
            continue
        yield TakenChat(
            title,
            turns,
            last_below(turns, chat.get("current")),
            kind="story" if chat.get("kind") == "story" else "chat",
            created_at=moment(chat.get("created_at")),
            updated_at=moment(chat.get("updated_at")),
            settings=settings,
            folder=text(chat.get("folder"))[:200] or None,
            tags=tuple(word for tag in rows(chat.get("tags")) if (word := text(tag)[:100])),
            pinned=chat.get("pinned") is True,
            archived=chat.get("archived") is True,
        )


def _turns(messages: list[Any]) -> Iterator[TakenTurn]:
    for value in messages:
        message = table(value)
        role, key, parent = message.get("role"), message.get("id"), message.get("parent_id")
        if role not in ROLES or not isinstance(key, str):
            continue
        yield TakenTurn(
            key,
            parent if isinstance(parent, str) else None,
            role,
            text(message.get("content")),
            text(message.get("reasoning")),
            text(message.get("model")) or None,
            moment(message.get("created_at")),
            {name: message[name] for name, fits in KEPT.items() if fits(message.get(name)) and keepable(message[name])},
            tuple(_files(rows(message.get("attachments")))),
        )


def _files(attachments: list[Any]) -> Iterator[TakenFile]:
    for value in attachments:
        attachment: Table = table(value)
        try:
            content = base64.b64decode(text(attachment.get("content")), validate=True)
        except (binascii.Error, ValueError):
            continue
        if content:
            kind = text(attachment.get("media_type"))
            words = text(attachment.get("text")) if attachment.get("kind") == "text" else ""
            yield TakenFile(text(attachment.get("name"))[:255] or "file", kind, content, words)
