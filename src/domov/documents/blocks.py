"""What a reader makes of a file: pieces of text in their order, each with the headings above it and its place."""

from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["text", "code", "table"]


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, a list, a piece of code or a table. The first line of a table is its head."""

    text: str
    kind: Kind = "text"
    titles: tuple[str, ...] = ()  # the headings above it, outermost first
    page: int | None = None  # from 1; of slides and sheets too
    line: int | None = None  # from 1, of a text file; of a table its row
    last_line: int | None = None


@dataclass(frozen=True, slots=True)
class Parsed:
    blocks: tuple[Block, ...]
    title: str = ""
    author: str = ""
    date: str = ""  # as the document tells it, ISO 8601 where it can be


@dataclass
class Outline:
    """Blocks as they are found, under the headings that were found before them."""

    blocks: list[Block] = field(default_factory=list)
    page: int | None = None
    _path: list[tuple[int, str]] = field(default_factory=list)

    @property
    def titles(self) -> tuple[str, ...]:
        return tuple(text for _, text in self._path)

    def heading(self, level: int, text: str) -> None:
        """Starts a section; those of the same or a deeper level end."""
        while self._path and self._path[-1][0] >= level:
            self._path.pop()
        if words := " ".join(text.split()):
            self._path.append((level, words[:300]))

    def add(self, text: str, *, kind: Kind = "text", line: int | None = None, last_line: int | None = None) -> None:
        if text.strip():
            self.blocks.append(Block(text.strip("\n"), kind, self.titles, self.page, line, last_line))

    def parsed(self, *, title: str = "", author: str = "", date: str = "") -> Parsed:
        return Parsed(tuple(self.blocks), title.strip()[:300], author.strip()[:300], date.strip()[:40])
