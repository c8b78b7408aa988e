"""The prompt of a story: memory, then world info, then as much of the text's end as fits, the author's note in it.

Pure: a generator that yields texts and is sent how many tokens each has. What is left out at the text's start grows in
steps of a quarter of the room, so that the prompt begins the same for many requests and is not read anew for each.
"""

import re
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field

from domov.chats.folding import folded
from domov.errors import BadRequest

SCAN_TOKENS = 1000  # of the text's end, that keywords are looked for in
NOTE_DEPTH_TOKENS = 160
LEAST_ROOM_TOKENS = 64  # for the text
SLACK_TOKENS = 16  # parts that are counted apart may have a token more together
CHARACTERS_A_TOKEN = 4  # of English; only how far is looked back depends on it
SNAP_CHARACTERS = 400  # how far from its place a cut may look for the end of a line

Counts = Generator[str, int, "Prompt"]


@dataclass(frozen=True, slots=True)
class Entry:
    """Something about the world of a story."""

    keys: tuple[str, ...]
    text: str
    also: tuple[str, ...] = ()  # one of these has to stand there, too
    constant: bool = False  # always there
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class Story:
    text: str
    memory: str = ""
    note: str = ""
    note_depth_tokens: int = NOTE_DEPTH_TOKENS
    world: tuple[Entry, ...] = ()
    scan_tokens: int = SCAN_TOKENS


@dataclass(frozen=True, slots=True)
class Part:
    kind: str  # memory, world, text, note
    text: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """What the model sees."""

    parts: tuple[Part, ...]
    tokens: int
    left_out_characters: int  # of the text's start
    entries: tuple[int, ...] = field(default=())  # of the world, by their places

    @property
    def text(self) -> str:
        return "".join(part.text for part in self.parts)


def prompt(story: Story, *, room_tokens: int) -> Counts:
    """The prompt of a story that has room for so many tokens. Raises BadRequest where nothing of the text would fit."""
    scanned = yield from _last(story.text, story.scan_tokens)
    entries = tuple(n for n, entry in enumerate(story.world) if appears(entry, scanned))
    head = [Part("memory", _paragraph(story.memory))] if story.memory.strip() else []
    head += [Part("world", _paragraph(story.world[n].text)) for n in entries if story.world[n].text.strip()]
    note = f"[Author's note: {story.note.strip()}]\n" if story.note.strip() else ""
    head_tokens = yield "".join(part.text for part in head)
    note_tokens = (yield note) if note else 0
    room = room_tokens - head_tokens - note_tokens - SLACK_TOKENS
    if room < LEAST_ROOM_TOKENS:
        raise BadRequest(
            f"memory, world info and note take {head_tokens + note_tokens} tokens of {room_tokens}",
            hint="shorten them, or load the model with a larger context (setting context_tokens)",
        )
    start, text_tokens = yield from _start(story.text, room)
    body = yield from _with_note(story.text[start:], note, story.note_depth_tokens)
    return Prompt((*head, *body), head_tokens + note_tokens + text_tokens, start, entries)


def appears(entry: Entry, scanned: str) -> bool:
    """Whether an entry belongs into the prompt of a text: words are known by their beginnings, as cases change ends."""
    if not entry.enabled or entry.constant:
        return entry.enabled
    words = folded(scanned)
    return _any(entry.keys, words) and (not entry.also or _any(entry.also, words))


def _any(keys: Sequence[str], words: str) -> bool:
    return any(re.search(rf"(?<!\w){re.escape(folded(key.strip()))}", words) for key in keys if key.strip())


def _paragraph(text: str) -> str:
    return text.rstrip() + "\n"


def _last(text: str, tokens: int) -> Generator[str, int, str]:
    """About so many tokens of a text's end."""
    piece = text[-max(1, tokens * CHARACTERS_A_TOKEN) :]
    if not piece or tokens <= 0:
        return ""
    counted = yield piece
    if counted <= tokens:
        return piece
    return piece[-max(1, len(piece) * tokens // counted) :]


def _start(text: str, room: int) -> Generator[str, int, tuple[int, int]]:
    """Where the part of a text begins that fits, and its tokens."""
    step = 1 << max(0, room.bit_length() - 1)  # characters: about a quarter of the room
    longest = room * CHARACTERS_A_TOKEN * 2
    number = max(0, -(-(len(text) - longest) // step))
    while True:
        start = cut(text, number * step)
        tokens = yield text[start:]
        if tokens <= room:
            return start, tokens
        over = (tokens - room) * (len(text) - start) // max(1, tokens)
        number += max(1, over // step)


def cut(text: str, near: int) -> int:
    """A place at or soon after another where a line begins, or else a word."""
    if near <= 0:
        return 0
    if near >= len(text):
        return len(text)
    window = text[near : near + SNAP_CHARACTERS]
    line = window.find("\n")
    if line >= 0:
        return near + line + 1
    space = window.find(" ")
    return near + space + 1 if space >= 0 else near


def _with_note(text: str, note: str, depth_tokens: int) -> Generator[str, int, tuple[Part, ...]]:
    if not note:
        return (Part("text", text),) if text else ()
    tail = yield from _last(text, depth_tokens)
    place = len(text) - len(tail)
    line = text.rfind("\n", max(0, place - SNAP_CHARACTERS), place + 1)
    before, after = (text[: line + 1], text[line + 1 :]) if line >= 0 else (text[:place], text[place:])
    words = note if not before or before.endswith("\n") else f"\n{note}"
    return tuple(part for part in (Part("text", before), Part("note", words), Part("text", after)) if part.text)
