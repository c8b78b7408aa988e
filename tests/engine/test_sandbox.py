"""The walls, tried from inside by a process that wants out."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox exists on Linux only")

ESCAPES = """
import ctypes, json, os, socket, sys
from domov.engine.sandbox import confine
readable, writable, outside = sys.argv[1:4]
walls = confine(readable=[readable, sys.prefix, sys.base_prefix, "/usr", "/lib"], writable=[writable], programs=False)

def attempt(work):
    try:
        return str(work())
    except OSError as error:
        return type(error).__name__

def connect_unix():
    ours = socket.socket(socket.AF_UNIX)
    ours.connect(outside + "/listening")

libc = ctypes.CDLL(None, use_errno=True)
print(json.dumps({
    "walls": walls,
    "read the model": attempt(lambda: open(readable).read()),
    "write the model": attempt(lambda: open(readable, "w")),
    "write own folder": attempt(lambda: open(writable + "/x", "w").write("x")),
    "read another file": attempt(lambda: open(outside + "/secret").read()),
    "list another folder": attempt(lambda: os.listdir(outside)),
    "internet socket": attempt(lambda: socket.socket(socket.AF_INET)),
    "internet socket 6": attempt(lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)),
    "netlink socket": attempt(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)),
    "connect to a unix socket": attempt(connect_unix),
    "from C": libc.socket(2, 1, 0),
    "io_uring": libc.syscall(425, 1, ctypes.create_string_buffer(120)),
    "signal its parent": attempt(lambda: os.kill(os.getppid(), 0)),
    "start a program": attempt(lambda: os.execv("/bin/true", ["true"])),
}))
"""


@pytest.fixture(scope="module")
def attempts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    folder = tmp_path_factory.mktemp("box")
    inside, outside = folder / "in", folder / "out"
    inside.mkdir()
    outside.mkdir()
    (folder / "model").write_text("weights")
    (outside / "secret").write_text("secret")
    command = [sys.executable, "-c", ESCAPES, str(folder / "model"), str(inside), str(outside)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    result: dict[str, object] = json.loads(done.stdout)
    return result


def test_what_a_worker_needs_is_open(attempts: dict[str, object]) -> None:
    assert attempts["walls"] == ["landlock", "seccomp"]
    assert attempts["read the model"] == "weights"
    assert attempts["write own folder"] == "1"


@pytest.mark.parametrize(
    "way",
    [
        "write the model",
        "read another file",
        "list another folder",
        "internet socket",
        "internet socket 6",
        "netlink socket",
        "connect to a unix socket",
        "signal its parent",
        "start a program",
    ],
)
def test_the_way_out_is_closed(attempts: dict[str, object], way: str) -> None:
    assert attempts[way] == "PermissionError"


def test_native_code_finds_no_other_way(attempts: dict[str, object]) -> None:
    assert (attempts["from C"], attempts["io_uring"]) == (-1, -1)


POLICY = """
import json, os, sys
from domov.engine.launch import Endpoint, Launch
from domov.engine.worker import _confine
model, socket = sys.argv[1:3]
_confine(Launch(model, Endpoint(socket), context_tokens=1, threads=1, parent=os.getppid()), programs=False)

def opened(path):
    try:
        open(path, "rb").read(1)
        return True
    except PermissionError:
        return False

paths = [model, "/proc/self/status", "/proc/cpuinfo", model + ".other", "/etc/passwd", f"/proc/{os.getppid()}/cmdline"]
print(json.dumps([opened(path) for path in paths]))
"""


def test_a_real_worker_reads_its_model_and_nothing_of_other_programs(tmp_path: Path) -> None:
    for name in ("model", "model.other"):
        (tmp_path / name).write_text("x")
    (tmp_path / "socket").mkdir()
    command = [sys.executable, "-c", POLICY, str(tmp_path / "model"), str(tmp_path / "socket" / "s")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [True, True, True, False, False, False]


def test_a_child_dies_with_its_parent(tmp_path: Path) -> None:
    child = (
        "import os, sys, time; from domov.engine.sandbox import die_with_parent; "
        "die_with_parent(int(sys.argv[1])); print(os.getpid(), flush=True); time.sleep(60)"
    )
    parent = (
        "import os, subprocess, sys; "
        f"p = subprocess.Popen([sys.executable, '-c', {child!r}, str(os.getpid())], stdout=subprocess.PIPE); "
        "print(p.stdout.readline().decode(), flush=True); os._exit(0)"
    )
    done = subprocess.run([sys.executable, "-c", parent], capture_output=True, text=True, check=True)
    pid = int(done.stdout)
    status = Path(f"/proc/{pid}/status")
    assert _gone_soon(status)


def _gone_soon(status: Path) -> bool:
    for _ in range(200):
        if not status.exists() or "(zombie)" in status.read_text():
            return True
        time.sleep(0.01)
    return False
