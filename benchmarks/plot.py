"""A bar for each row of a benchmark, as SVG: how many times better than it must be, on a scale of powers of two."""

import math
from collections.abc import Sequence
from xml.sax.saxutils import escape

from benchmarks.table import Row, shown

ROW_HEIGHT, BAR_HEIGHT, TOP = 28, 16, 48
LABELS_WIDTH, BARS_WIDTH, FIGURES_WIDTH = 330, 340, 190
LEAST, MOST = -4, 4  # powers of two
GOOD, MISSED, INK, GRID = "#3a7d44", "#b3402f", "#222", "#ccc"
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#222}"
    "@media(prefers-color-scheme:dark){text{fill:#ddd}.back{fill:#1b1b1b}}"
)


def svg(rows: Sequence[Row], *, title: str) -> str:
    width, height = LABELS_WIDTH + BARS_WIDTH + FIGURES_WIDTH, TOP + ROW_HEIGHT * len(rows) + 16
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
        f"<title>{escape(title)}</title><style>{STYLE}</style>",
        f'<rect class="back" width="{width}" height="{height}" fill="#fff"/>',
        f'<text x="12" y="20" font-weight="bold">{escape(title)}</text>',
        *_grid(height),
        *(part for number, row in enumerate(rows) for part in _bar(row, TOP + ROW_HEIGHT * number)),
        "</svg>\n",
    ]
    return "\n".join(parts)


def place(score: float) -> float:
    """Where a score stands: 1 in the middle, twice as good a step to the right; the ends hold what is more."""
    power = min(MOST, max(LEAST, math.log2(max(score, 1e-9))))
    return LABELS_WIDTH + (power - LEAST) / (MOST - LEAST) * BARS_WIDTH


def _grid(height: int) -> list[str]:
    lines = []
    for power in range(LEAST, MOST + 1, 2):
        x, label = place(2.0**power), "as it must be" if power == 0 else f"×{2.0**power:g}"
        width = 2 if power == 0 else 1
        lines.append(f'<path d="M{x:.1f} {TOP - 6}V{height - 12}" stroke="{GRID}" stroke-width="{width}"/>')
        lines.append(f'<text x="{x:.1f}" y="{TOP - 10}" text-anchor="middle" font-size="11">{label}</text>')
    return lines


def _bar(row: Row, y: int) -> list[str]:
    one, here = place(1), place(row.wanted.score(row.figure))
    middle, colour = y + ROW_HEIGHT / 2 + 4, GOOD if row.good else MISSED
    figure = f"{shown(row.figure)}{row.wanted.unit} ({row.wanted}) {'ok' if row.good else 'missed'}"
    return [
        f'<text x="12" y="{middle}">{escape(row.what)}</text>',
        f'<rect x="{min(one, here):.1f}" y="{y + 6}" width="{max(1.0, abs(here - one)):.1f}" height="{BAR_HEIGHT}" '
        f'fill="{colour}"/>',
        f'<text x="{LABELS_WIDTH + BARS_WIDTH + 10}" y="{middle}">{escape(figure)}</text>',
    ]
