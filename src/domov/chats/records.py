"""What a chat is made of: the chat, its turns (messages in a tree), and what is attached to them."""

from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import uuid4

Kind = Literal["chat", "story"]
Status = Literal["running", "done", "stopped", "failed", "interrupted"]
TurnRole = Literal["system", "user", "assistant"]
Table = dict[str, Any]
# What an answer's `about` holds, and what is told where it does not.
ABOUT: Table = {
    "references": [],
    "error": None,
    "stats": None,
    "place": None,
    "overflow": None,
    "finish_reason": None,
    "context": None,
}


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that was sent with a question: a picture, or something that was read as text."""

    id: str
    owner: str
    created_at: float  # seconds since 1970
    kind: Literal["image", "text"]
    name: str
    media_type: str
    size_bytes: int
    text: str = ""  # what was read of it

    def row(self) -> Table:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    def table(self) -> Table:
        shown = ("id", "kind", "name", "media_type", "size_bytes")
        told: Table = {name: getattr(self, name) for name in shown}
        return told | ({"text_tokens": -(-len(self.text.encode()) // 3)} if self.kind == "text" else {})


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a chat. Children of one parent are alternatives."""

    id: str
    chat: str
    parent: str | None
    role: TurnRole
    content: str
    reasoning: str = ""
    model: str | None = None
    status: Status = "done"
    created_at: float = 0.0
    about: Table = field(default_factory=dict)
    attachments: tuple[Attachment, ...] = ()

    def table(self) -> Table:
        told = {name: self.about.get(name, default) for name, default in ABOUT.items()}
        return {
            "id": self.id,
            "chat_id": self.chat,
            "parent_id": self.parent,
            "role": self.role,
            "content": self.content,
            "reasoning": self.reasoning or None,
            "attachments": [attachment.table() for attachment in self.attachments],
            "model": self.model,
            "created_at": self.created_at,
            "status": self.status,
            **self.about,
            **told,
        }


@dataclass(frozen=True, slots=True)
class Chat:
    id: str
    owner: str  # of a key; empty where none is used
    kind: Kind = "chat"
    title: str = ""
    titled: str = ""  # by whom: words, model, person; nobody yet
    model: str | None = None
    folder: str | None = None
    tags: tuple[str, ...] = ()
    pinned: bool = False
    archived: bool = False
    temporary: bool = False  # in memory alone
    created_at: float = 0.0
    updated_at: float = 0.0
    settings: Table = field(default_factory=dict)
    draft: str = ""
    current: str | None = None  # the leaf that is shown
    snippet: str | None = None  # of a search: what was found

    def table(self) -> Table:
        hidden = ("owner", "titled", "snippet")
        told: Table = {name: getattr(self, name) for name in self.__dataclass_fields__ if name not in hidden}
        told |= {"tags": list(self.tags)}
        return told if self.snippet is None else told | {"snippet": self.snippet}


def new_id(kind: str) -> str:
    return f"{kind}_{uuid4().hex}"
