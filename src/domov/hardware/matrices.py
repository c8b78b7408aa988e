"""How fast this machine's processor multiplies: `python -m domov.hardware.matrices THREADS [plain]` as JSON.

It is llama.cpp's own code that is timed, through the C functions that its library exports: matrices of each weight type
times one vector (what a new token costs: memory counts) and times many (what a prompt costs: arithmetic counts). Run
in a process of its own: it loads native code. Where the library exports nothing (Windows), only memory is measured.
"""

import ctypes
import json
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

# ggml_type numbers of ggml.h, for the types that most files have.
TYPES = {"F16": 1, "Q8_0": 8, "Q6_K": 14, "Q5_K": 13, "Q4_K": 12, "Q4_0": 2, "Q4_1": 3, "MXFP4": 39}
F32 = 0
PACKED = ("Q4_0", "Q4_K")  # which llama.cpp packs anew on loading, on most processors
COLUMNS, ROWS = 4096, 4096
MATRICES = 6  # of 9 MB and more each: together larger than most caches
PROMPT_TOKENS = 128
SMALL_OPERATIONS, GRAPH_OPERATIONS = 400, 1024
COPY_BYTES = 128 << 20
P, I64, SIZE = ctypes.c_void_p, ctypes.c_int64, ctypes.c_size_t


class _InitParameters(ctypes.Structure):
    _fields_ = [("mem_size", SIZE), ("mem_buffer", P), ("no_alloc", ctypes.c_bool)]


class Ggml:
    """The few functions of ggml that are needed. Raises AttributeError where the library does not export them."""

    def __init__(self, threads: int) -> None:
        import xllamacpp.xllamacpp as library  # loads llama.cpp

        self._library = ctypes.CDLL(library.__file__)
        self.backend = self.call("ggml_backend_cpu_init", P)
        self.call("ggml_backend_cpu_set_n_threads", None, P(self.backend), threads)
        self._buffers = [P(self.call("ggml_backend_cpu_buffer_type", P)), *self._extra_buffers()]

    def call(self, name: str, result: Any, *arguments: Any) -> Any:
        function = getattr(self._library, name)
        function.restype = result
        return function(*arguments)

    def context(self, *, tensors: int) -> Any:
        size = tensors * 4096 + (4 << 20)
        return P(self.call("ggml_init", P, _InitParameters(size, None, True)))

    def tensor(self, context: Any, kind: int, columns: int, rows: int) -> Any:
        return P(self.call("ggml_new_tensor_2d", P, context, kind, I64(columns), I64(rows)))

    def fill(self, context: Any, tensors: list[Any], *, packed: bool) -> Any:
        """Gives all tensors of a context memory, all bits 0; packed as a worker packs weights."""
        buffer_type = self._buffers[-1 if packed else 0]
        buffer = self.call("ggml_backend_alloc_ctx_tensors_from_buft", P, context, buffer_type)
        size = self.call("ggml_nbytes", SIZE, tensors[0])
        zeros = ctypes.create_string_buffer(size)
        for tensor in tensors:
            self.call("ggml_backend_tensor_set", None, tensor, zeros, SIZE(0), SIZE(size))
        return P(buffer)

    def seconds(self, context: Any, results: list[Any]) -> float:
        """The least time of five calculations of a graph with these results."""
        graph = P(self.call("ggml_new_graph_custom", P, context, SIZE(GRAPH_OPERATIONS), ctypes.c_bool(False)))
        for result in results:
            self.call("ggml_build_forward_expand", None, graph, result)

        def run() -> None:
            self.call("ggml_backend_graph_compute", ctypes.c_int, P(self.backend), graph)

        return best(run, times=5)

    def product(self, context: Any, matrix: Any, vectors: Any) -> Any:
        return P(self.call("ggml_mul_mat", P, context, matrix, vectors))

    def _extra_buffers(self) -> list[Any]:
        """Where llama.cpp would put weights to have them packed for this processor; none on most."""
        device = P(self.call("ggml_backend_dev_by_type", P, 0))
        register = P(self.call("ggml_backend_dev_backend_reg", P, device))
        address = self.call("ggml_backend_reg_get_proc_address", P, register, b"ggml_backend_dev_get_extra_bufts")
        if not address:
            return []
        found = ctypes.CFUNCTYPE(ctypes.POINTER(P), P)(address)(device)
        return [P(found[0])] if found and found[0] else []


def best(run: Callable[[], None], *, times: int) -> float:
    run()
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def type_speed(ggml: Ggml, kind: int, *, packed: bool) -> tuple[float, float]:
    """Bytes of weights a second for one token, and multiplications with addition a second for a prompt."""
    weights = ggml.context(tensors=MATRICES)
    matrices = [ggml.tensor(weights, kind, COLUMNS, ROWS) for _ in range(MATRICES)]
    held = [ggml.fill(weights, matrices, packed=packed)]
    size = ggml.call("ggml_nbytes", SIZE, matrices[0])
    speeds = []
    for tokens, used in ((1, matrices), (PROMPT_TOKENS, matrices[:1])):
        context = ggml.context(tensors=2 * len(used) + 8)
        vectors = ggml.tensor(context, F32, COLUMNS, tokens)
        products = [ggml.product(context, matrix, vectors) for matrix in used]
        held.append(P(ggml.call("ggml_backend_alloc_ctx_tensors", P, context, P(ggml.backend))))
        work = size * len(used) if tokens == 1 else COLUMNS * ROWS * tokens
        speeds.append(work / ggml.seconds(context, products))
        ggml.call("ggml_free", None, context)
    for buffer in held:
        ggml.call("ggml_backend_buffer_free", None, buffer)
    ggml.call("ggml_free", None, weights)
    return speeds[0], speeds[1]


def operation_seconds(ggml: Ggml) -> float:
    """What one operation costs for being one: all threads wait for each other after each."""
    context = ggml.context(tensors=SMALL_OPERATIONS + 8)
    matrix, vector = ggml.tensor(context, F32, 64, 64), ggml.tensor(context, F32, 64, 1)
    results = [vector]
    for _ in range(SMALL_OPERATIONS):
        results.append(ggml.product(context, matrix, results[-1]))
    buffer = P(ggml.call("ggml_backend_alloc_ctx_tensors", P, context, P(ggml.backend)))
    seconds = ggml.seconds(context, results[-1:])
    ggml.call("ggml_backend_buffer_free", None, buffer)
    ggml.call("ggml_free", None, context)
    return seconds / SMALL_OPERATIONS


def copy_speed(threads: int) -> float:
    """Bytes a second read and written by all cores together: the memory's bandwidth, roughly."""
    buffers = [(ctypes.create_string_buffer(COPY_BYTES), ctypes.create_string_buffer(COPY_BYTES)) for _ in range(2)]
    pairs = (buffers * threads)[:threads]

    def run() -> None:
        part = COPY_BYTES // threads
        workers = [
            threading.Thread(
                target=ctypes.memmove,
                args=(ctypes.addressof(a) + n * part, ctypes.addressof(b) + n * part, part),
            )
            for n, (a, b) in enumerate(pairs)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

    return 2 * COPY_BYTES / best(run, times=5)


def measure(threads: int, *, packed: bool = True) -> dict[str, Any]:
    """All speeds.

    packed  as a worker packs weights; a processor for which llama.cpp can't do that ends this process
    """
    memory = copy_speed(threads)
    speeds: dict[str, Any] = {"memory_bytes_per_second": memory}
    try:
        ggml, alone = Ggml(threads), Ggml(1)
        speeds["operation_seconds"] = operation_seconds(ggml)
        decode, prompt = {}, {}
        for name, kind in TYPES.items():
            together = type_speed(ggml, kind, packed=packed and name in PACKED)
            one = type_speed(alone, kind, packed=packed and name in PACKED) if threads > 1 else together
            # Threads wait for each other, so that busy programs slow many more than one: take what is plausible.
            decode[name] = max(together[0], min(threads * one[0], memory))
            prompt[name] = max(together[1], 0.9 * threads * one[1])
    except (ImportError, AttributeError, OSError) as error:
        return {**speeds, "problem": f"llama.cpp's functions can't be reached: {error}"}
    return {**speeds, "decode_bytes_per_second": decode, "prompt_products_per_second": prompt}


if __name__ == "__main__":
    json.dump(measure(int(sys.argv[1]), packed="plain" not in sys.argv), sys.stdout)
