"""What the makers' own libraries and drivers say of graphics cards, beside llama.cpp's list: driver, heat, power.

NVIDIA through its library NVML, AMD and Intel through the kernel's files in /sys/class/drm; Apple's are in llama.cpp's
list alone. NVML runs in a process of its own, as broken drivers may end it. Nothing here is needed to run a model.
"""

import ctypes
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from domov.hardware.cpu import ROOT

SECONDS = 15
VENDORS = {"0x1002": "AMD", "0x8086": "Intel", "0x10de": "NVIDIA"}
NVML = ("libnvidia-ml.so.1", "libnvidia-ml.so", "nvml.dll")


@dataclass(frozen=True, slots=True)
class Card:
    vendor: str
    name: str
    total_bytes: int | None = None
    used_bytes: int | None = None
    driver: str | None = None
    celsius: float | None = None
    watts_limit: float | None = None
    source: str = ""
    busy_share: float | None = None
    watts: float | None = None  # drawn now


@dataclass(frozen=True, slots=True)
class Cards:
    cards: tuple[Card, ...] = ()
    problem: str = ""


def read_cards(root: Path = ROOT, ask: tuple[str, ...] = (sys.executable, "-P", "-m", "domov.hardware.gpu")) -> Cards:
    """All cards that the makers' libraries know. No library is no problem; one that fails is.

    ask  the command that prints NVIDIA's as JSON
    """
    kernel = _kernel_cards(root)
    try:
        done = subprocess.run(ask, capture_output=True, text=True, timeout=SECONDS, check=False)
        if done.returncode != 0:
            return Cards(kernel, f"NVIDIA's library failed (exit {done.returncode})")
        table = json.loads(done.stdout)
        return Cards((*(Card(**row) for row in table["cards"]), *kernel), str(table["problem"])[:200])
    except (OSError, subprocess.TimeoutExpired, ValueError, KeyError, TypeError) as error:
        return Cards(kernel, f"NVIDIA's library could not be asked: {type(error).__name__}")


def _kernel_cards(root: Path) -> tuple[Card, ...]:
    """AMD's and Intel's; costs little."""
    found = []
    for device in sorted((root / "sys/class/drm").glob("card[0-9]*/device")):
        vendor = VENDORS.get(_text(device / "vendor") or "")
        if vendor not in ("AMD", "Intel"):  # NVIDIA's driver tells the kernel nothing
            continue
        monitor = next(iter(sorted(device.glob("hwmon/hwmon*"))), device)
        heat, watts = _number(monitor / "temp1_input"), _number(monitor / "power1_cap")
        found.append(
            Card(
                vendor=vendor,
                name=_text(device / "product_name") or f"{vendor} {_text(device / 'device') or ''}".strip(),
                total_bytes=_number(device / "mem_info_vram_total"),
                used_bytes=_number(device / "mem_info_vram_used"),
                driver=_driver(device),
                celsius=heat / 1000 if heat is not None else None,
                watts_limit=watts / 1e6 if watts else None,
                source="/sys/class/drm",
                busy_share=_share(_number(device / "gpu_busy_percent")),
                watts=_watts(monitor),
            )
        )
    return tuple(found)


def _watts(monitor: Path) -> float | None:
    found = (_number(monitor / name) for name in ("power1_average", "power1_input"))
    return next((number / 1e6 for number in found if number is not None), None)


def _share(percent: int | None) -> float | None:
    return min(1.0, percent / 100) if percent is not None else None


def _driver(device: Path) -> str | None:
    try:
        return (device / "driver").resolve(strict=True).name
    except (OSError, RuntimeError):
        return None


def _text(path: Path) -> str | None:
    try:
        text = path.read_bytes()[:256].decode("utf-8", "replace").strip()
    except OSError:
        return None
    return text if text.isprintable() else None


def _number(path: Path) -> int | None:
    text = _text(path)
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else None


class _Busy(ctypes.Structure):
    _fields_ = [("processors", ctypes.c_uint), ("memory", ctypes.c_uint)]


class _Memory(ctypes.Structure):
    _fields_ = [("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong)]


def nvidia_cards(library: Any) -> list[dict[str, Any]]:
    """The cards that NVML lists. A card that vanishes while it is asked, or a figure it does not have, is left out.

    Raises OSError with NVML's number where it can't be started.
    """
    if status := library.nvmlInit_v2():
        raise OSError(f"NVML does not start ({status})")
    count, version = ctypes.c_uint(), ctypes.create_string_buffer(96)
    library.nvmlDeviceGetCount_v2(ctypes.byref(count))
    library.nvmlSystemGetDriverVersion(version, 96)
    rows = []
    for number in range(min(count.value, 64)):
        handle, name, memory = ctypes.c_void_p(), ctypes.create_string_buffer(96), _Memory()
        if library.nvmlDeviceGetHandleByIndex_v2(number, ctypes.byref(handle)):
            continue
        known = not library.nvmlDeviceGetMemoryInfo(handle, ctypes.byref(memory))
        library.nvmlDeviceGetName(handle, name, 96)
        heat, watts, drawn, busy = ctypes.c_uint(), ctypes.c_uint(), ctypes.c_uint(), _Busy()
        hot = not library.nvmlDeviceGetTemperature(handle, 0, ctypes.byref(heat))
        limited = not library.nvmlDeviceGetEnforcedPowerLimit(handle, ctypes.byref(watts))
        used = not library.nvmlDeviceGetUtilizationRates(handle, ctypes.byref(busy))
        draws = not library.nvmlDeviceGetPowerUsage(handle, ctypes.byref(drawn))
        rows.append(
            {
                "vendor": "NVIDIA",
                "name": name.value.decode("utf-8", "replace"),
                "total_bytes": memory.total if known else None,
                "used_bytes": memory.used if known else None,
                "driver": version.value.decode("utf-8", "replace") or None,
                "celsius": float(heat.value) if hot else None,
                "watts_limit": watts.value / 1000 if limited else None,
                "source": "NVML",
                "busy_share": busy.processors / 100 if used else None,
                "watts": drawn.value / 1000 if draws else None,
            }
        )
    return rows


def main() -> None:
    for name in NVML:
        try:
            library = ctypes.CDLL(name)
        except OSError:
            continue
        try:
            answer = {"cards": nvidia_cards(library), "problem": ""}
        except (OSError, AttributeError) as error:
            answer = {"cards": [], "problem": str(error)}
        json.dump(answer, sys.stdout)
        return
    json.dump({"cards": [], "problem": ""}, sys.stdout)


if __name__ == "__main__":
    main()
