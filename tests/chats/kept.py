"""Chats for tests."""

from domov.chats.chats import Chats, Wanted
from domov.chats.records import Chat, Turn


def made(chats: Chats, owner: str = "", **fields: object) -> Chat:
    return chats.create(Chat("", owner, **fields))  # type: ignore[arg-type]


def said(chats: Chats, chat: Chat, *words: str, parent: str | None = None) -> list[Turn]:
    """A chain of messages, and the chat shows its end."""
    turns = []
    for number, content in enumerate(words):
        id = f"{chat.id}-{parent}-{number}"
        turns.append(Turn(id, chat.id, parent, "user" if number % 2 == 0 else "assistant", content))
        parent = id
    chats.turns.add(turns, chat=chat.id)
    chats.change(chat.id, {"current": parent}, owner=chat.owner)
    return turns


def ids(chats: Chats, owner: str = "", **wanted: object) -> list[str]:
    return [chat.id for chat in chats.page(Wanted(**wanted), owner=owner)[0]]  # type: ignore[arg-type]
