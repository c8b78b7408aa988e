"""How fast this machine reads its memory: the physical limit of writing text, for which a model is read once a token.

Measured with the C library's memchr, which looks at every byte and does next to nothing with it (as fast as a sum in
numpy; docs/log.md). Threads read parts of their own; the largest of a few rounds counts, because whatever else runs
can only make it less.
"""

import ctypes
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

PART_BYTES = 128_000_000  # for each thread: far more than any cache holds
ROUNDS = 8
FILLING, ABSENT = 1, 2


@dataclass(frozen=True, slots=True)
class Bandwidth:
    bytes_per_second: float
    threads: int
    source: str  # how it is known


def measure_bandwidth(threads: int, *, part_bytes: int = PART_BYTES, rounds: int = ROUNDS) -> Bandwidth:
    """Reading of main memory by so many threads at once. Takes half a second, and part_bytes for each thread."""
    # Written, not only asked for: pages that were never written are all the same one.
    parts = [bytearray([FILLING]) * part_bytes for _ in range(threads)]
    views = [(ctypes.c_char * part_bytes).from_buffer(part) for part in parts]
    memchr = _memchr()
    with ThreadPoolExecutor(threads) as pool:
        seconds = []
        for _ in range(rounds):
            start = time.perf_counter()
            list(pool.map(lambda view: memchr(view, ABSENT, part_bytes), views))
            seconds.append(time.perf_counter() - start)
    return Bandwidth(threads * part_bytes / min(seconds), threads, f"measured with {threads} threads")


def _memchr() -> "ctypes._NamedFuncPointer":
    library = ctypes.CDLL("msvcrt" if sys.platform == "win32" else None)  # it lets go of Python's lock while it works
    function = library.memchr
    function.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
    function.restype = ctypes.c_void_p
    return function
