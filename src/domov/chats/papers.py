"""An owner's chats as texts to be read: for those who index what the owner has."""

from collections.abc import Callable, Iterator
from contextlib import suppress

from domov.chats.chats import Chats
from domov.chats.exporting import Whole, markdown
from domov.chats.records import Chat
from domov.errors import NoSuchChat


def papers(chats: Chats, owner: str) -> Iterator[tuple[str, float, Callable[[], str]]]:
    """Of each chat that is kept: a name for a file, when it was changed last, and what gives its text."""
    for id in chats.all(owner=owner):
        with suppress(NoSuchChat):  # deleted meanwhile
            chat = chats.get(id, owner=owner)
            yield f"{chat.id}.md", chat.updated_at, _text(chats, chat)


def _text(chats: Chats, chat: Chat) -> Callable[[], str]:
    return lambda: markdown(Whole(chat, chats.turns.of(chat.id)))
