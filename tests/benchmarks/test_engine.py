"""The benchmark against real servers: that every row works, not how fast anything is."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from benchmarks.engine import ROWS
from benchmarks.servers import busy
from tests.conftest import environment

ROOT = Path(__file__).parent.parent.parent


def test_a_quick_run_gives_every_row(starter_home: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.engine", "--quick", "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, env=environment(starter_home), capture_output=True, text=True, timeout=600)
    table = json.loads((tmp_path / "engine.json").read_text())
    assert len(table["rows"]) == len(ROWS) == len(done.stdout.splitlines()) - 1
    assert done.returncode == (not all(row["good"] for row in table["rows"])), done.stderr
    assert (tmp_path / "engine.svg").read_text().startswith("<svg")


def test_a_row_that_is_none_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.engine", "dance"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2 and "no such row: dance" in done.stderr


def children() -> list[psutil.Process]:
    return [p for p in psutil.Process().children() if "getppid" in " ".join(p.cmdline())]


def test_busy_programs_end_with_their_block() -> None:
    with pytest.raises(ZeroDivisionError), busy(2):
        assert len(children()) == 2
        _ = 1 / 0
    assert children() == []


@pytest.mark.skipif(sys.platform == "win32", reason="a process has no such parent there")
def test_busy_programs_end_when_the_benchmark_is_killed() -> None:
    code = (
        "import psutil, sys\nfrom benchmarks.servers import busy\n"
        "with busy(1):\n    print(psutil.Process().children()[0].pid, flush=True)\n    sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as benchmark:
        assert benchmark.stdout
        pid = int(benchmark.stdout.readline())
        assert psutil.pid_exists(pid)
        os.kill(benchmark.pid, 9)
    for _ in range(100):
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            break
        time.sleep(0.1)
    else:
        pytest.fail("it is still busy")
