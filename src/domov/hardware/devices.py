"""What llama.cpp can calculate on: the processor and every graphics card that it sees.

The list is llama.cpp's own, because that is what will run. It is asked in a process of its own: a broken driver
may end that process, not this one.
"""

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

SECONDS = 30
_ASK = """
import json, sys, xllamacpp
rows = [{k: v.name if k == "type" else v for k, v in row.items() if k != "caps"} for row in xllamacpp.get_device_info()]
json.dump({"devices": rows, "features": xllamacpp.get_system_info()}, sys.stdout)
"""


@dataclass(frozen=True, slots=True)
class Device:
    name: str
    kind: str  # cpu, gpu, igpu, accel
    description: str
    total_bytes: int
    free_bytes: int


@dataclass(frozen=True, slots=True)
class Devices:
    devices: tuple[Device, ...]
    features: str  # the instructions and libraries that llama.cpp was built to use
    problem: str = ""  # why there is no list

    @property
    def graphics(self) -> tuple[Device, ...]:
        return tuple(d for d in self.devices if d.kind in ("gpu", "igpu"))


def read_devices(ask: tuple[str, ...] = (sys.executable, "-c", _ASK)) -> Devices:
    """The devices; where the process that asks fails, none and the reason.

    ask  the command that prints them as JSON
    """
    try:
        done = subprocess.run(ask, capture_output=True, text=True, timeout=SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Devices((), "", f"llama.cpp's device list could not be read: {error}")
    if done.returncode != 0:
        last = done.stderr.strip().splitlines()[-1:] or ["no message"]
        return Devices((), "", f"llama.cpp's device list could not be read (exit {done.returncode}): {last[0][:200]}")
    return parse_devices(done.stdout)


def parse_devices(text: str) -> Devices:
    """Reads what the asking process printed."""
    try:
        table = json.loads(text)
        rows = tuple(_device(row) for row in table["devices"])
        return Devices(rows, str(table["features"]))
    except (ValueError, KeyError, TypeError) as error:
        return Devices((), "", f"llama.cpp's device list could not be understood: {error!r}")


def _device(row: dict[str, Any]) -> Device:
    kind = str(row["type"]).rsplit("_", 1)[-1].lower()
    return Device(
        name=str(row["name"]),
        kind=kind,
        description=str(row["description"]),
        total_bytes=int(row["memory_total"]),
        free_bytes=int(row["memory_free"]),
    )
