"""The process that runs one model: `python -m domov.engine.worker`.

It speaks llama-server's HTTP on a private endpoint. It ends when its standard input ends or when the process
that started it dies, so that no orphan is ever left.
"""

import contextlib
import ctypes
import http.client
import os
import socket
import subprocess
import sys
import sysconfig
import threading
import time
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TextIO

from domov.engine.allocated import VERBOSITY
from domov.engine.contexts import Contexts
from domov.engine.launch import Endpoint, Failed, Launch, Ready, SetThreads, answer_line
from domov.engine.parameters import Member, arguments, parameters
from domov.engine.sandbox import confine, die_with_parent
from domov.options import AdapterFile, ModelOptions

# common_log_set_verbosity_thold(int) of llama.cpp's common/log.h, by its name in the Itanium C++ ABI.
SET_VERBOSITY, WARNINGS = "_Z30common_log_set_verbosity_tholdi", 2
REFUSED = "llama.cpp refused it: too little memory, or a kind of model that it does not know"
LIBRARIES = ("/usr", "/lib", "/lib64", "/opt", "/etc/ld.so.cache", "/sys", "/dev/urandom", "/dev/zero")
# What llama.cpp and graphics drivers ask of /proc; all of it would show the command lines of other programs.
OWN_PROC = ("/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/devices", "/proc/driver")
GRAPHICS = ("/dev/dri", "/dev/kfd", "/dev/null", "/dev/shm")


def main() -> None:
    launch = Launch.from_line(sys.stdin.buffer.readline())
    die_with_parent(launch.parent)
    os.umask(0o077)  # what it saves is nobody else's
    _set_priority(launch.nice)
    # From here on standard output is for the one answer; whatever native code prints goes to the log.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    try:
        ready, running = _start_native(launch) if launch.llama_server else _start_own(launch)
        contexts = None if launch.llama_server else _contexts()
    except RuntimeError:  # all that xllamacpp says; the reason is in the log
        _fail(answers, _refused(launch))
    except (ImportError, OSError) as error:
        _fail(answers, str(error))
    else:
        print(answer_line(replace(ready, adapts=contexts is not None)), file=answers, flush=True)
        _obey_until_input_ends(running, contexts)


def _refused(launch: Launch) -> str:
    own = [f.name for f in fields(launch.options) if f.name != "task"]
    changed = [name for name in own if getattr(launch.options, name) != getattr(ModelOptions(), name)]
    return f"{REFUSED}, or one of its options: {', '.join(changed)}" if changed else REFUSED


def _fail(answers: TextIO, why: str) -> None:
    print(answer_line(Failed(why)), file=answers, flush=True)
    os._exit(1)


def _set_priority(nice: int) -> None:
    if nice and hasattr(os, "setpriority"):
        with contextlib.suppress(PermissionError):  # raising it takes a privilege; without, it stays as it is
            os.setpriority(os.PRIO_PROCESS, 0, nice)


def _obey_until_input_ends(running: object, contexts: Contexts | None) -> None:
    """Waits for the end of the input, or of the native server; then ends at once, in the middle of anything."""
    if isinstance(running, subprocess.Popen):
        threading.Thread(target=lambda: os._exit(1 if running.wait() else 0), daemon=True).start()
    for line in sys.stdin.buffer:
        if contexts is not None:
            wanted = SetThreads.from_line(line)
            contexts.set_threads(wanted.decoding, wanted.prompt)
    if isinstance(running, subprocess.Popen):
        running.kill()
    os._exit(0)


def _contexts() -> Contexts | None:
    """The contexts of xllamacpp's server in this process; None where they can't be reached."""
    try:
        return Contexts(Path(sys.modules["xllamacpp.xllamacpp"].__file__ or ""))
    except (OSError, ValueError, StopIteration) as error:
        sys.stderr.write(f"threads stay as they are: {error}\n")
        return None


def _start_own(launch: Launch) -> tuple[Ready, object]:
    import xllamacpp  # loads llama.cpp: only in this process, and before the walls go up

    walls = _confine(launch, programs=False)
    common = xllamacpp.CommonParams()
    apply(common, launch, xllamacpp)
    common.ui = False
    common.cors_origins = ""
    common.verbosity = VERBOSITY
    if launch.endpoint.socket:
        common.hostnames = [launch.endpoint.socket]
    else:
        common.api_keys = [launch.endpoint.key]
    server = xllamacpp.Server(common)  # returns when the model is loaded and the server listens
    _log_less(xllamacpp)
    port = 0 if launch.endpoint.socket else int(server.listening_address.rstrip("/").rsplit(":", 1)[1])
    return Ready(port, walls), server


def _log_less(xllamacpp: Any) -> None:
    """Warnings and errors alone from now on: a log that grows with each request may tell what was asked."""
    with contextlib.suppress(AttributeError, OSError):  # a library that exports nothing stays as it is
        native = ctypes.CDLL(sys.modules["xllamacpp.xllamacpp"].__file__)
        getattr(native, SET_VERBOSITY)(ctypes.c_int(WARNINGS))


def apply(common: Any, launch: Launch, xllamacpp: Any) -> None:
    """Sets what the table says on xllamacpp's CommonParams."""
    for parameter in parameters(launch):
        *path, last = parameter.attribute.split(".")
        target = common
        for name in path:
            target = getattr(target, name)
        setattr(target, last, _as_own(parameter.attribute_value, xllamacpp))


def _as_own(value: Any, xllamacpp: Any) -> Any:
    if isinstance(value, Member):
        return getattr(getattr(xllamacpp, value.enumeration), value.name)
    if isinstance(value, AdapterFile):
        adapter = xllamacpp.CommonAdapterLoraInfo()
        adapter.path, adapter.scale = value.file, value.scale
        return adapter
    return [_as_own(one, xllamacpp) for one in value] if isinstance(value, tuple) else value


def _start_native(launch: Launch) -> tuple[Ready, object]:
    endpoint = launch.endpoint if launch.endpoint.socket else Endpoint(None, _free_port(), launch.endpoint.key)
    command = [str(launch.llama_server), "--no-webui", *arguments(launch)]
    if endpoint.socket:
        command += ["--host", endpoint.socket]
    else:
        command += ["--host", "127.0.0.1", "--port", str(endpoint.port), "--api-key", endpoint.key]
    server, walls = _spawn(launch, command)
    while not _is_healthy(endpoint):
        if server.poll() is not None:
            raise RuntimeError("llama-server ended")
        time.sleep(0.05)
    return Ready(endpoint.port, walls), server


def _spawn(launch: Launch, command: list[str]) -> tuple[subprocess.Popen[bytes], tuple[str, ...]]:
    """Starts the native server behind walls of its own; this process keeps none, it never sees the model."""
    if sys.platform == "win32":
        return subprocess.Popen(command, stdin=subprocess.DEVNULL), ()
    me, (reader, writer) = os.getpid(), os.pipe()

    def in_child() -> None:
        die_with_parent(me)
        os.write(writer, " ".join(_confine(launch, programs=True)).encode())

    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=in_child)  # one thread so far: safe
    os.close(writer)
    with os.fdopen(reader) as walls:
        return server, tuple(walls.read().split())


def _confine(launch: Launch, *, programs: bool) -> tuple[str, ...]:
    if not launch.sandbox:
        return ()
    own = [sys.prefix, sys.base_prefix, sysconfig.get_paths()["purelib"], sysconfig.get_paths()["platlib"]]
    native = [str(Path(launch.llama_server).parent.parent)] if launch.llama_server else []
    folder = [str(Path(launch.endpoint.socket).parent)] if launch.endpoint.socket else []
    folder += [launch.slot_save_path] if launch.slot_save_path else []
    graphics = [*GRAPHICS, *(str(p) for p in Path("/dev").glob("nvidia*"))]
    return confine(
        readable=[*LIBRARIES, *OWN_PROC, *own, *native, *launch.files],
        writable=[*folder, *graphics],
        programs=programs,
    )


class _Local(http.client.HTTPConnection):
    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__("127.0.0.1", endpoint.port, timeout=5)
        self.path = endpoint.socket

    def connect(self) -> None:
        if self.path is None:
            return super().connect()
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)
        return None


def _is_healthy(endpoint: Endpoint) -> bool:
    connection = _Local(endpoint)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
