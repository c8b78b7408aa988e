"""The rows of a benchmark: what each must be, what it was, and how that is printed and kept."""

import json
import platform
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

from benchmarks.turns import Comparison
from domov.hardware.cpu import read_cpu


@dataclass(frozen=True, slots=True)
class Wanted:
    """A limit of a row's figure."""

    limit: float
    at_most: bool = False
    unit: str = ""  # nothing for a ratio

    def holds(self, figure: float) -> bool:
        return figure <= self.limit if self.at_most else figure >= self.limit

    def score(self, figure: float) -> float:
        """How many times better than the limit; below 1 it is missed."""
        better, worse = (self.limit, figure) if self.at_most else (figure, self.limit)
        return better / max(worse, 1e-9)

    def __str__(self) -> str:
        return f"{'≤' if self.at_most else '≥'} {shown(self.limit)}{self.unit}"


@dataclass(frozen=True, slots=True)
class Row:
    what: str
    wanted: Wanted
    figure: float
    sides: Comparison | None = None
    side_unit: str = "tokens/s"
    note: str = ""
    sound: bool = True  # false where the figure does not count, whatever it is: the answers differ, ...

    @property
    def good(self) -> bool:
        return self.sound and self.wanted.holds(self.figure)


def compared(what: str, wanted: Wanted, sides: Comparison, *, unit: str = "tokens/s") -> Row:
    return Row(what, wanted, sides.ratio, sides, unit)


def shown(figure: float) -> str:
    """Three digits that count: 94.1, 0.0071."""
    return f"{figure:.0f}" if abs(figure) >= 100 else f"{figure:.3g}"


def as_text(rows: Sequence[Row], *, beside: str = "xllamacpp") -> str:
    """A table for a terminal."""
    lines = [("", "Domov", beside, "figure", "must be", ""), *(_cells(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "".join(
        "  ".join(
            [line[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(line[1:5], widths[1:5], strict=True)), line[5]]
        ).rstrip()
        + "\n"
        for line in lines
    )


def _cells(row: Row) -> tuple[str, ...]:
    ours, theirs = ("", "")
    if row.sides:
        ours = f"{shown(statistics.median(row.sides.ours))} {row.side_unit}"
        theirs = f"{shown(statistics.median(row.sides.theirs))} {row.side_unit}"
    verdict = "ok" if row.good else "MISSED"
    note = f" ({row.note})" if row.note else ""
    return row.what, ours, theirs, f"{shown(row.figure)}{row.wanted.unit}", str(row.wanted), verdict + note


def as_table(rows: Sequence[Row], *, model: str, quick: bool) -> dict[str, Any]:
    """The same for programs, with all rounds and what it was measured on."""
    cpu = read_cpu()
    return {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "quick": quick,
        "model": model,
        "machine": {"system": platform.platform(), "cpu": cpu.name, "cores": cpu.usable_cores},
        "versions": {"domov": version("domov"), "xllamacpp": version("xllamacpp")},
        "rows": [{**asdict(row), "good": row.good, "must_be": str(row.wanted)} for row in rows],
    }


def as_json(table: dict[str, Any]) -> str:
    return json.dumps(table, indent=2, ensure_ascii=False) + "\n"
