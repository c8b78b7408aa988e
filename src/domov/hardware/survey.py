"""This machine, asked of everything that knows something of it; and its speeds, measured once and kept.

The measurement takes some seconds and lies in DOMOV_HOME/machine.json; it is taken anew when the processor, its cores
or llama.cpp change.
"""

import importlib.metadata
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson

from domov.errors import DomovError
from domov.files import write_atomically
from domov.hardware.cpu import Cpu, read_cpu
from domov.hardware.devices import Device, Devices, read_devices
from domov.hardware.disk import read_disk, read_speed
from domov.hardware.gpu import Card, Cards, read_cards
from domov.hardware.machine import Disk, Gpu, Machine, Speeds, speeds_from
from domov.hardware.memory import Memory, read_memory

FORMAT = 1
SECONDS = 90


Found = tuple[Devices, Cards]


def find_cards() -> Found:
    """What can calculate here beside the processor; takes a second, as drivers wake up."""
    return read_devices(), read_cards()


def survey(home: Path, *, found: Found | None = None, measure: bool = False) -> Machine:
    """This machine, with its free memory as it is now.

    found    what `find_cards` gave, so that it need not be asked again
    measure  take the speeds now where none are kept in `home`
    """
    cpu = read_cpu()
    kept = load_speeds(home, cpu)
    speeds, problem = (kept, "") if kept or not measure else measure_speeds(home, cpu)
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
        done = subprocess.run(command, capture_output=True, timeout=SECONDS, check=False)
        if done.returncode != 0:  # perhaps weights can't be packed for this processor
            done = subprocess.run((*command, "plain"), capture_output=True, timeout=SECONDS, check=False)
        table: dict[str, Any] = orjson.loads(done.stdout)
        speeds = speeds_from(table)
    except (OSError, subprocess.TimeoutExpired, orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        return None, f"speeds could not be measured: {type(error).__name__}"
    problem = str(table.get("problem", ""))
    record = {"format": FORMAT, "key": _key(cpu), "speeds": asdict(speeds)}
    try:
        write_atomically(home / "machine.json", orjson.dumps(record, option=orjson.OPT_INDENT_2) + b"\n")
    except DomovError as error:
        problem = problem or f"measured speeds could not be kept: {error.message}"
    return speeds, problem


def load_speeds(home: Path, cpu: Cpu) -> Speeds | None:
    """The speeds that were measured here with this processor and engine; None where there are none."""
    try:
        record = orjson.loads((home / "machine.json").read_bytes())
        return speeds_from(record["speeds"]) if record["key"] == _key(cpu) else None
    except (OSError, orjson.JSONDecodeError, AttributeError, KeyError, TypeError, ValueError):
        return None


def measured_disk(disk: Disk | None, file: Path | None) -> Disk | None:
    """The disk with its speed, measured on a file that lies on it."""
    if disk is None or file is None:
        return disk
    return Disk(disk.total_bytes, disk.free_bytes, disk.kind, read_speed(file))


def _key(cpu: Cpu) -> list[Any]:
    return [cpu.name, cpu.usable_cores, importlib.metadata.version("xllamacpp")]
