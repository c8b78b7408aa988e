"""reStructuredText: titles by their adornments, literal blocks, paragraphs. Source: docutils' specification."""

import re

from domov.documents.blocks import Outline, Parsed
from domov.documents.readers.plain import paragraphs, text_of

ADORNMENT = re.compile(r"([!-/:-@\[-`{-~])\1{2,}[ \t]*$")


def read(content: bytes, name: str) -> Parsed:
    lines = text_of(content).split("\n")
    outline = Outline()
    levels: list[str] = []  # adornments in the order in which they were met
    literal = False
    for first, run in _pieces(lines):
        if style := _title_style(run):
            if style not in levels:
                levels.append(style)
            outline.heading(levels.index(style) + 1, run[-2])
            literal = False
            continue
        indented = run[0][:1] in " \t"
        code = indented and literal
        outline.add("\n".join(run), kind="code" if code else "text", line=first, last_line=first + len(run) - 1)
        last = run[-1].rstrip()
        literal = (
            code or last.endswith("::") or bool(re.match(r"\.\. (code|code-block|sourcecode|parsed-literal)::", run[0]))
        )
    first_title = next((block.titles[0] for block in outline.blocks if block.titles), "")
    return outline.parsed(title=first_title)


def _pieces(lines: list[str]) -> list[tuple[int, list[str]]]:
    """Paragraphs, with titles cut off from what follows them without an empty line."""
    found = []
    for first, run in paragraphs(lines):
        size = _title_lines(run)
        if size:
            found.append((first, run[:size]))
        if run[size:]:
            found.append((first + size, run[size:]))
    return found


def _title_lines(run: list[str]) -> int:
    if len(run) >= 3 and ADORNMENT.match(run[0]) and run[0].rstrip() == run[2].rstrip():
        return 3
    if len(run) >= 2 and not ADORNMENT.match(run[0]) and ADORNMENT.match(run[1]) and run[0][:1] not in " \t":
        return 2 if len(run[1].rstrip()) >= len(run[0].rstrip()) else 0
    return 0


def _title_style(run: list[str]) -> str:
    return run[-1][0] * (len(run) - 1) if _title_lines(run) == len(run) and len(run) in (2, 3) else ""
