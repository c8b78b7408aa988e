"""llama.cpp's contexts inside this process, and with how many threads they calculate. Linux only.

xllamacpp does not hand out its server's contexts, but each step of the server asks one for its memory, through a
slot of the library's linkage table (JUMP_SLOT, System V ABI). One such call is led through here to learn who asks;
then the slot is put back. `llama_set_n_threads` (llama.h) holds from a context's next step on.
"""

import ctypes
import mmap
import struct
import sys
from pathlib import Path

ASKED = "llama_get_memory"
LOAD, DYNAMIC = 1, 2
STRTAB, SYMTAB, STRSZ, PLTRELSZ, JMPREL = 5, 6, 10, 2, 23
SYMBOL_BYTES = 24


class Contexts:
    """Raises OSError or ValueError where this system or this build of the library can't be led so."""

    def __init__(self, library: Path, *, expected: int = 1) -> None:
        """expected: how many contexts the server has; two with a draft model."""
        self._native, self._expected = ctypes.CDLL(str(library)), expected
        self._native.llama_get_memory.restype = ctypes.c_void_p
        self._native.llama_get_memory.argtypes = [ctypes.c_void_p]
        self._native.llama_set_n_threads.argtypes = [ctypes.c_void_p, ctypes.c_int32, ctypes.c_int32]
        self._known: set[int] = set()
        self._wanted: tuple[int, int] | None = None
        address = _loaded_at(library) + slot_address(library, ASKED)
        self._slot = ctypes.c_void_p.from_address(address)
        self._before = self._slot.value
        self._led = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)(self._asked)
        self._slot.value = ctypes.cast(self._led, ctypes.c_void_p).value

    def set_threads(self, decoding: int, prompt: int) -> None:
        """For all contexts, those that are yet to be seen as well."""
        self._wanted = decoding, prompt
        for context in tuple(self._known):  # the server's thread may add one meanwhile
            self._native.llama_set_n_threads(context, decoding, prompt)

    def _asked(self, context: int) -> int | None:
        """Called by the server's own thread, in place of the function that the slot led to."""
        if context not in self._known:
            self._known.add(context)
            if self._wanted:
                self._native.llama_set_n_threads(context, *self._wanted)
            if len(self._known) >= self._expected:
                self._slot.value = self._before
        memory: int | None = self._native.llama_get_memory(context)
        return memory


def _loaded_at(library: Path) -> int:
    """Where the library's first byte lies in memory."""
    if sys.platform != "linux":
        raise OSError("threads can be changed on Linux only")
    real = str(library.resolve())
    with open("/proc/self/maps") as maps:
        return next(int(line.split("-")[0], 16) for line in maps if line.rstrip().endswith(real))


def slot_address(library: Path, name: str) -> int:
    """Where, counted from the start of a 64-bit ELF library, the address of an imported function is kept.

    Raises ValueError where the library has no such slot. Source: System V ABI, chapter 5, and its ELF-64 supplement.
    """
    with open(library, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as image:
        return _slot_address(image, name.encode())


def _slot_address(image: mmap.mmap, name: bytes) -> int:
    if image[:5] != b"\x7fELF\2":
        raise ValueError("not a 64-bit ELF library")
    (headers,), (size, count) = struct.unpack_from("<Q", image, 32), struct.unpack_from("<HH", image, 54)
    parts = [struct.unpack_from("<IIQQQQQQ", image, headers + i * size) for i in range(count)]
    loads = [(address, offset, length) for kind, _, offset, address, _, length, *_ in parts if kind == LOAD]

    def at(address: int) -> int:
        start, offset = next((start, offset) for start, offset, size in loads if start <= address < start + size)
        return int(offset + address - start)

    (dynamic,) = [(offset, offset + length) for kind, _, offset, _, _, length, *_ in parts if kind == DYNAMIC]
    table = dict(struct.iter_unpack("<QQ", image[slice(*dynamic)]))
    names, symbols, slots = at(table[STRTAB]), at(table[SYMTAB]), at(table[JMPREL])
    wanted = image.find(b"\0" + name + b"\0", names, names + table[STRSZ]) + 1 - names
    for address, about, _ in struct.iter_unpack("<QQq", image[slots : slots + table[PLTRELSZ]]):
        if struct.unpack_from("<I", image, symbols + SYMBOL_BYTES * (about >> 32))[0] == wanted:
            return int(address)
    raise ValueError(f"{name.decode()} is not called through a slot")
