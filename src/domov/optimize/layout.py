"""What stands before the weights in a GGUF file that is made from another: all that the source says, its types changed.

Keys are copied byte for byte, so that nothing of a tokenizer or a template can get lost. Source: ggml's docs/gguf.md.
"""

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from domov.store.gguf import BLOCKS, FILE_TYPES, Header, Tensor
from domov.store.recipe import tensor_bytes, with_types

NUMBER_OF = {name: number for number, (name, _, _) in BLOCKS.items()}
QUANTIZATION_VERSION = 2  # ggml's GGML_QNT_VERSION
OWN_KEYS = ("general.file_type", "general.quantization_version", "split.no", "split.count", "split.tensors.count")
UINT32 = 4
ReadAt = Callable[[int, int], bytes]


@dataclass(frozen=True, slots=True)
class Layout:
    """A file before it is written."""

    head: bytes  # up to the first weight
    header: Header  # its tensors as they will lie

    @property
    def size_bytes(self) -> int:
        return self.header.size_bytes

    def starts(self) -> list[int]:
        """Where in the file each tensor starts."""
        return [self.header.data_offset + t.offset for t in self.header.tensors]


def layout(source: Header, read_at: ReadAt, types: Mapping[str, str], *, quantization: str) -> Layout:
    """The head of a file with these types.

    read_at  `read_at(offset, count)` gives bytes of the source
    """
    return _laid_out(with_types(source, types, quantization), source, read_at, {}, quantization)


def rebuilt(
    source: Header,
    read_at: ReadAt,
    tensors: Sequence[tuple[str, tuple[int, ...], str]],
    changes: Mapping[str, int],
    *,
    quantization: str,
) -> Layout:
    """The head of a file with other tensors: (name, dimensions, type).

    changes  whole numbers that keys of the source become
    """
    alignment, offset, made = int(source.metadata.get("general.alignment", 32)), 0, []
    for name, dimensions, kind in tensors:
        one = Tensor(name, kind, dimensions, offset, 0)
        made.append(replace(one, size_bytes=tensor_bytes(one.elements, kind)))
        offset += -(-made[-1].size_bytes // alignment) * alignment
    header = replace(source, tensors=tuple(made), size_bytes=source.data_offset + offset)
    return _laid_out(header, source, read_at, changes, quantization)


def _laid_out(made: Header, source: Header, read_at: ReadAt, changes: Mapping[str, int], quantization: str) -> Layout:
    gone = (*OWN_KEYS, *changes)
    kept = [read_at(start, end - start) for key, (start, end) in source.spans.items() if key not in gone]
    file_type = next((n for n, name in FILE_TYPES.items() if name == quantization), 0)
    own = [_number("general.file_type", file_type), _number("general.quantization_version", QUANTIZATION_VERSION)]
    own += [_number(key, number) for key, number in changes.items()]
    head = struct.pack("<4sIQQ", b"GGUF", 3, len(made.tensors), len(kept) + len(own)) + b"".join([*kept, *own])
    for tensor in made.tensors:
        head += _text(tensor.name) + struct.pack("<I", len(tensor.dimensions))
        head += struct.pack(f"<{len(tensor.dimensions)}Q", *tensor.dimensions)
        head += struct.pack("<IQ", NUMBER_OF[tensor.type], tensor.offset)
    alignment = int(source.metadata.get("general.alignment", 32))
    head += bytes(-len(head) % alignment)
    size = made.size_bytes - made.data_offset + len(head)
    return Layout(head, replace(made, data_offset=len(head), size_bytes=size, spans={}))


def _number(key: str, value: int) -> bytes:
    return _text(key) + struct.pack("<II", UINT32, value)


def _text(text: str) -> bytes:
    content = text.encode()
    return struct.pack("<Q", len(content)) + content
