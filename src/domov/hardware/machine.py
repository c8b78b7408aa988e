"""What a machine can calculate with: this one, one saved to a file, or one that somebody describes in words.

A value that nobody could read is None, never a guess. `problems` says what failed; the rest of the answer stands.
"""

import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson

from domov.errors import BadOption
from domov.files import write_atomically

FORMAT = 1
MOST_BYTES, MOST_SPEED = 1 << 50, 1e18


@dataclass(frozen=True, slots=True)
class Gpu:
    name: str
    total_bytes: int
    free_bytes: int
    description: str = ""
    unified: bool = False  # it uses the computer's own memory (Apple, integrated units)
    bytes_per_second: float | None = None
    driver: str | None = None
    celsius: float | None = None
    watts_limit: float | None = None
    source: str = "llama.cpp"


@dataclass(frozen=True, slots=True)
class Disk:
    total_bytes: int
    free_bytes: int
    kind: str | None = None  # "SSD", "hard disk", …
    bytes_per_second: float | None = None  # measured by reading


@dataclass(frozen=True, slots=True)
class Speeds:
    """Measured on the processor with llama.cpp's own code; by weight type (hardware/matrices.py)."""

    memory_bytes_per_second: float
    operation_seconds: float = 5e-6
    decode_bytes_per_second: dict[str, float] = field(default_factory=dict)
    prompt_products_per_second: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Machine:
    cpu: str
    cores: int  # that may be used
    ram_bytes: int
    free_ram_bytes: int
    gpus: tuple[Gpu, ...] = ()
    disk: Disk | None = None
    speeds: Speeds | None = None
    features: str = ""
    limited_by: str = ""
    described: bool = False  # in words: not measured, all of it counted as free
    problems: tuple[str, ...] = ()

    @property
    def own_gpus(self) -> tuple[Gpu, ...]:
        """Graphics cards with memory of their own."""
        return tuple(g for g in self.gpus if not g.unified)


def described(text: str) -> Machine:
    """The machine that words like `24 GB GPU, 64 GB RAM` or `2x 12 GB GPU, 32 GB RAM, 8 cores` mean.

    Raises BadOption for words that are none of these.
    """
    ram, cores, gpus = 16_000_000_000, 8, list[Gpu]()
    for part in re.split(r"[,;+]", text):
        word = part.strip()
        if found := re.fullmatch(r"(\d{1,4}) ?cores?", word, re.IGNORECASE):
            cores = max(1, int(found[1]))
            continue
        m = re.fullmatch(
            r"(?:(\d{1,2}) ?[x×] ?)?(\d{1,6}(?:\.\d{1,3})?) ?([MGT])i?B? ?(.{0,60}?) ?(GPU|VRAM|RAM|memory)",
            word,
            re.IGNORECASE,
        )
        if not m:
            raise BadOption(
                f"not understood as a machine: {ascii(word[:60])[1:-1]}",
                hint='say it like "24 GB GPU, 64 GB RAM", "2x 12 GB GPU, 32 GB RAM, 8 cores", or name a saved file',
            )
        size = round(float(m[2]) * {"M": 1e6, "G": 1e9, "T": 1e12}[m[3].upper()])
        if m[5].upper() in ("GPU", "VRAM"):
            gpus += [Gpu(f"GPU{len(gpus) + n}", size, size, source="described") for n in range(int(m[1] or 1))]
        else:
            ram = size
    return Machine("described", cores, ram, ram, tuple(gpus), described=True)


def to_json(machine: Machine) -> bytes:
    return orjson.dumps({"format": FORMAT, **asdict(machine)}, option=orjson.OPT_INDENT_2) + b"\n"


def save(machine: Machine, path: Path) -> None:
    write_atomically(path, to_json(machine))


def from_json(content: bytes, *, name: str) -> Machine:
    """A saved machine. Raises BadOption for what is none, or has impossible figures."""
    try:
        table: dict[str, Any] = orjson.loads(content)
        if table.pop("format") != FORMAT:
            raise ValueError("another format")
        gpus = tuple(Gpu(**row) for row in table.pop("gpus", ()))
        disk, speeds = table.pop("disk", None), table.pop("speeds", None)
        machine = Machine(
            **{**table, "problems": tuple(table.get("problems", ()))},
            gpus=gpus,
            disk=Disk(**disk) if disk else None,
            speeds=speeds_from(speeds) if speeds else None,
        )
        sizes = [machine.ram_bytes, machine.free_ram_bytes, *(n for g in gpus for n in (g.total_bytes, g.free_bytes))]
        if not all(type(n) is int and 0 <= n <= MOST_BYTES for n in sizes):
            raise ValueError("a size is impossible")
        if type(machine.cores) is not int or not 1 <= machine.cores <= 1 << 16:
            raise ValueError("a number of cores is impossible")
    except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise BadOption(f"not a saved machine: {name}", hint="domov doctor --json --save FILE writes one") from error
    return machine


def speeds_from(table: dict[str, Any]) -> Speeds:
    """Raises KeyError, TypeError or ValueError for anything but measured speeds."""
    speeds = Speeds(
        memory_bytes_per_second=float(table["memory_bytes_per_second"]),
        operation_seconds=float(table.get("operation_seconds", 5e-6)),
        decode_bytes_per_second={str(k): float(v) for k, v in table.get("decode_bytes_per_second", {}).items()},
        prompt_products_per_second={str(k): float(v) for k, v in table.get("prompt_products_per_second", {}).items()},
    )
    rates = (speeds.memory_bytes_per_second, *speeds.decode_bytes_per_second.values())
    rates += tuple(speeds.prompt_products_per_second.values())
    if not all(0 < rate < MOST_SPEED for rate in rates) or not 0 < speeds.operation_seconds < 1:
        raise ValueError("a speed is impossible")
    return speeds
