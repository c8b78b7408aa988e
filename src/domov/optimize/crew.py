"""The processes that do one piece of work, as who runs it sees them: made polite, held, let go, ended together."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psutil

from domov.errors import WorkerDied

NICEST = 19


@dataclass
class Crew:
    """polite: its processes get what no other program wants of the processors and the disk."""

    polite: bool = False
    held: bool = False
    ended: bool = False
    pids: set[int] = field(default_factory=set)

    @contextmanager
    def member(self, pid: int) -> Iterator[None]:
        """A process is one of them for as long as the block lasts. Raises WorkerDied where the work has ended."""
        if self.ended:
            raise WorkerDied("the work was ended")
        self.pids.add(pid)
        try:
            if self.polite:
                _to([pid], _lower)
            if self.held:
                _to([pid], psutil.Process.suspend)
            yield
        finally:
            self.pids.discard(pid)

    def hold(self) -> None:
        """Stops them where they are, with all that they have in memory; those that come later, too."""
        self.held = True
        _to(self.pids, psutil.Process.suspend)

    def let_go(self) -> None:
        self.held = False
        _to(self.pids, psutil.Process.resume)

    def end(self) -> None:
        """Kills them: what they have written stays as after any other death. None is started any more."""
        self.ended = True
        _to(self.pids, psutil.Process.kill)

    def memory_bytes(self) -> int:
        """What they hold in RAM now."""
        found: list[int] = []
        _to(self.pids, lambda process: found.append(int(process.memory_info().rss)))
        return sum(found)


def _to(pids: "set[int] | list[int]", do: Callable[[psutil.Process], object]) -> None:
    for pid in list(pids):
        with contextlib.suppress(psutil.Error):  # it has just ended
            do(psutil.Process(pid))


def _lower(process: psutil.Process) -> None:
    if sys.platform == "win32":
        process.nice(psutil.IDLE_PRIORITY_CLASS)
        return
    process.nice(NICEST)
    if sys.platform == "linux":
        process.ionice(psutil.IOPRIO_CLASS_IDLE)
