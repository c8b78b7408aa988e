"""Runs one job of `optimize.worker` in a process of its own, from the gateway's side.

Whatever native code does there, here it is an error with words; and however this side ends, the process ends with it.
"""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from domov import errors
from domov.engine.process import ending, environment
from domov.errors import Broken, DomovError, WorkerDied
from domov.files import disk_errors, make_folder
from domov.optimize.crew import Crew

COMMAND = (sys.executable, "-P", "-m", "domov.optimize.worker")
MOST_LINE_BYTES = 1 << 27


@dataclass(frozen=True, slots=True)
class Task:
    job: str
    told: dict[str, Any]
    readable: tuple[Path, ...] = ()
    writable: tuple[Path, ...] = ()  # files or folders that are there


@dataclass(frozen=True, slots=True)
class Done:
    """The last thing that a job gives."""

    result: Any


@dataclass(frozen=True, slots=True)
class Told:
    done: int
    total: int | None
    step: str
    figures: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Children:
    """How jobs are run here."""

    logs: Path
    sandbox: bool = True
    threads: int = 1
    crew: Crew = field(default_factory=Crew)

    async def run(self, task: Task) -> AsyncGenerator[Told | Done, None]:
        """What the job tells, and last what it gives. Raises what it raises, and WorkerDied where it ends otherwise."""
        make_folder(self.logs)
        log = self.logs / f"{task.job}.log"
        with disk_errors(log):
            handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            process = await asyncio.create_subprocess_exec(
                *COMMAND,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=handle,
                limit=MOST_LINE_BYTES,
                env=environment(os.environ, spin_count=0),  # steps are long here: to wait awake gains nothing
                start_new_session=sys.platform != "win32",
            )
        finally:
            os.close(handle)
        try:
            with self.crew.member(process.pid):
                async for event in self._talk(process, task, log):
                    yield event
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _talk(
        self, process: asyncio.subprocess.Process, task: Task, log: Path
    ) -> AsyncGenerator[Told | Done, None]:
        assert process.stdin and process.stdout
        line = json.dumps(
            {
                "job": task.job,
                "with": task.told,
                "parent": os.getpid(),
                "sandbox": self.sandbox,
                "readable": [str(path.resolve()) for path in task.readable],
                "writable": [str(path.resolve()) for path in task.writable],
            }
        )
        with contextlib.suppress(ConnectionError):  # it died at once: the answer tells
            process.stdin.write(line.encode() + b"\n")
            await process.stdin.drain()
        while answer := await process.stdout.readline():
            table = json.loads(answer)
            if "error" in table:
                raise _error(table)
            if "result" in table:
                yield Done(table["result"])
                return
            yield Told(table["done"], table["total"], table["step"], table["figures"])
        await process.wait()
        why = ending(process.returncode)
        raise WorkerDied(f"the work stopped: {why}", hint=f"llama.cpp's own words are in {log}")


def _error(table: dict[str, Any]) -> DomovError:
    kind = getattr(errors, str(table["error"]), Broken)
    made = kind if isinstance(kind, type) and issubclass(kind, DomovError) else Broken
    return made(str(table["message"]), hint=str(table["hint"]))
