"""What is taken in of another program's file: chats as they will be kept, and those that could not be read.

A reader of a form takes parsed JSON, which may be anything, and yields chats; what it does not know it leaves out.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from domov.chats.records import Table, TurnRole

MOST_TURNS = 100_000  # of one chat
MOST_TEXT_CHARACTERS = 4_000_000  # of one message
ROLES: Mapping[str, TurnRole] = {"user": "user", "human": "user", "assistant": "assistant", "model": "assistant"}


@dataclass(frozen=True, slots=True)
class TakenFile:
    name: str
    media_type: str
    content: bytes
    text: str


@dataclass(frozen=True, slots=True)
class TakenTurn:
    key: str  # its name in the file
    parent: str | None
    role: TurnRole
    content: str
    reasoning: str = ""
    model: str | None = None
    created_at: float = 0.0
    about: Table = field(default_factory=dict)
    files: tuple[TakenFile, ...] = ()


@dataclass(frozen=True, slots=True)
class TakenChat:
    title: str
    turns: tuple[TakenTurn, ...]  # parents before their children
    current: str | None = None  # a key
    kind: str = "chat"
    created_at: float = 0.0
    updated_at: float = 0.0
    settings: Table = field(default_factory=dict)
    folder: str | None = None
    tags: tuple[str, ...] = ()
    pinned: bool = False
    archived: bool = False


class NotTaken(Exception):
    """One chat of a file that can't be read; `reason` is shown beside its name."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(reason)
        self.name, self.reason = name, reason


def text(value: Any) -> str:
    """A text, or nothing; halves of characters and zeros, which no database takes, are replaced."""
    if not isinstance(value, str):
        return ""
    return value[:MOST_TEXT_CHARACTERS].encode("utf-8", "replace").decode().replace("\0", "")


def moment(value: Any, *, milliseconds: bool = False) -> float:
    """Seconds since 1970, or 0."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0.0
    seconds = float(value) / (1000 if milliseconds else 1)
    return seconds if math.isfinite(seconds) and 0 <= seconds < 1e11 else 0.0


def table(value: Any) -> Table:
    return value if isinstance(value, dict) else {}


def rows(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def in_order(turns: Iterable[TakenTurn]) -> tuple[TakenTurn, ...]:
    """Parents before children; what hangs on nothing that is there begins a branch, and what runs in a circle goes."""
    known: dict[str, TakenTurn] = {}
    for turn in turns:
        if len(known) >= MOST_TURNS:
            break
        known.setdefault(turn.key, turn)
    by_parent: dict[str | None, list[TakenTurn]] = {}
    for turn in known.values():
        by_parent.setdefault(turn.parent if turn.parent in known else None, []).append(turn)
    ordered: list[TakenTurn] = []
    waiting = by_parent.get(None, [])[::-1]
    while waiting:
        turn = waiting.pop()
        ordered.append(turn)
        waiting += by_parent.get(turn.key, [])[::-1]
    return tuple(ordered)


def last_below(turns: Sequence[TakenTurn], key: Any) -> str | None:
    """The key, if it is one of the turns, else that of the last turn."""
    keys = {turn.key for turn in turns}
    return key if isinstance(key, str) and key in keys else turns[-1].key if turns else None
