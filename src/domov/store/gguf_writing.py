"""Writes a GGUF file, tensor by tensor, from bytes that are in its formats already.

Source: ggml's docs/gguf.md, version 3, little-endian. Nothing is quantized here and no tensor is held whole.
"""

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO

ALIGNMENT = 32
_U32, _I32, _F32, _BOOL, _STRING, _ARRAY = 4, 5, 6, 7, 8, 9
Value = bool | int | float | str | Sequence[bytes] | Sequence[float] | Sequence[int]


@dataclass(frozen=True, slots=True)
class NewTensor:
    name: str
    type: int  # a number of `gguf.BLOCKS`
    dimensions: tuple[int, ...]  # the fastest first
    size_bytes: int


def write_header(target: IO[bytes], metadata: Mapping[str, Value], tensors: Sequence[NewTensor]) -> None:
    """All that stands before the data of the first tensor. Whole numbers become u32, within arrays i32."""
    target.write(b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(metadata)))
    for key, value in metadata.items():
        target.write(_string(key.encode()) + _value(value))
    offset = 0
    for tensor in tensors:
        shape = struct.pack(f"<I{len(tensor.dimensions)}Q", len(tensor.dimensions), *tensor.dimensions)
        target.write(_string(tensor.name.encode()) + shape + struct.pack("<IQ", tensor.type, offset))
        offset += tensor.size_bytes + _padding(tensor.size_bytes)
    target.write(bytes(_padding(target.tell())))


def write_tensor(target: IO[bytes], pieces: Iterable[bytes]) -> None:
    """The data of the next tensor of the header."""
    size = sum(target.write(piece) for piece in pieces)
    target.write(bytes(_padding(size)))


def _padding(size: int) -> int:
    return -size % ALIGNMENT


def _string(text: bytes) -> bytes:
    return struct.pack("<Q", len(text)) + text


def _value(value: Value) -> bytes:
    if isinstance(value, bool):
        return struct.pack("<I?", _BOOL, value)
    if isinstance(value, int):
        return struct.pack("<II", _U32, value)
    if isinstance(value, float):
        return struct.pack("<If", _F32, value)
    if isinstance(value, str):
        return struct.pack("<I", _STRING) + _string(value.encode())
    return struct.pack("<I", _ARRAY) + _array(value)


def _array(values: Sequence[bytes] | Sequence[float] | Sequence[int]) -> bytes:
    first = values[0] if values else 0
    if isinstance(first, bytes):
        return struct.pack("<IQ", _STRING, len(values)) + b"".join(_string(v) for v in values if isinstance(v, bytes))
    kind, letter = (_F32, "f") if isinstance(first, float) else (_I32, "i")
    return struct.pack("<IQ", kind, len(values)) + struct.pack(f"<{len(values)}{letter}", *values)
