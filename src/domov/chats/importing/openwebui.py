"""Open WebUI's export: a list of chats, each with `chat.history.messages`, a table of messages with parents.

Source: `/api/v1/chats/all` and the page's "Export chats" of 0.6 to 0.12.
"""

import re
from collections.abc import Iterator
from typing import Any

from domov.chats.importing.taken import (
    ROLES,
    NotTaken,
    TakenChat,
    TakenTurn,
    in_order,
    last_below,
    moment,
    rows,
    table,
    text,
)
from domov.chats.records import Table

_THOUGHT = re.compile(r'<details type="reasoning"[^>]*>\s*(?:<summary>.*?</summary>)?(.*?)</details>\s*', re.DOTALL)


def fits(content: Any) -> bool:
    return isinstance(content, list) and any(isinstance(table(each).get("chat"), dict) for each in content[:100])


def chats(content: Any) -> Iterator[TakenChat | NotTaken]:
    for each in content:
        row = table(each)
        chat = table(row.get("chat"))
        title = text(row.get("title")) or text(chat.get("title"))
        history = table(chat.get("history"))
        turns = in_order(_turns(history, rows(chat.get("messages"))))
        if not turns:
            yield NotTaken(title or "untitled", "it has no messages")
            continue
        tags = table(row.get("meta")).get("tags") or chat.get("tags")
        system = text(table(chat.get("params")).get("system")) or text(chat.get("system"))
        yield TakenChat(
            title,
            turns,
            last_below(turns, history.get("currentId")),
            created_at=moment(row.get("created_at")),
            updated_at=moment(row.get("updated_at")),
            settings={"system": system} if system else {},
            tags=tuple(word for tag in rows(tags) if (word := text(tag)[:100])),
            pinned=row.get("pinned") is True,
            archived=row.get("archived") is True,
        )


def _turns(history: Table, linear: list[Any]) -> Iterator[TakenTurn]:
    messages = table(history.get("messages"))
    if not messages:  # of the oldest versions: a list without branches
        messages = {str(n): {**table(m), "parentId": str(n - 1)} for n, m in enumerate(linear)}
    for key, value in messages.items():
        message = table(value)
        role = ROLES.get(str(message.get("role")))
        if role is None:
            continue
        words = text(message.get("content"))
        thoughts = "\n\n".join(found.strip() for found in _THOUGHT.findall(words)) if role == "assistant" else ""
        thoughts = "\n".join(line.removeprefix(">").strip() for line in thoughts.splitlines())
        parent = message.get("parentId")
        yield TakenTurn(
            key,
            parent if isinstance(parent, str) else None,
            role,
            _THOUGHT.sub("", words) if role == "assistant" else words,
            text(message.get("reasoning_content")) or thoughts,
            text(message.get("model")) or None,
            moment(message.get("timestamp")),
        )
