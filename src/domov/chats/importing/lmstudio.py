"""LM Studio's conversation files (*.conversation.json): a list of messages, each with its versions.

Source: files of LM Studio 0.3 and 0.4. Versions of one message are alternatives; what follows hangs on the one that is
selected.
"""

from collections.abc import Iterator
from typing import Any

from domov.chats.importing.taken import ROLES, NotTaken, TakenChat, TakenTurn, in_order, moment, rows, table, text
from domov.chats.records import Table


def fits(content: Any) -> bool:
    messages = rows(table(content).get("messages"))
    return any(isinstance(table(message).get("versions"), list) for message in messages[:100])


def chats(content: Any) -> Iterator[TakenChat | NotTaken]:
    row = table(content)
    title = text(row.get("name"))
    found, shown = _turns(rows(row.get("messages")))
    turns = in_order(found)
    if not turns:
        yield NotTaken(title or "untitled", "it has no messages")
        return
    system = text(row.get("systemPrompt"))
    yield TakenChat(
        title,
        turns,
        shown,
        created_at=moment(row.get("createdAt"), milliseconds=True),
        settings={"system": system} if system else {},
        pinned=row.get("pinned") is True,
    )


def _turns(messages: list[Any]) -> tuple[list[TakenTurn], str | None]:
    """The turns, and the last one that is selected."""
    found: list[TakenTurn] = []
    parent: str | None = None
    for place, value in enumerate(messages):
        versions = rows(table(value).get("versions"))
        selected = table(value).get("currentlySelected")
        below = parent
        for number, version in enumerate(versions):
            turn = _turn(f"{place}.{number}", parent, table(version))
            if turn is None:
                continue
            found.append(turn)
            if number == selected or below == parent:
                below = turn.key
        parent = below
    return found, parent


def _turn(key: str, parent: str | None, version: Table) -> TakenTurn | None:
    role = ROLES.get(str(version.get("role")))
    if role is None:
        return None
    steps = rows(version.get("steps")) or [version]
    words = [_words(table(step)) for step in steps if not _thinks(table(step))]
    thoughts = [_words(table(step)) for step in steps if _thinks(table(step))]
    models = [table(table(step).get("genInfo")).get("identifier") for step in steps]
    model = next((name for each in models if (name := text(each))), None)
    return TakenTurn(key, parent, role, "".join(words), "".join(thoughts), model)


def _thinks(step: Table) -> bool:
    return table(step.get("style")).get("type") == "thinking"


def _words(step: Table) -> str:
    return "".join(text(table(part).get("text")) for part in rows(step.get("content")))
