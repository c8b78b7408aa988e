"""What the machine has drawn, by its own counters: RAPL's of the processor packages and their memory, and the kernel's
of graphics cards. Where one part can't be read, the whole is unknown, or what a meter at the wall has told.

Source: Linux Documentation/power/powercap/powercap.rst and hwmon/sysfs-interface.rst. Since 2020 only root may read
RAPL's, unless the system's owner allows it.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from domov.hardware.cpu import ROOT
from domov.hardware.survey import CARD_FILES

WHY = {
    "no_counter": "this machine has no counter of energy that Linux knows",
    "root_only": "only root may read the counters of energy; sudo chmod a+r /sys/class/powercap/intel-rapl:*/energy_uj "
    "allows it until the next start",
    "graphics_card": "the graphics card here has no counter of energy that is read",
}
COUNTED = ("package", "dram")  # core and uncore are inside package, psys around it


@dataclass
class Counter:
    """Joules since the first look. To be read at least every quarter of an hour: the counters begin anew in between.

    From any thread.
    """

    root: Path = ROOT
    _last: dict[Path, int] = field(default_factory=dict)
    _joules: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def read(self) -> float | None:
        """None: some part can't be read."""
        with self._lock:
            return self._read()

    def _read(self) -> float | None:
        zones, cards = _zones(self.root), _cards(self.root)
        if not zones or (cards is None):
            return None
        values = {path: _number(path) for path in (*(z / "energy_uj" for z in zones), *cards)}
        for path, value in values.items():
            if value is None:
                return None
            before = self._last.get(path, value)
            if value < before:  # it began anew
                before -= _number(path.with_name("max_energy_range_uj")) or before
            self._joules += max(0, value - before) / 1e6
            self._last[path] = value
        return self._joules


def by_wall_meter(watts: float) -> Callable[[], float]:
    """The joules of a machine that draws so much: an estimate."""
    return lambda: time.monotonic() * watts


def why_unknown(root: Path = ROOT) -> str:
    """Why energy is not known here, a key of WHY; empty where it is known."""
    zones = _zones(root)
    if not zones:
        return "no_counter"
    if any(_number(zone / "energy_uj") is None for zone in zones):
        return "root_only"
    return "" if _cards(root) is not None else "graphics_card"


def _zones(root: Path) -> list[Path]:
    found = sorted((root / "sys/class/powercap").glob("intel-rapl:*"))
    return [zone for zone in found if _text(zone / "name").partition("-")[0] in COUNTED]


def _cards(root: Path) -> list[Path] | None:
    """The counters of the graphics cards; None: a card is here that has none."""
    nvidia = next(root.glob(CARD_FILES[0]), None) or next(root.glob("dev/dxg"), None)
    devices = sorted((root / "sys/class/drm").glob("card[0-9]*/device/mem_info_vram_total"))
    counters = [next(path.parent.glob("hwmon/hwmon*/energy1_input"), None) for path in devices]
    return None if nvidia or None in counters else [path for path in counters if path]


def _text(path: Path) -> str:
    try:
        return path.read_bytes()[:64].decode("utf-8", "replace").strip()
    except OSError:
        return ""


def _number(path: Path) -> int | None:
    text = _text(path)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
