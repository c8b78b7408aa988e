"""The server that is soaked: a `domov serve` with three small models, a home and a temporary folder of its own."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import psutil

from benchmarks.servers import environment
from domov import app, config
from domov.engine.sandbox import die_with_parent
from tests.gguf_files import bert

STARTER = "smollm2:135m"
MODELS = ("one", "two", "encoder")
STATES_BYTES = 60_000_000
SETTINGS = {
    "DOMOV_CONTEXT_TOKENS": "1024",
    "DOMOV_QUEUE": "4",
    "DOMOV_SAVED_STATES_MEGABYTES": str(STATES_BYTES // 1_000_000),
    "DOMOV_KEEP_ALIVE_SECONDS": "20",
}


@dataclass(frozen=True, slots=True)
class Figures:
    """What the gateway holds now."""

    memory_bytes: int
    files: int  # open ones, sockets and pipes included
    open_files: tuple[str, ...]
    tasks: int  # threads
    workers: int
    folders: int  # private ones of workers
    states_bytes: int


@dataclass(frozen=True, slots=True)
class Server:
    port: int
    process: "subprocess.Popen[bytes]"
    home: Path
    folder: Path  # for temporary files
    words: Path  # what it wrote to standard error

    def workers(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def figures(self) -> Figures:
        gateway = psutil.Process(self.process.pid)
        opened = _opened(self.process.pid)
        return Figures(
            memory_bytes=gateway.memory_info().rss,
            files=len(opened),
            open_files=opened,
            tasks=gateway.num_threads(),
            workers=len(self.workers()),
            folders=len(list(self.folder.iterdir())),
            states_bytes=sum(path.stat().st_size for path in (self.home / "states").glob("*/*.bin")),
        )

    async def busy(self) -> list[str]:
        """What is still under way, as the gateway sees it and as the workers do."""
        url = f"http://127.0.0.1:{self.port}/api/domov/loaded"
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            rows = (await response.json())["models"]
        found = [f"{row['model']}: {row['state']}" for row in rows if row["running"] or row["waiting"]]
        for path in self.folder.glob("*/worker.sock"):
            found += await _busy_slots(path)
        return found

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(30)

    def remains(self) -> list[str]:
        """What it left behind after its end, in words."""
        found = [f"a folder is left: {path.name}" for path in self.folder.iterdir()]
        found += [f"a state without its text is left: {p.name}" for p in _halves(self.home / "states")]
        words = self.words.read_text("utf-8", "replace")
        found += ["the gateway's words: " + words[-3000:]] if len(words.splitlines()) > 1 else []
        return found + ([f"the gateway ended with {self.process.returncode}"] if self.process.returncode > 0 else [])


def serving(folder: Path) -> Server:
    """A server in a process of its own, which ends with this one. Needs the starter model in the usual home."""
    home, temporary, words = folder / "home", folder / "tmp", folder / "words.txt"
    temporary.mkdir()
    _fill(home, folder)
    command, me = [sys.executable, "-m", "domov", "serve", "--port", "0"], os.getpid()
    with words.open("wb") as log:
        process = subprocess.Popen(
            command,
            env=environment(home, TMPDIR=str(temporary), **SETTINGS),
            stderr=log,
            preexec_fn=None if sys.platform == "win32" else lambda: die_with_parent(me),
        )
    return Server(_port(process, words), process, home, temporary, words)


def _fill(home: Path, folder: Path) -> None:
    starter = app.App(config.load()).models.get(STARTER).path
    encoder = folder / "encoder.gguf"
    encoder.write_bytes(bert())
    two = folder / "two.gguf"  # another file, so that it is another model
    two.write_bytes(starter.read_bytes())
    for name, path in zip(MODELS, (starter, two, encoder), strict=True):
        command = [sys.executable, "-m", "domov", "pull", str(path), "--name", name]
        subprocess.run(command, env=environment(home), check=True, capture_output=True)


def _port(process: "subprocess.Popen[bytes]", words: Path) -> int:
    while process.poll() is None:
        if found := re.search(r":(\d+)/v1", words.read_text("utf-8")):
            return int(found[1])
        try:
            process.wait(0.1)
        except subprocess.TimeoutExpired:
            continue
    raise RuntimeError(f"the server did not start: {words.read_text('utf-8')}")


def _opened(pid: int) -> tuple[str, ...]:
    """Where each open file of a process leads; on other systems than Linux only how many there are."""
    folder = Path(f"/proc/{pid}/fd")
    if not folder.exists():
        process = psutil.Process(pid)
        return ("?",) * (process.num_fds() if hasattr(process, "num_fds") else len(process.open_files()))
    found = []
    for path in folder.iterdir():
        try:
            found.append(os.readlink(path))
        except OSError:
            continue
    return tuple(sorted(found))


def _halves(states: Path) -> list[Path]:
    return [path for path in states.glob("*/*.bin") if not path.with_suffix(".json").exists()]


async def _busy_slots(path: Path) -> list[str]:
    connector = aiohttp.UnixConnector(str(path), force_close=True)
    limit = aiohttp.ClientTimeout(total=20)
    try:
        async with (
            aiohttp.ClientSession(connector=connector, timeout=limit) as session,
            session.get("http://worker/slots") as response,
        ):
            slots = await response.json() if response.status == 200 else []
    except (aiohttp.ClientError, TimeoutError):  # it ended, or is just starting: then it has no slots
        return []
    return [f"slot {slot['id']} of {path.parent.name}" for slot in slots if slot["is_processing"]]
