"""The programs that are measured, and those that get in their way, each ended with the block that started it.

What is started ends too when the benchmark is killed: servers see the end of their input or of their parent.
"""

import contextlib
import glob
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.client import Address, Question, ask

MODEL = "bench:model"
WARM_UP = Question("Hello.", tokens=8)
# It looks now and then whether whoever started it still lives.
BUSY = "import os,sys\nwhile os.getppid() == int(sys.argv[1]):\n    for _ in range(1000000): pass"


@dataclass(frozen=True, slots=True)
class Gateway:
    """A `domov serve` whose model is loaded."""

    address: Address
    pid: int
    worker: Address


@contextlib.contextmanager
def home_of(model: Path) -> Iterator[Path]:
    """A DOMOV_HOME of the benchmark's own, where the file is known as MODEL: its settings are the defaults."""
    with tempfile.TemporaryDirectory(prefix="domov-bench-") as folder:
        command = [sys.executable, "-m", "domov", "pull", str(model), "--name", MODEL]
        subprocess.run(command, env=environment(Path(folder)), check=True, capture_output=True)
        yield Path(folder)


def environment(home: Path, **settings: str) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("DOMOV_", "GOMP_", "OMP_"))}
    return {**kept, "DOMOV_HOME": str(home), **settings}


@contextlib.contextmanager
def gateway(home: Path, *, options: str = "", **settings: str) -> Iterator[Gateway]:
    """`domov serve`, with its model loaded and warm.

    options   of the model, as they stand in config.toml
    settings  DOMOV_ variables
    """
    (home / "config.toml").write_text(f'[models."{MODEL}"]\n{options}\n', "utf-8")
    command = [sys.executable, "-m", "domov", "serve", "--port", "0"]
    with subprocess.Popen(command, env=environment(home, **settings), stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr
            words = process.stderr.readline()
            found = re.search(r"http://\S+/v1", words)
            assert found, words
            address = Address(found[0], MODEL)
            ask(address, WARM_UP)
            (socket,) = glob.glob(f"{tempfile.gettempdir()}/domov-{process.pid}-*/worker.sock")
            yield Gateway(address, process.pid, Address(f"unix:{socket}", MODEL))
        finally:
            process.terminate()
            process.wait(30)


@contextlib.contextmanager
def plain_server(model: Path, *, context_tokens: int = 0, slots: int = 0) -> Iterator[Address]:
    """xllamacpp's own server, warm; with its defaults but for what is given. context_tokens: of each slot."""
    command = [sys.executable, "-m", "benchmarks.plain_server", str(model)]
    command += [str(context_tokens * slots), str(slots)] if slots else []
    root = Path(__file__).parent.parent
    with subprocess.Popen(
        command,
        cwd=root,
        env=environment(root),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            assert process.stdout
            line = process.stdout.readline().strip()
            assert line, "xllamacpp's server did not start"
            address = Address(f"http://127.0.0.1:{line.rstrip('/').rsplit(':', 1)[1]}/v1", MODEL)
            ask(address, WARM_UP)
            yield address
        finally:
            process.kill()


@contextlib.contextmanager
def busy(programs: int) -> Iterator[None]:
    """So many other programs that want a core each, all the time."""
    command = [sys.executable, "-c", BUSY, str(os.getpid())]
    with contextlib.ExitStack() as running:
        for _ in range(programs):
            process = running.enter_context(subprocess.Popen(command))
            running.callback(process.kill)
        yield
