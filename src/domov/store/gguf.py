"""Reads what a GGUF file says of itself, from its header alone, without trusting a byte of it.

Every count, length and offset is held against a limit and against the file's size before it is used, so that
native code only ever sees files whose tensors lie inside them (CVE-2026-7482 and its kind). Nothing is mapped:
a file that shrinks while it is read is an error, not a crash.

Source: ggml's docs/gguf.md, versions 2 and 3, little-endian.
"""

import stat
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from domov.errors import BadModelFile
from domov.store.names import shown

# Elements and bytes in one block of each tensor type (ggml/src/ggml-common.h, ggml_type numbers of ggml.h).
BLOCKS = {
    0: ("F32", 1, 4),
    1: ("F16", 1, 2),
    2: ("Q4_0", 32, 18),
    3: ("Q4_1", 32, 20),
    6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24),
    8: ("Q8_0", 32, 34),
    9: ("Q8_1", 32, 36),
    10: ("Q2_K", 256, 84),
    11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144),
    13: ("Q5_K", 256, 176),
    14: ("Q6_K", 256, 210),
    15: ("Q8_K", 256, 292),
    16: ("IQ2_XXS", 256, 66),
    17: ("IQ2_XS", 256, 74),
    18: ("IQ3_XXS", 256, 98),
    19: ("IQ1_S", 256, 50),
    20: ("IQ4_NL", 32, 18),
    21: ("IQ3_S", 256, 110),
    22: ("IQ2_S", 256, 82),
    23: ("IQ4_XS", 256, 136),
    24: ("I8", 1, 1),
    25: ("I16", 1, 2),
    26: ("I32", 1, 4),
    27: ("I64", 1, 8),
    28: ("F64", 1, 8),
    29: ("IQ1_M", 256, 56),
    30: ("BF16", 1, 2),
    34: ("TQ1_0", 256, 54),
    35: ("TQ2_0", 256, 66),
    39: ("MXFP4", 32, 17),
    40: ("NVFP4", 64, 36),
}

# general.file_type, as llama.cpp's llama_ftype numbers it (include/llama.h).
FILE_TYPES = {
    0: "F32",
    1: "F16",
    2: "Q4_0",
    3: "Q4_1",
    7: "Q8_0",
    8: "Q5_0",
    9: "Q5_1",
    10: "Q2_K",
    11: "Q3_K_S",
    12: "Q3_K_M",
    13: "Q3_K_L",
    14: "Q4_K_S",
    15: "Q4_K_M",
    16: "Q5_K_S",
    17: "Q5_K_M",
    18: "Q6_K",
    19: "IQ2_XXS",
    20: "IQ2_XS",
    21: "Q2_K_S",
    22: "IQ3_XS",
    23: "IQ3_XXS",
    24: "IQ1_S",
    25: "IQ4_NL",
    26: "IQ3_S",
    27: "IQ3_M",
    28: "IQ2_S",
    29: "IQ2_M",
    30: "IQ4_XS",
    31: "IQ1_M",
    32: "BF16",
    36: "TQ1_0",
    37: "TQ2_0",
    38: "MXFP4",
}

MOST_HEADER_BYTES = 64 << 20  # the largest vocabularies take about 15 MB
MOST_STRING_BYTES = 16 << 20
MOST_KEYS = 1 << 16
MOST_TENSORS = 1 << 20
MOST_ELEMENTS = 1 << 22  # the largest vocabularies have 1 << 18 words and twice as many merges
KEPT_ELEMENTS = 4096  # of an array: per-layer figures are kept, vocabularies are only counted
CHUNK_BYTES = 1 << 20

_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_LENGTH = struct.Struct("<Q")


@dataclass(frozen=True, slots=True)
class Tensor:
    name: str
    type: str  # a name of BLOCKS
    dimensions: tuple[int, ...]  # as in the file: the fastest first
    offset: int  # bytes from the start of the data
    size_bytes: int

    @property
    def elements(self) -> int:
        count = 1
        for d in self.dimensions:
            count *= d
        return count


@dataclass(frozen=True, slots=True)
class Header:
    version: int
    metadata: dict[str, Any]  # arrays longer than KEPT_ELEMENTS are an `Elements`
    tensors: tuple[Tensor, ...]
    data_offset: int
    size_bytes: int  # of the whole file
    spans: Mapping[str, tuple[int, int]] = field(default_factory=dict)  # where each key stands, its value included


@dataclass(frozen=True, slots=True)
class Elements:
    """An array that was counted, not kept."""

    count: int


ReadAt = Callable[[int, int], bytes]


def read_header(path: Path) -> Header:
    """The header of the file at `path`. Raises BadModelFile, naming the file and what is wrong with it."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would wait for ever
            raise BadModelFile(f"not a file: {path}")
        with path.open("rb", buffering=0) as file:

            def read_at(offset: int, count: int) -> bytes:
                file.seek(offset)
                return file.read(count)

            size = file.seek(0, 2)
            return parse_header(read_at, size_bytes=size, name=str(path))
    except OSError as error:
        raise BadModelFile(f"can't read {path}: {error.strerror or error}") from error


def parse_header(read_at: ReadAt, *, size_bytes: int, name: str) -> Header:
    """The header that `read_at(offset, count)` gives the bytes of, for a file of `size_bytes`.

    Raises BadModelFile.
    """
    cursor = _Cursor(read_at, size_bytes, name)
    if cursor.take(4) != b"GGUF":
        raise cursor.bad("it does not start as a GGUF file does", hint="fetch or export it again as GGUF")
    version = cursor.number("I")
    if version not in (2, 3):
        raise cursor.bad(f"GGUF version {version} is not one of 2 and 3 (or the file is big-endian)")
    tensor_count, key_count = cursor.number("Q"), cursor.number("Q")
    if tensor_count > MOST_TENSORS or key_count > MOST_KEYS:
        raise cursor.bad(f"it claims {tensor_count} tensors and {key_count} keys")
    metadata, spans = _read_metadata(cursor, key_count)
    tensors = tuple(_read_tensor(cursor) for _ in range(tensor_count))
    alignment = metadata.get("general.alignment", 32)
    if not isinstance(alignment, int) or alignment not in (8 << n for n in range(14)):
        raise cursor.bad(f"alignment {shown(str(alignment))} is not a power of two from 8 to 65536")
    data_offset = -(-cursor.offset // alignment) * alignment
    _check_tensors(cursor, tensors, data_offset=data_offset, alignment=alignment)
    return Header(version, metadata, tensors, data_offset, size_bytes, spans)


class _Cursor:
    """Walks a file in chunks, and refuses to step outside it."""

    def __init__(self, read_at: ReadAt, size_bytes: int, name: str) -> None:
        self.read_at, self.size_bytes, self.name = read_at, size_bytes, name
        self.chunk, self.chunk_offset, self.offset = b"", 0, 0

    def bad(self, why: str, *, hint: str = "the file is damaged or was made to harm; fetch it again") -> BadModelFile:
        return BadModelFile(f"not a usable model file: {self.name}: {why}", hint=hint)

    def take(self, count: int) -> bytes:
        start = self.offset - self.chunk_offset
        if start + count > len(self.chunk):
            self._load(count)
            start = 0
        self.offset += count
        return self.chunk[start : start + count]

    def skip(self, count: int) -> None:
        self._check(count)
        self.offset += count
        if self.offset - self.chunk_offset > len(self.chunk):
            self.chunk, self.chunk_offset = b"", self.offset

    def number(self, code: str) -> int:
        return int(struct.unpack("<" + code, self.take(struct.calcsize("<" + code)))[0])

    def text(self, most_bytes: int = MOST_STRING_BYTES) -> str:
        return self.take(self._string_length(most_bytes)).decode("utf-8", "replace")

    def skip_texts(self, count: int) -> None:
        """Passes over `count` strings, a million of them in a fifth of a second."""
        at = self.offset - self.chunk_offset
        for _ in range(count):
            if at + _LENGTH.size > len(self.chunk):
                self.offset = self.chunk_offset + at
                self._load(_LENGTH.size)
                at = 0
            length = _LENGTH.unpack_from(self.chunk, at)[0]
            if length > MOST_STRING_BYTES:
                raise self.bad(f"a string of {length} bytes")
            at += _LENGTH.size + length
        self.offset = self.chunk_offset + at
        self.skip(0)

    def _string_length(self, most_bytes: int) -> int:
        length = self.number("Q")
        if length > most_bytes:
            raise self.bad(f"a string of {length} bytes")
        return length

    def _check(self, count: int) -> None:
        if self.offset + count > self.size_bytes:
            raise self.bad(f"it ends at byte {self.size_bytes}, in the middle of its header", hint="fetch it again")
        if self.offset + count > MOST_HEADER_BYTES:
            raise self.bad(f"its header is longer than {MOST_HEADER_BYTES} bytes")

    def _load(self, count: int) -> None:
        self._check(count)
        self.chunk = self.read_at(self.offset, max(count, CHUNK_BYTES))
        self.chunk_offset = self.offset
        if len(self.chunk) < count:
            raise self.bad("it became shorter while it was read", hint="fetch it again")


def _read_metadata(cursor: _Cursor, count: int) -> tuple[dict[str, Any], dict[str, tuple[int, int]]]:
    metadata: dict[str, Any] = {}
    spans: dict[str, tuple[int, int]] = {}
    for _ in range(count):
        start = cursor.offset
        key = cursor.text(1 << 16)
        if key in metadata:
            raise cursor.bad(f"the key {shown(key)!r} stands twice")
        metadata[key] = _read_value(cursor, cursor.number("I"))
        spans[key] = start, cursor.offset
    return metadata, spans


def _read_value(cursor: _Cursor, kind: int) -> Any:
    if kind == _STRING:
        return cursor.text()
    if kind == _ARRAY:
        return _read_array(cursor)
    if kind in _SCALARS:
        code = "<" + _SCALARS[kind]
        return struct.unpack(code, cursor.take(struct.calcsize(code)))[0]
    raise cursor.bad(f"a value of unknown type {kind}")


def _read_array(cursor: _Cursor) -> Any:
    kind, count = cursor.number("I"), cursor.number("Q")
    if count > MOST_ELEMENTS or kind == _ARRAY:
        raise cursor.bad(f"an array of {count} elements of type {kind}")
    if kind == _STRING:
        if count <= KEPT_ELEMENTS:
            return [cursor.text() for _ in range(count)]
        cursor.skip_texts(count)
        return Elements(count)
    if kind not in _SCALARS:
        raise cursor.bad(f"an array of unknown type {kind}")
    code = f"<{count}{_SCALARS[kind]}"
    if count > KEPT_ELEMENTS:
        cursor.skip(struct.calcsize(code))
        return Elements(count)
    return list(struct.unpack(code, cursor.take(struct.calcsize(code))))


def _read_tensor(cursor: _Cursor) -> Tensor:
    name = cursor.text(1 << 10)
    rank = cursor.number("I")
    if not 1 <= rank <= 4:
        raise cursor.bad(f"tensor {shown(name)!r} has {rank} dimensions")
    dimensions = tuple(cursor.number("Q") for _ in range(rank))
    kind, offset = cursor.number("I"), cursor.number("Q")
    if kind not in BLOCKS:
        raise cursor.bad(
            f"tensor {shown(name)!r} has the unknown type {kind}",
            hint="update Domov, or take another quantization of the model",
        )
    type_name, block_elements, block_bytes = BLOCKS[kind]
    tensor = Tensor(name, type_name, dimensions, offset, 0)
    if any(d < 1 or d > 1 << 40 for d in dimensions) or tensor.elements > 1 << 45 or dimensions[0] % block_elements:
        raise cursor.bad(f"tensor {shown(name)!r} has the impossible shape {dimensions}")
    return Tensor(name, type_name, dimensions, offset, tensor.elements // block_elements * block_bytes)


def _check_tensors(cursor: _Cursor, tensors: tuple[Tensor, ...], *, data_offset: int, alignment: int) -> None:
    if len({t.name for t in tensors}) != len(tensors):
        raise cursor.bad("two tensors have the same name")
    end = 0
    for tensor in sorted(tensors, key=lambda t: t.offset):
        if tensor.offset < end or tensor.offset % alignment:
            raise cursor.bad(f"tensor {shown(tensor.name)!r} overlaps another or is misaligned")
        end = tensor.offset + tensor.size_bytes
        if data_offset + end > cursor.size_bytes:
            raise cursor.bad(
                f"tensor {shown(tensor.name)!r} ends at byte {data_offset + end}, the file at {cursor.size_bytes}",
                hint="the download is not complete: fetch it again",
            )
