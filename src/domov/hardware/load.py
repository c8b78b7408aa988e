"""How busy the processors are, and with whose work.

Counters since boot, to be read twice: a share is the difference over the time between. Work at low priority (nice
above 0) is not counted: it gives way by itself. On Linux /proc is read directly: it is done several times a second,
and psutil takes ten times as long.
"""

import contextlib
import os
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from domov.hardware.cpu import ROOT, affinity, cgroup_folders

LINUX = sys.platform == "linux"
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK") if LINUX else 0
BUSY_PROCESSORS = 0.3  # more than this, in other programs, and what is measured is them
LOOK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Load:
    """Seconds of processor time, all processors that this process may use added up."""

    at_seconds: float  # of a clock that never goes back
    busy_seconds: float  # of the machine, whoever works; work at low priority left out
    group_seconds: float | None  # of the control group that limits this process; None: none does
    own_seconds: Mapping[int, float]  # of the processes named


def read_load(pids: Iterable[int], *, processors: frozenset[int], group: Path | None = None) -> Load:
    """The counters now. Processes that have ended count for nothing.

    group  the cpu.stat of the control group to count, as `limited_group` finds it
    """
    own = {pid: _process_seconds(pid) for pid in pids}
    return Load(time.monotonic(), _busy_seconds(processors), _group_seconds(group) if group else None, own)


def limited_group(root: Path = ROOT) -> Path | None:
    """cpu.stat of the control group (v2) that limits this process; None: none does."""
    for folder in cgroup_folders(root):
        with contextlib.suppress(OSError):
            if not (folder / "cpu.max").read_text().startswith("max"):
                return folder / "cpu.stat"
    return None


def others_now(look_seconds: float = LOOK_SECONDS) -> float:
    """How many processors' worth of work all other programs do now; it takes a second to see."""
    processors = frozenset(affinity())
    before = read_load([os.getpid()], processors=processors)
    time.sleep(look_seconds)
    return others_processors(before, read_load([os.getpid()], processors=processors))


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


def _busy_seconds(processors: frozenset[int]) -> float:
    if not LINUX:
        return sum(_busy_of(times) for n, times in enumerate(psutil.cpu_times(percpu=True)) if n in processors)
    ticks = 0
    with open("/proc/stat", "rb") as file:
        for line in file:
            name, *counts = line.split()
            if name == b"cpu":
                continue  # all of them together
            if not name.startswith(b"cpu"):
                break
            if int(name[3:]) in processors:
                user, _, system, _, _, irq, softirq, steal, *_ = map(int, counts)
                ticks += user + system + irq + softirq + steal  # steal: what the hypervisor gave to other machines
    return ticks / TICKS_PER_SECOND


def _busy_of(times: object) -> float:
    return sum(float(getattr(times, kind, 0.0)) for kind in ("user", "system", "interrupt"))


def _process_seconds(pid: int) -> float:
    try:
        if not LINUX:
            times = psutil.Process(pid).cpu_times()
            return float(times.user + times.system)
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()  # its name may hold spaces
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND
    except (OSError, psutil.Error):
        return 0.0


def _group_seconds(group: Path) -> float | None:
    try:
        line = next(x for x in group.read_text().splitlines() if x.startswith("usage_usec"))
        return int(line.split()[1]) / 1e6
    except (OSError, StopIteration, ValueError, IndexError):
        return None
