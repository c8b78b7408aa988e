"""Reads what the audit has written, the newest first, from the end of the file: a long log costs no more than another.

A place in it is the number of bytes before a line, which stays right while lines are added.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import orjson

from domov.files import disk_errors

Log = Literal["audit", "logins"]
BLOCK_BYTES = 1 << 16
MOST_LOOKED_BYTES = 64 << 20  # of one page: then the next one goes on


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a line has to have; empty is anything. Times as they are written: ISO 8601, UTC."""

    words: str = ""  # somewhere in it, whatever the case
    who: str = ""  # the id or name of whoever did it
    since: str = ""
    until: str = ""

    def has(self, row: dict[str, Any], line: bytes) -> bool:
        if self.words and self.words.casefold() not in line.decode("utf-8", "replace").casefold():
            return False
        if self.who and self.who not in (row.get("by"), row.get("name"), row.get("user"), row.get("user_name")):
            return False
        at = str(row.get("at", ""))
        return at >= self.since and (not self.until or at < self.until)


@dataclass(frozen=True, slots=True)
class Page:
    rows: tuple[dict[str, Any], ...]
    next: int | None  # where to go on; None: there is nothing before


def page(path: Path, wanted: Wanted, *, before: int | None, count: int) -> Page:
    """The newest lines before a place that are wanted."""
    found: list[dict[str, Any]] = []
    first = None
    for place, line in _backwards(path, before):
        if first is None:
            first = place
        if len(found) == count or first - place > MOST_LOOKED_BYTES:
            return Page(tuple(found), place + len(line) + 1)
        row = _row(line)
        if row is not None and wanted.has(row, line):
            found.append(row)
    return Page(tuple(found), None)


def _backwards(path: Path, before: int | None) -> Iterator[tuple[int, bytes]]:
    """The lines that are whole, with the place where each begins, the last one first."""
    if not path.exists():
        return
    with disk_errors(path), path.open("rb") as file:
        end = file.seek(0, 2)
        place = end if before is None else max(0, min(before, end))
        rest = b""
        while place > 0:
            size = min(BLOCK_BYTES, place)
            place -= size
            file.seek(place)
            lines = (file.read(size) + rest).split(b"\n")
            rest = lines[0]
            after = place + sum(len(line) + 1 for line in lines)
            for line in reversed(lines[1:]):
                after -= len(line) + 1
                if line:
                    yield after, line
        if rest:
            yield 0, rest


def _row(line: bytes) -> dict[str, Any] | None:
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError:  # what a crash has cut
        return None
    return row if isinstance(row, dict) else None
