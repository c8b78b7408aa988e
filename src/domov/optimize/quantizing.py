"""Writes a model in other types, in a child process: piece by piece, all cores at once, little of it in memory.

A file that an earlier run left behind is gone on with after its last whole tensor.
"""

import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from domov.errors import BadInput, BadModelFile
from domov.optimize.layout import Layout, layout
from domov.optimize.native import Floats, Kernels
from domov.store.gguf import Tensor, read_header
from domov.store.recipe import BLOCK_OF, needs_importance, tensor_bytes

# All pieces under way together: 10 bytes each for what was read, its 32-bit floats and its blocks.
MOST_ELEMENTS = 12_000_000
LARGEST_PIECE = 1 << 20
SYNC_BYTES = 256 << 20
LARGEST_F16 = 65504
OnDone = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Piece:
    """Some rows of one matrix."""

    tensor: Tensor  # of the source
    kind: str  # to become
    first_element: int
    elements: int
    matrix: int = 0  # which of the experts


@dataclass(frozen=True, slots=True)
class Order:
    source: Path
    target: Path
    types: Mapping[str, str]  # of each tensor
    quantization: str  # what the whole is called
    importance: Mapping[str, Floats]  # for each column of each matrix, as far as it is known
    threads: int


def quantize(order: Order, done: OnDone = lambda written_bytes: None) -> None:
    """Writes the target. Raises BadModelFile for weights that are no numbers."""
    source, target, types, threads = order.source, order.target, order.types, order.threads
    kernels, header = Kernels(), read_header(source)
    check_importance(header.tensors, order)
    with source.open("rb", buffering=0) as reading, target.open("r+b" if target.exists() else "w+b") as writing:
        handle = reading.fileno()
        plan = layout(
            header, lambda start, count: os.pread(handle, count, start), types, quantization=order.quantization
        )
        first = _begin(writing, plan)
        pieces = pieces_of(header.tensors[first:], types, size=piece_elements(threads))
        work = _Work(kernels, handle, header.data_offset, order.importance)
        for kind in {types[t.name] for t in header.tensors}:
            kernels.prepare(kind)
        _write(writing, plan, work.in_order(pieces, threads=threads), done)


def check_importance(tensors: tuple[Tensor, ...], order: Order) -> None:
    """Raises BadInput where a tensor's columns are missing that its type can't do without, or are another number."""
    for tensor in tensors:
        columns = order.importance.get(tensor.name)
        wanted = tensor.dimensions[0] * (tensor.dimensions[2] if len(tensor.dimensions) > 2 else 1)
        if columns is None and needs_importance(tensor, order.types[tensor.name], order.quantization):
            raise BadInput(
                f"the importance matrix says nothing of {tensor.name}, which {order.types[tensor.name]} needs",
                hint="give that tensor another type: --tensor NAME=Q2_K",
            )
        if columns is not None and len(columns) != wanted:
            raise BadInput(f"the importance matrix has {len(columns)} columns for {tensor.name}, not {wanted}")


def piece_elements(threads: int) -> int:
    return max(1 << 12, min(LARGEST_PIECE, MOST_ELEMENTS // (2 * threads)))


def _begin(writing: BinaryIO, plan: Layout) -> int:
    """Which tensor comes next, with the file cut off before it; 0 for a file that is new or begins otherwise."""
    have = writing.seek(0, os.SEEK_END)
    writing.seek(0)
    whole = writing.read(len(plan.head)) == plan.head
    ends = [start + t.size_bytes for start, t in zip(plan.starts(), plan.header.tensors, strict=True)]
    first = sum(end <= have for end in ends) if whole else 0
    if first == 0:
        writing.seek(0)
        writing.write(plan.head)
    writing.truncate(writing.seek(ends[first - 1] if first else len(plan.head)))
    return first


def pieces_of(tensors: tuple[Tensor, ...], types: Mapping[str, str], *, size: int) -> Iterator[Piece]:
    """Whole rows of one matrix each, of about `size` elements."""
    for tensor in tensors:
        columns = tensor.dimensions[0]
        rows = tensor.dimensions[1] if len(tensor.dimensions) > 1 else 1
        step = max(1, size // columns) * columns
        for matrix in range(tensor.elements // (columns * rows)):
            start = matrix * columns * rows
            for first in range(start, start + columns * rows, step):
                count = min(step, start + columns * rows - first)
                yield Piece(tensor, types[tensor.name], first, count, matrix)


class _Work:
    def __init__(self, kernels: Kernels, handle: int, data_offset: int, importance: Mapping[str, Floats]) -> None:
        self.kernels, self._handle, self._data_offset, self._importance = kernels, handle, data_offset, importance

    def in_order(self, pieces: Iterator[Piece], *, threads: int) -> Iterator[tuple[Piece, bytes]]:
        """What becomes of each piece, in order, while the next ones are worked on."""
        under_way: deque[tuple[Piece, Future[bytes]]] = deque()
        with ThreadPoolExecutor(threads) as pool:
            try:
                for piece in pieces:
                    under_way.append((piece, pool.submit(self.made, piece)))
                    if len(under_way) >= 2 * threads:
                        first, future = under_way.popleft()
                        yield first, future.result()
                for first, future in under_way:
                    yield first, future.result()
            finally:
                pool.shutdown(cancel_futures=True)

    def made(self, piece: Piece) -> bytes:
        tensor = piece.tensor
        start = self._data_offset + tensor.offset + tensor_bytes(piece.first_element, tensor.type)
        count = tensor_bytes(piece.elements, tensor.type)
        content = os.pread(self._handle, count, start)
        if len(content) != count:
            raise BadModelFile(f"the file became shorter while tensor {tensor.name} was read", hint="fetch it again")
        if tensor.type == piece.kind and piece.kind not in ("F32", "F16", "BF16"):
            return content
        weights = self.kernels.floats(np.frombuffer(content, np.uint8), tensor.type, piece.elements)
        check_numbers(weights, tensor, piece.first_element)
        if tensor.type == piece.kind:
            return content
        if piece.kind == "F16" and np.abs(weights).max() > LARGEST_F16:
            raise BadModelFile(f"tensor {tensor.name} holds a weight too large for F16", hint="take BF16 or F32")
        rows = weights.reshape(-1, tensor.dimensions[0])
        return self.kernels.quantized(rows, piece.kind, self._weights_of(piece)).tobytes()

    def _weights_of(self, piece: Piece) -> Floats | None:
        columns, found = piece.tensor.dimensions[0], self._importance.get(piece.tensor.name)
        if found is None or BLOCK_OF[piece.kind][0] == 1:
            return None
        return np.ascontiguousarray(found[piece.matrix * columns : (piece.matrix + 1) * columns])


def check_numbers(weights: Floats, tensor: Tensor, first_element: int) -> None:
    """Raises BadModelFile, naming the tensor and the place, where a weight is not a number or endless."""
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(weights.sum(dtype=np.float32)):  # many times faster than to look at each
            return
    bad = np.flatnonzero(~np.isfinite(weights))
    if bad.size:
        place = first_element + int(bad[0])
        row, column = divmod(place, tensor.dimensions[0])
        raise BadModelFile(
            f"tensor {tensor.name} holds a weight that is not a number, in row {row}, column {column}",
            hint="the model was damaged while it was trained or converted: take another one",
        )


def _write(writing: BinaryIO, plan: Layout, made: Iterator[tuple[Piece, bytes]], done: OnDone) -> None:
    starts = dict(zip((t.name for t in plan.header.tensors), plan.starts(), strict=True))
    unsynced = 0
    for piece, content in made:
        place = starts[piece.tensor.name] + tensor_bytes(piece.first_element, piece.kind)
        writing.write(bytes(place - writing.tell()) + content)  # between tensors, what aligns the next
        unsynced += len(content)
        if unsynced > SYNC_BYTES:
            writing.flush()
            os.fsync(writing.fileno())
            unsynced = 0
        done(writing.tell())
    writing.write(bytes(plan.size_bytes - writing.tell()))
    writing.flush()
    os.fsync(writing.fileno())
