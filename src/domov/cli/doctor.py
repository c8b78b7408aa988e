import importlib.metadata
import platform
import shutil
import sys
from dataclasses import asdict
from pathlib import Path

import click

from domov import app
from domov.cli.output import json_option, print_fields, print_json
from domov.config import Config
from domov.errors import HomeUnusable
from domov.files import make_folder
from domov.hardware.cpu import Cpu, read_cpu
from domov.hardware.devices import Devices, read_devices
from domov.hardware.memory import Memory, read_memory
from domov.units import human_bytes

LITTLE_DISK_BYTES = 10_000_000_000
LITTLE_MEMORY_BYTES = 4_000_000_000


@click.command()
@json_option
def doctor(as_json: bool) -> None:
    """Show what this machine has, where things are kept, and what could be better."""
    config = app.load().config
    cpu, memory, devices = read_cpu(), read_memory(), read_devices()
    disk = shutil.disk_usage(_existing(config.home))
    engine = importlib.metadata.version("xllamacpp")
    advice = _advice(config, memory=memory, devices=devices, free_disk_bytes=disk.free)
    if as_json:
        print_json(
            {
                "system": platform.platform(),
                "python": platform.python_version(),
                "cpu": {**asdict(cpu), "usable_cores": cpu.usable_cores},
                "memory": asdict(memory),
                "disk": {"total_bytes": disk.total, "free_bytes": disk.free},
                "devices": [asdict(d) for d in devices.devices],
                "features": devices.features,
                "engine": {"name": config.engine, "xllamacpp": engine, "llama_server": _native(config)},
                "home": str(config.home),
                "advice": advice,
            }
        )
        return
    print_fields(
        [
            ("system", f"{platform.platform()}, Python {platform.python_version()}"),
            ("processor", _cpu_words(cpu)),
            ("memory", _memory_words(memory)),
            ("disk", f"{human_bytes(disk.free)} free of {human_bytes(disk.total)}, at {config.home}"),
            ("graphics", _graphics_words(devices)),
            ("llama.cpp", f"xllamacpp {engine}; uses {_features(devices)}"),
            ("llama-server", _native(config) or "none found (it is not needed)"),
            ("offline", "on: nothing may leave this machine" if config.offline else "off"),
            ("kept in", str(config.home)),
        ]
    )
    for line in advice or ["nothing that Domov sees"]:
        click.echo(f"could be better: {line}")


def _cpu_words(cpu: Cpu) -> str:
    words = f"{cpu.name or 'unknown'}, {cpu.physical} cores for Domov ({cpu.logical} threads)"
    return words + (f", limited to {cpu.quota:g} by its container" if cpu.quota is not None else "")


def _memory_words(memory: Memory) -> str:
    words = f"{human_bytes(memory.free_bytes)} free of {human_bytes(memory.total_bytes)}"
    return words + (f", by {memory.limited_by}" if memory.limited_by else "")


def _graphics_words(devices: Devices) -> str:
    if devices.problem:
        return devices.problem
    cards = [f"{d.description} ({d.name}), {human_bytes(d.total_bytes)}" for d in devices.graphics]
    return "; ".join(cards) or "none that llama.cpp sees: models run on the processor"


def _features(devices: Devices) -> str:
    used = [part.partition("=")[0].strip() for part in devices.features.split("|") if part.strip().endswith("= 1")]
    return " ".join(word.rpartition(":")[2].strip() for word in used) or "nothing known"


def _advice(config: Config, *, memory: Memory, devices: Devices, free_disk_bytes: int) -> list[str]:
    advice = []
    if free_disk_bytes < LITTLE_DISK_BYTES:
        advice.append(f"the disk has {human_bytes(free_disk_bytes)} left: a model takes 1 to 20 GB")
    if memory.free_bytes < LITTLE_MEMORY_BYTES:
        advice.append(f"{human_bytes(memory.free_bytes)} of memory are free: close programs, or take models below 3 B")
    if devices.problem:
        advice.append(f"{devices.problem}; models may still run on the processor")
    if config.engine == "llama-server" and _native(config) is None:
        advice.append(f"the setting engine is llama-server, but {config.llama_server} is not found")
    try:
        make_folder(config.home)
    except HomeUnusable as error:
        advice.append(f"{error.message}; {error.hint}")
    if sys.platform != "linux" and config.sandbox:
        advice.append("models run without the sandbox here: it exists on Linux only so far")
    return advice


def _native(config: Config) -> str | None:
    return shutil.which(str(Path(config.llama_server).expanduser()))


def _existing(path: Path) -> Path:
    return next(p for p in (path, *path.parents) if p.exists())
