"""What could be better on this machine: each with a name, for those who say it in other words, and a sentence."""

import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from domov.config import Config
from domov.errors import HomeUnusable
from domov.files import make_folder
from domov.hardware.machine import Machine
from domov.units import human_bytes

LITTLE_DISK_BYTES = 10_000_000_000
LITTLE_MEMORY_BYTES = 4_000_000_000


@dataclass(frozen=True, slots=True)
class Advice:
    name: str
    words: str
    values: dict[str, int | str] = field(default_factory=dict)  # that stand in the words


def advice(config: Config, machine: Machine) -> Iterator[Advice]:
    if machine.disk and machine.disk.free_bytes < LITTLE_DISK_BYTES:
        free = machine.disk.free_bytes
        words = f"the disk has {human_bytes(free)} left: a model takes 1 to 20 GB"
        yield Advice("little_disk", words, {"bytes": free})
    if machine.free_ram_bytes < LITTLE_MEMORY_BYTES:
        free = machine.free_ram_bytes
        words = f"{human_bytes(free)} of memory are free: close programs, or take models below 3 B"
        yield Advice("little_memory", words, {"bytes": free})
    for problem in machine.problems:
        words = f"{problem}; models may still run on the processor"
        yield Advice("problem", words, {"problem": problem})
    if config.engine == "llama-server" and native_server(config) is None:
        words = f"the setting engine is llama-server, but {config.llama_server} is not found"
        yield Advice("no_llama_server", words, {"path": config.llama_server})
    try:
        make_folder(config.home)
    except HomeUnusable as error:
        yield Advice("home", f"{error.message}; {error.hint}")
    if sys.platform != "linux" and config.sandbox:
        yield Advice("no_sandbox", "models run without the sandbox here: it exists on Linux only so far")


def native_server(config: Config) -> str | None:
    """Where a llama-server of the machine's own is, if there is one."""
    return shutil.which(str(Path(config.llama_server).expanduser()))
