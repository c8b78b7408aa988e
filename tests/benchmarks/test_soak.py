"""A short soak: mixed requests to a real server, and nothing is left of them."""

import subprocess
import sys
from pathlib import Path

from benchmarks.soak import MOST_GROWTH_BYTES, left_over
from benchmarks.soak_server import STATES_BYTES, Figures
from tests.conftest import environment

ROOT = Path(__file__).parent.parent.parent
CLEAN = Figures(memory_bytes=0, files=2, open_files=("a", "b"), tasks=1, workers=0, folders=0, states_bytes=0)


def test_nothing_is_left_of_mixed_requests(starter_home: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.soak", "20"]
    done = subprocess.run(command, cwd=ROOT, env=environment(starter_home), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    line, verdict = done.stdout.splitlines()
    assert verdict == "nothing is left" and "requests (200: " in line


def test_every_kind_of_leak_is_told() -> None:
    leaking = Figures(
        memory_bytes=0,
        files=3,
        open_files=("a", "b", "socket"),
        tasks=2,
        workers=1,
        folders=1,
        states_bytes=STATES_BYTES + 1,
    )
    growing = [0] * 15 + [MOST_GROWTH_BYTES + 1] * 5
    assert left_over(CLEAN, CLEAN, [0] * 20) == []
    found = left_over(CLEAN, leaking, growing)
    assert len(found) == 5 and "socket" in found[0] and "grew by" in found[-1]
