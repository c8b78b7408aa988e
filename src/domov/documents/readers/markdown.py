"""Markdown: headings, fenced code, tables, and paragraphs with the lists between them. Source: CommonMark 0.31."""

import re

from domov.documents.blocks import Kind, Outline, Parsed
from domov.documents.readers.plain import text_of

HEADING = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*$")
FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
UNDERLINE = re.compile(r" {0,3}(=+|-+)[ \t]*$")
TABLE = re.compile(r" {0,3}\|.*\||^[^|]+(\|[^|]*)+$")
FRONT_TITLE = re.compile(r"""^title:[ \t]*["']?(.+?)["']?[ \t]*$""", re.MULTILINE)


def read(content: bytes, name: str) -> Parsed:
    return read_text(text_of(content))


def read_text(text: str) -> Parsed:
    lines = text.split("\n")
    start, title = _front_matter(lines)
    reader = _Reader()
    for number, line in enumerate(lines[start:], start + 1):
        reader.take(number, line)
    reader.flush()
    first = next((block.titles[0] for block in reader.outline.blocks if block.titles), "")
    return reader.outline.parsed(title=title or first)


def _front_matter(lines: list[str]) -> tuple[int, str]:
    """How many lines the YAML at the start takes, and the title that it tells."""
    if lines[0].strip() != "---":
        return 0, ""
    for number, line in enumerate(lines[1:200], 1):
        if line.strip() in ("---", "..."):
            found = FRONT_TITLE.search("\n".join(lines[1:number]))
            return number + 1, found[1] if found else ""
    return 0, ""


class _Reader:
    def __init__(self) -> None:
        self.outline = Outline()
        self._run: list[str] = []
        self._first, self._kind, self._fence = 0, "text", ""

    def take(self, number: int, line: str) -> None:
        if self._fence:
            self._in_code(line)
        elif found := FENCE.match(line):
            self.flush()
            self._start(number, line, "code")
            self._fence = found[1]
        elif found := HEADING.match(line):
            self.flush()
            self.outline.heading(len(found[1]), found[2] or "")
        elif self._kind == "text" and len(self._run) == 1 and (found := UNDERLINE.match(line)):
            heading, self._run = self._run[0], []
            self.outline.heading(1 if found[1][0] == "=" else 2, heading)
        elif not line.strip():
            self.flush()
        else:
            kind = "table" if TABLE.search(line) else "text"
            if self._run and kind != self._kind:
                self.flush()
            self._start(number, line, kind)

    def _start(self, number: int, line: str, kind: str) -> None:
        if not self._run:
            self._first, self._kind = number, kind
        self._run.append(line)

    def _in_code(self, line: str) -> None:
        self._run.append(line)
        bare = line.strip()
        if bare.startswith(self._fence) and not bare.strip(self._fence[0]):
            self._fence = ""
            self.flush()

    def flush(self) -> None:
        kinds: dict[str, Kind] = {"code": "code", "table": "table"}
        last = self._first + len(self._run) - 1
        self.outline.add("\n".join(self._run), kind=kinds.get(self._kind, "text"), line=self._first, last_line=last)
        self._run, self._kind = [], "text"
