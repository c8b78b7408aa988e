"""How much a model loses where: errors of each tensor in each type, and what such errors do to it. In a child process.

An error is the mean square of what a quantized matrix gives otherwise, column by column as the importance matrix weighs
them, from some of its rows. What it does is measured: a group of matrices is quantized in memory, and the divergence
from the untouched model is taken on a piece of text.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from domov.optimize.collecting import spread, started
from domov.optimize.llama import Llama, Node
from domov.optimize.measuring import log_likelihoods
from domov.optimize.native import Floats, Kernels
from domov.store.gguf import Header, Tensor, read_header
from domov.store.recipe import tensor_bytes

SAMPLED_ROWS = 32
SOUNDED_TOKENS = 128  # of each piece of text, half of them scored
F16 = 1
OnDone = Callable[[int, int], None]


class Weights:
    """The matrices of a file in 16 or 32 bits, read when they are asked for."""

    def __init__(self, path: Path) -> None:
        self.header: Header = read_header(path)
        self.tensors: Mapping[str, Tensor] = {t.name: t for t in self.header.tensors}
        self._kernels, self._handle = Kernels(), os.open(path, os.O_RDONLY)

    def rows(self, name: str, *, most: int | None = None) -> tuple[Floats, int]:
        """Rows of a matrix, evenly taken where they are more than `most`, and of how many."""
        tensor = self.tensors[name]
        columns, count = tensor.dimensions[0], tensor.elements // tensor.dimensions[0]
        step = 1 if most is None else max(1, count // most)
        start = self.header.data_offset + tensor.offset
        row_bytes = tensor_bytes(columns, tensor.type)
        if step == 1:
            content = os.pread(self._handle, row_bytes * count, start)
        else:
            content = b"".join(os.pread(self._handle, row_bytes, start + n * row_bytes) for n in range(0, count, step))
        taken = len(content) // row_bytes
        floats = self._kernels.floats(np.frombuffer(content, np.uint8), tensor.type, taken * columns)
        return floats.reshape(taken, columns), count

    def quantized(self, rows: Floats, kind: str, importance: Floats | None) -> Floats:
        """The rows as they are after a way through blocks of a type."""
        blocks = self._kernels.quantized(rows, kind, importance)
        return self._kernels.floats(blocks.reshape(-1), kind, rows.size).reshape(rows.shape)


def errors(
    weights: Weights,
    options: Mapping[str, Sequence[str]],
    importance: Mapping[str, Floats],
    *,
    threads: int,
    done: OnDone,
) -> dict[str, dict[str, float]]:
    """The weighed squared error of each tensor in each of its types, for the whole tensor."""

    def of_one(name: str) -> dict[str, float]:
        rows, count = weights.rows(name, most=SAMPLED_ROWS)
        columns = weights_of(importance, name, rows.shape[1])
        return {kind: _error(weights, rows, kind, columns) * count / len(rows) for kind in options[name]}

    found: dict[str, dict[str, float]] = {}
    with ThreadPoolExecutor(threads) as pool:
        for name, own in zip(options, pool.map(of_one, options), strict=True):
            found[name] = own
            done(len(found), len(options))
    return found


def _error(weights: Weights, rows: Floats, kind: str, columns: Floats | None) -> float:
    difference = rows - weights.quantized(rows, kind, columns)
    squares = np.einsum("ij,ij->j", difference, difference)
    return float((squares if columns is None else squares * columns).sum())


def weights_of(importance: Mapping[str, Floats], name: str, columns: int) -> Floats | None:
    """One number for each column: of a mixture's experts their mean."""
    found = importance.get(name)
    return None if found is None else np.ascontiguousarray(found.reshape(-1, columns).mean(axis=0))


class Soundings:
    """A model whose matrices are changed in memory, and what that does to what it says."""

    def __init__(self, path: Path, text: str, *, threads: int, chunks: int) -> None:
        self.weights = Weights(path)
        self._places: dict[str, set[int]] = {}
        self._llama = Llama(path, context_tokens=SOUNDED_TOKENS, threads=threads, watch=self._watch, editable=True)
        found = spread(self._llama.tokens(text), most=chunks, size=SOUNDED_TOKENS)
        self._chunks = [started(chunk, self._llama.first_token) for chunk in found]
        self._before = list(self._said())

    def _watch(self, node: Node, ask: bool) -> bool:
        """Notes where each matrix lies; nothing is wanted of any node."""
        if ask and node.operation in ("MUL_MAT", "MUL_MAT_ID", "GET_ROWS"):
            source = node.source(0)
            if source.type == F16:
                self._places.setdefault(source.name, set()).add(source.address)
        return not ask

    def _said(self) -> Iterator[Floats]:
        for chunk in self._chunks:
            yield log_likelihoods(self._llama.read([chunk], [SOUNDED_TOKENS // 2]))

    def divergence(self, names: Sequence[str], kind: str, importance: Mapping[str, Floats]) -> float:
        """How far the model is from itself when some of its matrices are in another type. They are put back."""
        before: dict[str, Floats] = {}
        for name in names:
            if name in self._places:
                before[name], _ = self.weights.rows(name)
                weight = weights_of(importance, name, before[name].shape[1])
                self._put(name, self.weights.quantized(before[name], kind, weight))
        total = 0.0
        for old, new in zip(self._before, self._said(), strict=True):
            total += float(np.einsum("ij,ij->i", np.exp(old), old - new).mean())
        for name, rows in before.items():
            self._put(name, rows)
        return total / len(self._chunks)

    def _put(self, name: str, rows: Floats) -> None:
        content = rows.astype(np.float16).reshape(-1).view(np.uint8)
        for address in self._places[name]:
            Node(self._llama.native, address).overwrite(content)
