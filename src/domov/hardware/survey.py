"""This machine, asked of everything that knows something of it; and its speeds, measured once and kept.

The measurement takes some seconds and lies in DOMOV_HOME/machine.json; it is taken anew when the processor, its cores
or llama.cpp change.
"""

import importlib.metadata
import os
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import orjson
import psutil

from domov.errors import DomovError
from domov.files import write_atomically
from domov.hardware.cpu import ROOT, Cpu, read_cpu
from domov.hardware.devices import Device, Devices, read_devices
from domov.hardware.disk import read_disk, read_speed
from domov.hardware.gpu import Card, Cards, read_cards
from domov.hardware.machine import Disk, Gpu, Machine, Speeds, speeds_from
from domov.hardware.memory import Memory, read_memory

FORMAT = 1
SECONDS = 90
BUSY_SHARE = 0.3  # processors' worth of other programs
FASTEST_HARD_DISK = 300e6


Found = tuple[Devices, Cards]


NO_CARDS: Found = (Devices((), ""), Cards(()))
# The drivers' own devices: NVIDIA's, AMD's, any that draws, and Windows' under WSL.
CARD_FILES = ("dev/nvidia[0-9]*", "dev/kfd", "dev/dri/render*", "dev/dxg")


def may_have_cards(root: Path = ROOT) -> bool:
    """False only where the system can't have a graphics card that llama.cpp could use; costs nothing to ask."""
    return sys.platform != "linux" or any(next(root.glob(pattern), None) for pattern in CARD_FILES)


def find_cards() -> Found:
    """What can calculate here beside the processor; takes a second, as drivers wake up."""
    return read_devices(), read_cards()


def survey(home: Path, *, found: Found | None = None, measure: bool = False) -> Machine:
    """This machine, with its free memory as it is now.

    found    what `find_cards` gave, so that it need not be asked again
    measure  take the speeds now where none are kept in `home`
    """
    cpu = read_cpu()
    kept, quiet = load_speeds(home, cpu)
    speeds, problem = (kept, "") if quiet or not measure else measure_speeds(home, cpu)
    return assemble(cpu, read_memory(), found or find_cards(), disk=read_disk(home), speeds=speeds, problem=problem)


def assemble(
    cpu: Cpu,
    ram: Memory,
    found: Found,
    *,
    disk: Disk | None = None,
    speeds: Speeds | None = None,
    problem: str = "",
) -> Machine:
    """Puts together what was read. llama.cpp's list says which cards can be used, the makers' how they are."""
    devices, cards = found
    left = list(cards.cards)
    return Machine(
        cpu=cpu.name,
        cores=cpu.usable_cores,
        ram_bytes=ram.total_bytes,
        free_ram_bytes=ram.free_bytes,
        gpus=tuple(_gpu(device, left) for device in devices.graphics),
        disk=disk,
        speeds=speeds,
        features=devices.features,
        limited_by=ram.limited_by,
        problems=tuple(filter(None, (devices.problem, cards.problem, problem, *map(_unused, left)))),
    )


def _gpu(device: Device, cards: list[Card]) -> Gpu:
    """A device with what its maker says of it: the first card left whose name is in the device's description."""
    card = next((c for c in cards if c.name and c.name.lower() in device.description.lower()), None)
    if card:
        cards.remove(card)
    return Gpu(
        name=device.name,
        total_bytes=device.total_bytes,
        free_bytes=min(device.free_bytes, device.total_bytes),
        description=device.description,
        unified=device.kind == "igpu" or device.name.startswith(("Metal", "MTL")),
        driver=card.driver if card else None,
        celsius=card.celsius if card else None,
        watts_limit=card.watts_limit if card else None,
        source=f"llama.cpp, {card.source}" if card else "llama.cpp",
    )


def _unused(card: Card) -> str:
    return f"a graphics card is here that llama.cpp does not use: {card.name} ({card.source})"


def measure_speeds(home: Path, cpu: Cpu) -> tuple[Speeds | None, str]:
    """Measures and keeps; or says why not."""
    command = (sys.executable, "-P", "-m", "domov.hardware.matrices", str(cpu.usable_cores))
    try:
        before = _busy_seconds()
        done = subprocess.run(command, capture_output=True, timeout=SECONDS, check=False)
        others = _busy_share(before)
        if done.returncode != 0:  # perhaps weights can't be packed for this processor
            done = subprocess.run((*command, "plain"), capture_output=True, timeout=SECONDS, check=False)
        table: dict[str, Any] = orjson.loads(done.stdout)
        speeds = speeds_from(table)
    except (OSError, subprocess.TimeoutExpired, orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        return None, f"speeds could not be measured: {type(error).__name__}"
    problem = str(table.get("problem", ""))
    quiet = others < BUSY_SHARE
    if not quiet:
        problem = problem or "other programs were busy while speeds were measured, they are too low: run it again"
    record = {"format": FORMAT, "key": _key(cpu), "quiet": quiet, "speeds": asdict(speeds)}
    try:
        write_atomically(home / "machine.json", orjson.dumps(record, option=orjson.OPT_INDENT_2) + b"\n")
    except DomovError as error:
        problem = problem or f"measured speeds could not be kept: {error.message}"
    return speeds, problem


def load_speeds(home: Path, cpu: Cpu) -> tuple[Speeds | None, bool]:
    """The speeds that were measured here with this processor and engine, and whether the machine was quiet then."""
    try:
        record = orjson.loads((home / "machine.json").read_bytes())
        known = record["key"] == _key(cpu)
        return (speeds_from(record["speeds"]), record["quiet"] is True) if known else (None, False)
    except (OSError, orjson.JSONDecodeError, AttributeError, KeyError, TypeError, ValueError):
        return None, False


def _busy_seconds() -> tuple[float, float, float]:
    """The time now, the seconds that all processors together have worked, and those of this process's children."""
    times = psutil.cpu_times()
    own = os.times()
    return time.monotonic(), sum(times) - times.idle - getattr(times, "iowait", 0.0), own[2] + own[3]


def _busy_share(before: tuple[float, float, float]) -> float:
    """How many processors' worth others worked since then, beside this process's children."""
    (start, all_before, own_before), (end, all_after, own_after) = before, _busy_seconds()
    return max(0.0, (all_after - all_before) - (own_after - own_before)) / max(0.001, end - start)


def measured_disk(disk: Disk | None, file: Path | None) -> Disk | None:
    """The disk with its speed, measured on a file that lies on it."""
    speed = read_speed(file) if disk and file else None
    if disk is None or speed is None:
        return disk
    slow = disk.kind == "hard disk" and speed > FASTEST_HARD_DISK  # virtual machines call any disk one
    return replace(disk, kind=None if slow else disk.kind, bytes_per_second=speed)


def _key(cpu: Cpu) -> list[Any]:
    return [cpu.name, cpu.usable_cores, importlib.metadata.version("xllamacpp")]
