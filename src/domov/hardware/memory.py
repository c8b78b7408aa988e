"""The memory that this process may really use: the machine's, or a container's share of it."""

from dataclasses import dataclass
from pathlib import Path

import psutil

from domov.hardware.cpu import ROOT, cgroup_folders


@dataclass(frozen=True, slots=True)
class Memory:
    total_bytes: int
    free_bytes: int  # what a new process can have without swapping
    limited_by: str  # "" or what makes it less than the machine's


def read_memory(root: Path = ROOT) -> Memory:
    machine = psutil.virtual_memory()
    limits = [pair for folder in cgroup_folders(root) if (pair := _limit(folder, "memory.max", "memory.current"))]
    v1 = _limit(root / "sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes")
    limit, used = min([*limits, *([v1] if v1 else [])], default=(machine.total, 0))
    if limit >= machine.total:
        return Memory(machine.total, machine.available, "")
    return Memory(limit, min(machine.available, max(0, limit - used)), "a limit of its container (cgroup)")


def _limit(folder: Path, limit: str, used: str) -> tuple[int, int] | None:
    try:
        return int((folder / limit).read_text()), int((folder / used).read_text())
    except (OSError, ValueError):  # no such file, or "max"
        return None
