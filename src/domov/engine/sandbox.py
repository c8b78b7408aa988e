"""Walls around a worker on Linux, without root: a malicious model file reaches no file, no network, no program.

Landlock leaves it the model and its libraries to read and its own folder to write; seccomp takes away every
socket but Unix ones, every `connect`, new programs, and io_uring, which would go around both.

Source: Documentation/userspace-api/landlock.rst and seccomp_filter.rst of Linux 6.x. Both hold for the calling
thread and all that it starts, so they are put up before there is a second thread.
"""

import ctypes
import errno
import os
import platform
import struct
import sys
from collections.abc import Sequence

PR_SET_PDEATHSIG, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 1, 22, 38
SIGKILL = 9
LANDLOCK_CREATE, LANDLOCK_ADD, LANDLOCK_RESTRICT = 444, 445, 446  # the same number on every architecture
RULE_PATH_BENEATH = 1

EXECUTE, READ_FILE, READ_DIR = 1 << 0, 1 << 2, 1 << 3
FILE_RIGHTS = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 14 | 1 << 15  # execute, write, read, truncate, ioctl on devices
# The file rights that each ABI version knows: 13 from the start, then refer, truncate, device ioctl.
RIGHTS_OF_ABI = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1}
TCP_RIGHTS = 3  # bind and connect, from ABI 4
OUTWARD = 3  # abstract sockets of, and signals to, processes outside, from ABI 6

LD, JEQ, JGE, RET = 0x20, 0x15, 0x35, 0x06
ALLOW, DENY, KILL = 0x7FFF0000, 0x00050000 | errno.EACCES, 0x80000000
AF_UNIX = 1
X32_BIT = 0x40000000  # a second set of numbers on x86-64 that would go around the filter


class _Numbers:
    """System call numbers of one architecture."""

    def __init__(self, audit: int, socket: int, connect: int, programs: tuple[int, int]) -> None:
        self.audit, self.socket, self.connect, self.programs = audit, socket, connect, programs


NUMBERS = {
    "x86_64": _Numbers(0xC000003E, socket=41, connect=42, programs=(59, 322)),
    "aarch64": _Numbers(0xC00000B7, socket=198, connect=203, programs=(221, 281)),
}
IO_URING_SETUP = 425


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def die_with_parent(parent: int) -> None:
    """Has the kernel kill this process when the one that started it dies, however it dies. Linux only."""
    if sys.platform != "linux":
        return
    _libc().prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before the kernel was told
        os._exit(1)


def confine(*, readable: Sequence[str], writable: Sequence[str], programs: bool) -> tuple[str, ...]:
    """Puts up the walls that this kernel has, and names them; none elsewhere than on Linux.

    readable  files and folders to read, and to load libraries from
    writable  folders and devices to write
    programs  whether this process may still start another program
    """
    if sys.platform != "linux":
        return ()
    walls = []
    _libc().prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if _landlock(readable, writable):
        walls.append("landlock")
    if _seccomp(programs=programs):
        walls.append("seccomp")
    return tuple(walls)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _landlock(readable: Sequence[str], writable: Sequence[str]) -> bool:
    call = _libc().syscall
    abi = call(LANDLOCK_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(1))
    if abi < 1:
        return False
    rights = RIGHTS_OF_ABI.get(abi, (1 << 16) - 1)
    attributes = struct.pack("QQQ", rights, TCP_RIGHTS, OUTWARD)[: 24 if abi >= 6 else 16 if abi >= 4 else 8]
    ruleset = call(LANDLOCK_CREATE, ctypes.c_char_p(attributes), ctypes.c_size_t(len(attributes)), ctypes.c_uint32(0))
    if ruleset < 0:
        return False
    for paths, allowed in ((readable, EXECUTE | READ_FILE | READ_DIR), (writable, rights)):
        for path in paths:
            _allow(ruleset, path, allowed)
    done = call(LANDLOCK_RESTRICT, ruleset, ctypes.c_uint32(0))
    os.close(ruleset)
    return bool(done == 0)


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:  # not on this system: nothing to allow
        return
    rule = struct.pack("=Qi", rights if os.path.isdir(path) else rights & FILE_RIGHTS, handle)
    _libc().syscall(LANDLOCK_ADD, ruleset, RULE_PATH_BENEATH, ctypes.c_char_p(rule), ctypes.c_uint32(0))
    os.close(handle)


def _seccomp(*, programs: bool) -> bool:
    numbers = NUMBERS.get(platform.machine())
    if numbers is None:
        return False
    filters = b"".join(struct.pack("HBBI", *step) for step in _filter(numbers, programs=programs))
    memory = ctypes.create_string_buffer(filters)
    program = _Program(len(filters) // 8, ctypes.cast(memory, ctypes.c_void_p))
    return bool(_libc().prctl(PR_SET_SECCOMP, 2, ctypes.byref(program), 0, 0) == 0)


def _filter(numbers: _Numbers, *, programs: bool) -> list[tuple[int, int, int, int]]:
    """The BPF program: (operation, steps to skip if true, if false, value). Data: number at 0, machine at 4, first
    argument at 16."""
    denied = [numbers.connect, IO_URING_SETUP, *(() if programs else numbers.programs)]
    steps = [(LD, 0, 0, 4), (JEQ, 1, 0, numbers.audit), (RET, 0, 0, KILL), (LD, 0, 0, 0)]
    steps += [(JGE, 0, 1, X32_BIT), (RET, 0, 0, DENY)]
    for number in denied:
        steps += [(JEQ, 0, 1, number), (RET, 0, 0, DENY)]
    steps += [(JEQ, 0, 3, numbers.socket), (LD, 0, 0, 16), (JEQ, 1, 0, AF_UNIX), (RET, 0, 0, DENY)]
    return [*steps, (RET, 0, 0, ALLOW)]
