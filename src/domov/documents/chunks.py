"""Blocks become passages: what is embedded, searched and cited. Pure.

A passage holds whole paragraphs of one section as long as they fit; what is too long is divided between sentences,
lines or rows, with an overlap, and each part of a table keeps its head. Small sections that follow each other are put
together, with their headings in the text.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from domov.documents.blocks import Block, Parsed

# About 300 tokens of Czech or 250 of English: what an encoder with 512 tokens takes with its titles, in most scripts.
TARGET_CHARACTERS = 1000
SMALL_CHARACTERS = 300  # a section shorter than this takes the next one in
OVERLAP_CHARACTERS = 150
_SENTENCE_END = re.compile(r"(?<=[.!?…。！？])[\"'”»)]*\s+|\n+|(?<=[。！？])")


@dataclass(frozen=True, slots=True)
class Passage:
    text: str
    titles: tuple[str, ...]
    kind: str
    page: int | None
    last_page: int | None
    line: int | None
    last_line: int | None


def passages_of(parsed: Parsed, *, target: int = TARGET_CHARACTERS) -> list[Passage]:
    """The passages of a document in its order; every word of the blocks is in at least one of them."""
    found: list[Passage] = []
    run: list[Block] = []
    for piece in (p for block in parsed.blocks for p in _pieces(block, target)):
        if run and not _joins(run, piece, target):
            found.append(_passage(run))
            run = _tail(run, piece, target)
        run.append(piece)
    return [*found, _passage(run)] if run else found


def _joins(run: Sequence[Block], piece: Block, target: int) -> bool:
    size = sum(len(block.text) + 2 for block in run)
    if size + len(piece.text) > target or (piece.kind == "table") != (run[-1].kind == "table"):
        return False
    if piece.titles == run[-1].titles:
        return piece.kind != "table"
    related = not piece.titles or not run[0].titles or piece.titles[0] == run[0].titles[0]
    return size < SMALL_CHARACTERS and related


def _tail(run: Sequence[Block], piece: Block, target: int) -> list[Block]:
    """The end of the passage before, where the next one goes on in the same section."""
    last = run[-1]
    if last.titles != piece.titles or last.kind != "text" or piece.kind != "text":
        return []
    words = ""
    for sentence in reversed(_sentences(last.text)):
        if len(words) + len(sentence) > min(OVERLAP_CHARACTERS, target - len(piece.text)):
            break
        words = sentence + words
    return [replace(last, text=words.strip(), line=last.last_line)] if words.strip() else []


def _passage(run: Sequence[Block]) -> Passage:
    titles = _shared([block.titles for block in run])
    texts: list[str] = []
    path = titles
    for block in run:
        if block.titles != path:
            kept = len(_shared([path, block.titles]))
            texts += block.titles[max(kept, len(titles)) :]
            path = block.titles
        texts.append(block.text)
    first, last = run[0], run[-1]
    kinds = {block.kind for block in run}
    return Passage(
        "\n\n".join(texts),
        titles,
        kinds.pop() if len(kinds) == 1 else "text",
        first.page,
        last.page,
        first.line,
        last.last_line or last.line,
    )


def _shared(paths: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """The titles that all of the paths begin with."""
    first, *rest = paths
    size = next((n for n, title in enumerate(first) if any(p[n : n + 1] != (title,) for p in rest)), len(first))
    return first[:size]


def _pieces(block: Block, target: int) -> Iterator[Block]:
    """The block itself, or if it is too long its parts, with their lines counted where it has lines."""
    if len(block.text) <= target:
        yield block
        return
    head, body = block.text.partition("\n")[::2] if block.kind == "table" else ("", block.text)
    head = head if len(head) < target // 2 else ""
    body = body if head else block.text
    units = _sentences(body) if block.kind == "text" else body.splitlines(keepends=True)
    line, counted = block.line, block.line is not None and block.kind != "table"
    for part in _packed(units, target - len(head)):
        last = (line or 0) + part.rstrip("\n").count("\n") if counted else block.last_line
        text = f"{head}\n{part}" if head else part
        text = text.strip() if block.kind == "text" else text.strip("\n")
        yield replace(block, text=text, line=line, last_line=last)
        if counted:
            line = (line or 0) + part.count("\n")


def _packed(units: Iterable[str], target: int) -> Iterator[str]:
    packed = ""
    for unit in (u[start : start + target] for u in units for start in range(0, len(u), target)):
        if packed and len(packed) + len(unit) > target:
            yield packed
            packed = ""
        packed += unit
    if packed.strip():
        yield packed


def _sentences(text: str) -> list[str]:
    """The text in parts that end where sentences or lines do; joined they are the text again."""
    edges = [0, *(m.end() for m in _SENTENCE_END.finditer(text)), len(text)]
    return [text[a:b] for a, b in zip(edges, edges[1:], strict=False) if b > a]
