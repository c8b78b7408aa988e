"""A worker process seen from the gateway: started, ready, ended, and why it ended."""

import asyncio
import contextlib
import functools
import os
import re
import secrets
import shutil
import signal
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import psutil

from domov.engine.adapting import Threads
from domov.engine.allocated import Allocated, parse_log
from domov.engine.launch import Endpoint, Failed, Launch, Ready, SetThreads, parse_answer, private
from domov.errors import WorkerDied
from domov.files import disk_errors, make_folder

COMMAND = (sys.executable, "-P", "-m", "domov.engine.worker")
# A worker gets nothing of the user's environment but what drivers and libraries need: no tokens, no keys.
PASSED_ON = re.compile(
    r"(PATH|HOME|LANG|LC_\w+|TZ|TMPDIR|TEMP|TMP|SYSTEMROOT|SYSTEMDRIVE|LD_LIBRARY_PATH|DYLD_\w+|"
    r"(CUDA|NVIDIA|HIP|HSA|ROCR|ROCM|GGML|VK|ONEAPI|ZE|SYCL|OMP|GOMP|KMP)_\w+)",
    re.IGNORECASE,
)
# Measured: as fast as the default on an idle machine, up to 2.6 times as fast beside busy programs (docs/log.md).
SPIN_COUNT = "1000"
END_SECONDS = 5


class WorkerProcess:
    """One worker. `start` it once; when it has ended, make another."""

    def __init__(self, launch: Launch, *, name: str, log: Path) -> None:
        self.name, self.log = name, log
        self.ready = Ready(0, ())
        self._folder = Path(tempfile.mkdtemp(prefix=f"domov-{os.getpid()}-"))
        endpoint = private(self._folder) if sys.platform != "win32" else Endpoint(None, 0, secrets.token_hex(16))
        self._launch = replace(launch, endpoint=endpoint, parent=os.getpid())
        self._process: asyncio.subprocess.Process | None = None

    @property
    def endpoint(self) -> Endpoint:
        return replace(self._launch.endpoint, port=self.ready.port)

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.returncode is None

    def memory_bytes(self) -> int:
        """What the worker and its children hold in memory now, shared pages included; 0 when it has ended."""
        if not self.alive or self.pid is None:
            return 0
        with contextlib.suppress(psutil.NoSuchProcess):
            worker = psutil.Process(self.pid)
            return sum(int(p.memory_info().rss) for p in [worker, *worker.children(recursive=True)])
        return 0

    @functools.cached_property
    def allocated(self) -> Allocated:
        """What llama.cpp has allocated for this worker, by its own log; nothing where that does not tell."""
        with contextlib.suppress(OSError), open(self.log, errors="replace") as lines:
            return parse_log(lines)
        return Allocated(())

    async def start(self) -> None:
        """Starts the process and waits until its model is loaded; if that fails, nothing of it is left but its log.

        Raises WorkerDied with the reason it gave, HomeUnusable or DiskFull where there can be no log.
        """
        try:
            await self._wait_until_ready(await self._started())
        except BaseException:
            await self.end()
            raise

    async def _started(self) -> asyncio.subprocess.Process:
        remove_leftovers(self._folder.parent)
        make_folder(self.log.parent)
        with disk_errors(self.log):
            log = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            self._process = await asyncio.create_subprocess_exec(
                *COMMAND,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                env=environment(os.environ, self._launch.spin_count),
                start_new_session=sys.platform != "win32",  # Ctrl-C in the terminal is the gateway's business
            )
        finally:
            os.close(log)
        return self._process

    async def _wait_until_ready(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin and process.stdout
        with contextlib.suppress(ConnectionError):  # it died at once: the answer tells
            process.stdin.write(self._launch.to_line())
            await process.stdin.drain()
        answer = parse_answer(await process.stdout.readline())
        if isinstance(answer, Ready):
            self.ready = answer
            return
        why = answer.why if isinstance(answer, Failed) else await self.reason()
        raise WorkerDied(f"{self.name} could not be loaded: {why}", hint=f"llama.cpp's own words are in {self.log}")

    def set_threads(self, threads: Threads) -> None:
        """From the next step on. Without effect where the worker can't change them."""
        if self.ready.adapts and self.alive and self._process and self._process.stdin:
            self._process.stdin.write(SetThreads(threads.decoding, threads.prompt).to_line())

    async def reason(self) -> str:
        """Why the process ended, in words; waits a moment for one that is just ending."""
        if self._process is None:
            return "it was never started"
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), END_SECONDS)
        return ending(self._process.returncode)

    async def end(self) -> None:
        """Ends the process, whatever it is doing, and leaves nothing of it behind but its log."""
        try:
            if self._process is not None:
                with contextlib.suppress(ProcessLookupError):
                    self._process.kill()
                await self._process.wait()
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)


def environment(own: Mapping[str, str], spin_count: int | None = None) -> dict[str, str]:
    """The environment of a worker, from that of its gateway. A waiting policy that the user has set stays."""
    kept = {key: value for key, value in own.items() if PASSED_ON.fullmatch(key)}
    return {"GOMP_SPINCOUNT": SPIN_COUNT if spin_count is None else str(spin_count), **kept}


def ending(returncode: int | None) -> str:
    """`killed by SIGKILL …`, for the exit status of a process."""
    if returncode is None:
        return "its process does not answer"
    if returncode >= 0:
        return f"its process ended with status {returncode}"
    name = signal.Signals(-returncode).name if -returncode in set(signal.Signals) else f"signal {-returncode}"
    more = " (the system does that when memory runs out)" if name == "SIGKILL" else ""
    return f"its process was killed by {name}{more}"


def remove_leftovers(folder: Path) -> None:
    """Removes the private folders of gateways that were killed before they could."""
    for path in folder.glob("domov-*-*"):
        number = path.name.split("-")[1]
        with contextlib.suppress(OSError):
            if (
                number.isdigit()
                and not psutil.pid_exists(int(number))
                and (not hasattr(os, "getuid") or path.stat().st_uid == os.getuid())
            ):
                shutil.rmtree(path, ignore_errors=True)
