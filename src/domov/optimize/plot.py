"""Models as points in a plane, as SVG: how large they are against how far they are from their parent."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 760, 440, 76, 56, 48, 24
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#222}.small{font-size:11px}"
    "@media(prefers-color-scheme:dark){text{fill:#ddd}.back{fill:#1b1b1b}}"
)
LINE, MARK, GRID = "#3a7d44", "#b3402f", "#bbb"


@dataclass(frozen=True, slots=True)
class Point:
    label: str
    size_bytes: float
    divergence: float
    ours: bool = False


def svg(points: Sequence[Point], line: Sequence[tuple[float, float]] = (), *, title: str) -> str:
    """Sizes to the right, divergences upward on a scale of powers of ten.

    line  (bytes, divergence) of what is joined by a line: a frontier
    """
    everything = [*line, *((p.size_bytes, p.divergence) for p in points)]
    plane = _Plane([size for size, _ in everything], [max(d, 1e-5) for _, d in everything])
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"<title>{escape(title)}</title><style>{STYLE}</style>",
        f'<rect class="back" width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<text x="12" y="24" font-weight="bold">{escape(title)}</text>',
        *plane.grid(),
    ]
    if line:
        steps = " ".join(f"{plane.x(size):.1f},{plane.y(d):.1f}" for size, d in line)
        parts.append(f'<polyline points="{steps}" fill="none" stroke="{LINE}" stroke-width="2"/>')
    for point in points:
        x, y = plane.x(point.size_bytes), plane.y(point.divergence)
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{LINE if point.ours else MARK}"/>')
        parts.append(f'<text class="small" x="{x + 8:.1f}" y="{y - 6:.1f}">{escape(point.label)}</text>')
    return "\n".join([*parts, "</svg>\n"])


class _Plane:
    def __init__(self, sizes: Sequence[float], divergences: Sequence[float]) -> None:
        margin = (max(sizes) - min(sizes)) * 0.06 or max(sizes) * 0.1
        self.low, self.high = min(sizes) - margin, max(sizes) + 2 * margin
        self.bottom = math.floor(math.log10(min(divergences)) * 2) / 2
        self.top = max(self.bottom + 0.5, math.ceil(math.log10(max(divergences)) * 2) / 2)

    def x(self, size: float) -> float:
        return LEFT + (size - self.low) / (self.high - self.low) * (WIDTH - LEFT - RIGHT)

    def y(self, divergence: float) -> float:
        height = (math.log10(max(divergence, 1e-5)) - self.bottom) / (self.top - self.bottom)
        return HEIGHT - BOTTOM - height * (HEIGHT - BOTTOM - TOP)

    def grid(self) -> list[str]:
        lines = []
        for half in range(round(self.bottom * 2), round(self.top * 2) + 1):
            value = 10 ** (half / 2)
            y = self.y(value)
            lines.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="{GRID}" stroke-width="0.5"/>')
            lines.append(f'<text class="small" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value:.2g}</text>')
        step = _round_step((self.high - self.low) / 6)
        size = math.ceil(self.low / step) * step
        while size <= self.high:
            x = self.x(size)
            lines.append(f'<path d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="{GRID}" stroke-width="0.5"/>')
            words = f"{size / 1e6:.0f} MB" if self.high < 5e9 else f"{size / 1e9:.1f} GB"
            place = f'x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}"'
            lines.append(f'<text class="small" {place} text-anchor="middle">{words}</text>')
            size += step
        lines.append(f'<text x="{LEFT}" y="{HEIGHT - 12}">size of the file; upward: mean divergence in nats</text>')
        return lines


def _round_step(size: float) -> float:
    power = 10.0 ** math.floor(math.log10(size))
    return float(power * next(n for n in (1, 2, 5, 10) if n * power >= size))
