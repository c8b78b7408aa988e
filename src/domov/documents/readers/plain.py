"""Text without marks: paragraphs between empty lines."""

import re
from collections.abc import Iterator, Sequence

from domov.documents.blocks import Outline, Parsed
from domov.documents.encodings import decode, is_text
from domov.documents.failures import Unreadable


def read(content: bytes, name: str) -> Parsed:
    outline = Outline()
    for first, lines in paragraphs(text_of(content).split("\n")):
        outline.add("\n".join(lines), line=first, last_line=first + len(lines) - 1)
    return outline.parsed()


def text_of(content: bytes) -> str:
    """The text of a file of text. Raises Unreadable for bytes that are none."""
    if not is_text(content):
        raise Unreadable("it is no text, whatever its name says")
    return decode(content)


def paragraphs(lines: Sequence[str], first: int = 1) -> Iterator[tuple[int, list[str]]]:
    """Runs of lines between empty ones, each with the number of its first line."""
    run: list[str] = []
    for number, line in enumerate(lines, first):
        if re.search(r"\S", line):
            run.append(line)
        elif run:
            yield number - len(run), run
            run = []
    if run:
        yield first + len(lines) - len(run), run
