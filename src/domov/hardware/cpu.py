"""The processors that this process may really use.

A container or `taskset` may give fewer than the machine has, and two hardware threads of one core share one
calculating unit: llama.cpp is fastest with one thread for each physical core (measured, docs/log.md).
"""

import math
import os
import platform
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path("/")


@dataclass(frozen=True, slots=True)
class Cpu:
    name: str  # "" where the system does not say
    logical: int  # hardware threads that this process may run on
    physical: int  # cores among them
    quota: float | None  # processors' worth of time that a container allows; None: no limit

    @property
    def usable_cores(self) -> int:
        """Physical cores, or fewer where a quota allows less; at least one."""
        return max(1, self.physical if self.quota is None else min(self.physical, math.ceil(self.quota)))


def read_cpu(root: Path = ROOT, allowed: frozenset[int] | None = None) -> Cpu:
    """The processors as the system describes them.

    root     where /proc and /sys are
    allowed  numbers of the logical processors that this process may use; by default asked of the system
    """
    if allowed is None:
        allowed = affinity()
    cores = {_core(root, n) for n in allowed}
    return Cpu(_name(root), len(allowed), len(cores), cpu_quota(root))


def cpu_quota(root: Path = ROOT) -> float | None:
    """Processors' worth of time that the control group allows (cgroup v2 cpu.max, v1 cpu.cfs_quota_us)."""
    limits = [_ratio(folder / "cpu.max") for folder in cgroup_folders(root)]
    v1 = root / "sys/fs/cgroup/cpu"
    if quota := _number(v1 / "cpu.cfs_quota_us"):
        period = _number(v1 / "cpu.cfs_period_us") or 100_000
        limits.append(quota / period if quota > 0 else None)
    return min((limit for limit in limits if limit is not None), default=None)


def cgroup_folders(root: Path) -> list[Path]:
    """The folders of this process's control group and of all above it (cgroup v2)."""
    top = root / "sys/fs/cgroup"
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return [top]
    own = next((line.removeprefix("0::/") for line in lines if line.startswith("0::/")), "")
    folder = top / own
    return [folder, *(parent for parent in folder.parents if parent.is_relative_to(top))]


def affinity() -> frozenset[int]:
    """Numbers of the logical processors that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return frozenset(os.sched_getaffinity(0))
    return frozenset(range(psutil.cpu_count(logical=True) or 1))


def _core(root: Path, number: int) -> tuple[object, ...]:
    """What makes two logical processors the same core."""
    siblings = root / f"sys/devices/system/cpu/cpu{number}/topology/thread_siblings_list"
    try:
        return ("siblings", siblings.read_text().strip())
    except OSError:
        if root != ROOT or platform.system() == "Linux":
            return ("alone", number)
        logical, physical = psutil.cpu_count(logical=True) or 1, psutil.cpu_count(logical=False) or 1
        return ("of", number * physical // logical)


def _name(root: Path) -> str:
    try:
        for line in (root / "proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() if root == ROOT else ""


def _ratio(path: Path) -> float | None:
    try:
        quota, period = path.read_text().split()
        return int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):  # no such file, or "max": no limit
        return None


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None
