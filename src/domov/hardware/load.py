"""How busy the processors are, and with whose work.

Counters since boot, to be read twice: a share is the difference over the time between. Work at low priority (nice
above 0) is not counted: it gives way by itself.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from domov.hardware.cpu import ROOT, cgroup_folders


@dataclass(frozen=True, slots=True)
class Load:
    """Seconds of processor time, all processors that this process may use added up."""

    at_seconds: float  # of a clock that never goes back
    busy_seconds: float  # of the machine, whoever works; work at low priority left out
    group_seconds: float | None  # of this control group and all in it; None: not in one
    own_seconds: Mapping[int, float]  # of the processes named


def read_load(pids: Iterable[int], *, processors: frozenset[int], root: Path = ROOT) -> Load:
    """The counters now. Processes that have ended count for nothing."""
    times = psutil.cpu_times(percpu=True)
    busy = sum(_busy_seconds(t) for number, t in enumerate(times) if number in processors)
    return Load(time.monotonic(), busy, _group_seconds(root), {pid: _process_seconds(pid) for pid in pids})


def others_processors(before: Load, after: Load) -> float:
    """How many processors' worth of work all others did between the two, this control group's neighbours included."""
    seconds = after.at_seconds - before.at_seconds
    if seconds <= 0:
        return 0.0
    return max(0.0, after.busy_seconds - before.busy_seconds - _own_seconds(before, after)) / seconds


def neighbours_processors(before: Load, after: Load) -> float:
    """The same for the other processes of this control group alone: they use up its quota."""
    seconds = after.at_seconds - before.at_seconds
    if seconds <= 0 or before.group_seconds is None or after.group_seconds is None:
        return 0.0
    return max(0.0, after.group_seconds - before.group_seconds - _own_seconds(before, after)) / seconds


def _own_seconds(before: Load, after: Load) -> float:
    return sum(max(0.0, spent - before.own_seconds.get(pid, 0.0)) for pid, spent in after.own_seconds.items())


def _busy_seconds(times: object) -> float:
    # steal: what the hypervisor gave to other machines. guest time is inside user.
    return sum(float(getattr(times, kind, 0.0)) for kind in ("user", "system", "irq", "softirq", "steal", "interrupt"))


def _process_seconds(pid: int) -> float:
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system)


def _group_seconds(root: Path) -> float | None:
    """cgroup v2, cpu.stat of the folder that holds the limit."""
    for folder in cgroup_folders(root):
        try:
            if (folder / "cpu.max").read_text().split()[0] == "max":
                continue
            line = next(x for x in (folder / "cpu.stat").read_text().splitlines() if x.startswith("usage_usec"))
            return int(line.split()[1]) / 1e6
        except (OSError, StopIteration, ValueError, IndexError):
            continue
    return None
