"""ChatGPT's export, conversations.json: a list of conversations, each a `mapping` of nodes with parents.

Source: files that OpenAI's export gives (2023 to 2026). Nodes without words (tools, hidden instructions) are left out,
and what hangs on them hangs on the node above. What a model thought before its answer belongs to the answer.
"""

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


def fits(content: Any) -> bool:
    return isinstance(content, list) and any(isinstance(table(each).get("mapping"), dict) for each in content[:100])


def chats(content: Any) -> Iterator[TakenChat | NotTaken]:
    for each in content:
        conversation = table(each)
        title = text(conversation.get("title"))
        mapping = table(conversation.get("mapping"))
        turns = in_order(_turns(mapping))
        if not turns:
            yield NotTaken(title or "untitled", "it has no messages")
            continue
        shown = _kept_above(mapping, conversation.get("current_node"), {turn.key for turn in turns})
        yield TakenChat(
            title,
            turns,
            last_below(turns, shown),
            created_at=moment(conversation.get("create_time")),
            updated_at=moment(conversation.get("update_time")),
            archived=conversation.get("is_archived") is True,
            pinned=conversation.get("is_starred") is True,
        )


def _turns(mapping: Table) -> Iterator[TakenTurn]:
    kept = {key for key, node in mapping.items() if _words(table(table(node).get("message")))}
    for key in mapping:
        if key not in kept:
            continue
        message = table(mapping[key]["message"])
        parent = _kept_above(mapping, mapping[key].get("parent"), kept)
        model = table(message.get("metadata")).get("model_slug")
        role = ROLES[table(message.get("author"))["role"]]
        yield TakenTurn(
            key,
            parent,
            role,
            _words(message),
            _thoughts_above(mapping, mapping[key].get("parent"), kept) if role == "assistant" else "",
            text(model) or None,
            moment(message.get("create_time")),
        )


def _kept_above(mapping: Table, key: Any, kept: set[str]) -> str | None:
    """The nearest node that is kept, from one upwards."""
    seen = set()
    while isinstance(key, str) and key in mapping and key not in seen:
        if key in kept:
            return key
        seen.add(key)
        key = table(mapping[key]).get("parent")
    return None


def _thoughts_above(mapping: Table, key: Any, kept: set[str]) -> str:
    """What was thought in the nodes between an answer and what is kept above it."""
    found: list[str] = []
    seen = set()
    while isinstance(key, str) and key in mapping and key not in kept and key not in seen:
        seen.add(key)
        content = table(table(table(mapping[key]).get("message")).get("content"))
        thoughts = [table(thought).get("content") for thought in rows(content.get("thoughts"))]
        found += reversed([words for thought in thoughts if (words := text(thought))])
        key = table(mapping[key]).get("parent")
    return "\n\n".join(reversed(found))


def _words(message: Table) -> str:
    """What was said in a message; nothing of one that nobody is shown."""
    author, metadata = table(message.get("author")), table(message.get("metadata"))
    if str(author.get("role")) not in ROLES or metadata.get("is_visually_hidden_from_conversation") is True:
        return ""
    if message.get("recipient") not in (None, "all"):
        return ""
    content = table(message.get("content"))
    parts = [_part(part) for part in rows(content.get("parts"))]
    words = "\n\n".join(part for part in parts if part)
    return words if words.strip() else text(content.get("text")).strip()


def _part(part: Any) -> str:
    if isinstance(part, str):
        return text(part)
    kind = table(part).get("content_type")
    return "[picture]" if kind == "image_asset_pointer" else text(table(part).get("text"))
