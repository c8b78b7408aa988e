"""llama.cpp's quantizing functions, called by ctypes. Only in a child process: they read what a file holds.

Source: ggml.h and ggml-quants.h at b11549. Where the library exports nothing (Windows) or calculates otherwise than it
should, `Kernels` raises EngineUnavailable.
"""

import ctypes

import numpy as np
import numpy.typing as npt

from domov.errors import EngineUnavailable
from domov.optimize.layout import NUMBER_OF
from domov.store.recipe import BLOCK_OF

Floats = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]
P, I64, SIZE = ctypes.c_void_p, ctypes.c_int64, ctypes.c_size_t
HINT = "on Linux and macOS `pip install` of the exact version that Domov names brings them"


def library() -> ctypes.CDLL:
    """llama.cpp's library. Raises EngineUnavailable."""
    try:
        import xllamacpp.xllamacpp as found

        return ctypes.CDLL(found.__file__)
    except (ImportError, OSError) as error:
        raise EngineUnavailable(f"llama.cpp's functions can't be reached: {error}", hint=HINT) from error


class Kernels:
    """Rows of weights into blocks and back. Its calls let go of Python's lock: threads run side by side."""

    def __init__(self) -> None:
        native = library()
        try:
            self._chunk = native.ggml_quantize_chunk
            self._init = native.ggml_quantize_init
            self._to_float = {kind: getattr(native, _name(kind)) for kind in NUMBER_OF if kind in READABLE}
        except AttributeError as error:
            raise EngineUnavailable(f"llama.cpp's functions can't be reached: {error}", hint=HINT) from error
        self._chunk.restype = SIZE
        self._chunk.argtypes = [ctypes.c_int, P, P, I64, I64, I64, P]
        for function in self._to_float.values():
            function.restype, function.argtypes = None, [P, P, I64]
        self._self_test()

    def prepare(self, kind: str) -> None:
        """Builds the tables that some types need, once and before there are threads."""
        self._init(ctypes.c_int(NUMBER_OF[kind]))

    def quantized(self, rows: Floats, kind: str, importance: Floats | None = None) -> Bytes:
        """Rows of 32-bit weights as blocks of a type.

        importance  one number for each column, or None
        """
        count, columns = rows.shape
        elements, size = BLOCK_OF[kind]
        out = np.empty((count, columns // elements * size), np.uint8)
        weights = None if importance is None else importance.ctypes.data
        written = self._chunk(NUMBER_OF[kind], rows.ctypes.data, out.ctypes.data, 0, count, columns, weights)
        if written != out.nbytes:
            raise EngineUnavailable(f"llama.cpp wrote {written} bytes of {kind} instead of {out.nbytes}", hint=HINT)
        return out

    def floats(self, blocks: Bytes, kind: str, elements: int) -> Floats:
        """Blocks of a type as 32-bit weights, one after the other. Raises EngineUnavailable for a type it has not."""
        if kind == "F32":
            return blocks.view(np.float32)
        if kind not in self._to_float:
            raise EngineUnavailable(f"llama.cpp has no way to read weights of the type {kind}")
        out = np.empty(elements, np.float32)
        self._to_float[kind](blocks.ctypes.data, out.ctypes.data, elements)
        return out

    def _self_test(self) -> None:
        """A known answer: 32 whole numbers with a largest of 127 are themselves in Q8_0, with a scale of 1."""
        row = np.arange(-16, 16, dtype=np.float32)
        row[0] = 127
        wanted = np.concatenate([np.array([1], np.float16).view(np.uint8), row.astype(np.int8).view(np.uint8)])
        made = self.quantized(row.reshape(1, -1), "Q8_0")[0]
        back = self.floats(made, "Q8_0", 32)
        halves = self.floats(np.array([1.5, -2.0], np.float16).view(np.uint8), "F16", 2)
        if made.tolist() != wanted.tolist() or back.tolist() != row.tolist() or halves.tolist() != [1.5, -2.0]:
            raise EngineUnavailable("llama.cpp's functions calculate otherwise than they should", hint=HINT)


def _name(kind: str) -> str:
    """The function that reads a type: dequantize_row_q4_K, dequantize_row_iq4_nl, ggml_fp16_to_fp32_row."""
    if kind in ("F16", "BF16"):
        return {"F16": "ggml_fp16_to_fp32_row", "BF16": "ggml_bf16_to_fp32_row"}[kind]
    return "dequantize_row_" + (kind[:-1].lower() + "K" if kind.endswith("_K") else kind.lower())


READABLE: frozenset[str] = frozenset(NUMBER_OF) - {"F32", "F64", "I8", "I16", "I32", "I64", "Q8_1"}
