"""A story: a chat whose turns are changes of one text. Pure.

A turn's content is what was put in, and its `splice` says where and what was taken out there, in characters. The text
is what the changes along the way to the current turn make; undo is to show the turn before, alternatives are siblings.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from domov.chats.records import Table, Turn
from domov.chats.tree import children, path_to

JOINED_SECONDS = 5.0  # changes of a person that follow each other so soon are one


@dataclass(frozen=True, slots=True)
class Splice:
    at: int  # characters from the start
    removed: str
    inserted: str

    @property
    def table(self) -> Table:
        return {"at": self.at, "removed": self.removed}


def splice_of(turn: Turn) -> Splice:
    """Of a turn without one, as an imported chat's: its text at the end."""
    told: Mapping[str, object] = turn.about.get("splice") or {}
    at, removed = told.get("at"), told.get("removed")
    return Splice(at if isinstance(at, int) else -1, removed if isinstance(removed, str) else "", turn.content)


def text_of(path: Sequence[Turn]) -> str:
    """The text that the changes make, one after the other."""
    text = ""
    for splice in map(splice_of, path):
        at = len(text) if splice.at < 0 else min(splice.at, len(text))
        text = text[:at] + splice.inserted + text[at + len(splice.removed) :]
    return text


def difference(old: str, new: str) -> Splice | None:
    """The smallest change that makes one text of the other; None where they are the same."""
    if old == new:
        return None
    start = _common(old, new)
    end = _common(old[start:][::-1], new[start:][::-1])
    return Splice(start, old[start : len(old) - end], new[start : len(new) - end])


def _common(one: str, other: str) -> int:
    """How many characters two texts have in common at their start, found by halves: comparing slices is quick."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def joins(turns: Sequence[Turn], current: Turn | None, moment: float) -> bool:
    """Whether a person's change can become part of the one before: nothing hangs on that, and it is fresh."""
    return (
        current is not None
        and current.role == "user"
        and not children(turns).get(current.id)
        and moment - current.created_at < JOINED_SECONDS
    )


def changed(turn: Turn, splice: Splice) -> Turn:
    return replace(turn, content=splice.inserted, about={**turn.about, "splice": splice.table})


@dataclass(frozen=True, slots=True)
class Shown:
    """A story as it is shown."""

    text: str
    current: str | None
    undo: Table | None  # what to change of the chat for it
    redo: Table | None
    alternatives: tuple[str, ...]  # the model's tries at this place, the current one among them


def shown(turns: Sequence[Turn], current: str | None) -> Shown:
    path = path_to(turns, current)
    by_parent = children(turns)
    below = by_parent.get(current, [])
    last = path[-1] if path else None
    tries = [turn for turn in by_parent.get(last.parent, []) if turn.role == "assistant"] if last else []
    return Shown(
        text_of(path),
        last.id if last else None,
        {"current": last.parent} if last else None,
        {"current": below[-1].id} if below else None,
        tuple(turn.id for turn in tries) if last and last.role == "assistant" else (),
    )
