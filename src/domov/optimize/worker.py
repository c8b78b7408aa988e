"""The process that does native work for `optimize`: `python -m domov.optimize.worker`.

It is told one job, a JSON line on its standard input, tells how it gets on in JSON lines on its standard output, and
ends with the process that started it. On Linux it reads only the files it was told and writes only those.
"""

import json
import os
import sys
import sysconfig
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from domov.engine.sandbox import confine, die_with_parent
from domov.engine.worker import GRAPHICS, LIBRARIES, OWN_PROC
from domov.errors import DomovError, EngineUnavailable
from domov.files import disk_error

TELL_SECONDS = 0.1
INSTALL = "pip install 'domov[workshop]'"
Table = dict[str, Any]


@dataclass
class Telling:
    """Where a job tells how far it is; not more often than anybody reads."""

    write: Callable[[Table], None]
    _next: float = 0.0

    def __call__(self, done: int, total: int | None = None, *, step: str = "", **figures: float) -> None:
        """figures  numbers of this moment, for a curve"""
        if (moment := time.monotonic()) >= self._next or done == total:
            self._next = moment + TELL_SECONDS
            self.write({"done": done, "total": total, "step": step, "figures": figures})


Job = Callable[[Table, Telling], Any]


def main() -> None:
    told = json.loads(sys.stdin.buffer.readline())
    die_with_parent(told["parent"])
    os.umask(0o077)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what native code prints goes to the log

    def write(table: Table) -> None:
        print(json.dumps(table), file=answers, flush=True)

    threading.Thread(target=_end_with_input, daemon=True).start()
    try:
        job = _job(told["job"])
        if told["sandbox"]:
            own = [sys.prefix, sys.base_prefix, *(sysconfig.get_paths()[key] for key in ("purelib", "platlib"))]
            readable = [*LIBRARIES, *OWN_PROC, *own, *told["readable"]]
            cards = (
                [*GRAPHICS, *map(str, Path("/dev").glob("nvidia*"))] if job.__module__.endswith("torch_jobs") else []
            )
            writable = [*told["writable"], "/dev/null", "/dev/shm", *cards]
            confine(readable=readable, writable=writable, programs=False)
        write({"result": job(told["with"], Telling(write))})
    except DomovError as error:
        write({"error": type(error).__name__, "message": error.message, "hint": error.hint})
    except MemoryError:
        write({"error": "OutOfMemory", "message": "there is too little memory for this", "hint": ""})
    except OSError as error:
        broken = disk_error(error, Path(told["writable"][0] if told["writable"] else "/"))
        write({"error": type(broken).__name__, "message": broken.message, "hint": broken.hint})


def _end_with_input() -> None:
    while sys.stdin.buffer.readline():
        pass
    os._exit(1)


def _job(name: str) -> Job:
    """The job of that name; its native parts are loaded before the walls go up."""
    from domov.optimize import jobs

    if name in jobs.JOBS:
        return jobs.JOBS[name]
    try:
        from domov.optimize import torch_jobs
    except ImportError as error:
        raise EngineUnavailable(f"PyTorch can't be loaded: {error}", hint=INSTALL) from error
    return torch_jobs.JOBS[name]


if __name__ == "__main__":
    main()
