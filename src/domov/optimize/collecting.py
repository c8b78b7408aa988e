"""What goes into each matrix while a model reads a text: the mean square of each column. In a child process.

That is llama.cpp's importance matrix: an error in a weight counts as much as what it is multiplied with is large. As
there, the output matrix is left out. Source: llama.cpp's tools/imatrix/imatrix.cpp at b11549.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from domov.errors import BadInput
from domov.optimize.llama import Node
from domov.optimize.measuring import CHUNK_TOKENS
from domov.optimize.native import Floats

FLOATS = 0  # GGML_TYPE_F32


@dataclass
class Collected:
    """Sums of squares for each column, and how many rows they are of; for a mixture, of each expert."""

    sums: dict[str, npt.NDArray[np.float64]] = field(default_factory=dict)
    counts: dict[str, npt.NDArray[np.float64]] = field(default_factory=dict)

    def watch(self, node: Node, ask: bool) -> bool:
        """Called for each node of the graph; True where it is wanted, and to go on."""
        operation = node.operation
        if operation not in ("MUL_MAT", "MUL_MAT_ID"):
            return not ask
        weights = node.source(0)
        name, inputs = weights.name, node.source(1)
        wanted = name.startswith("blk.") and name.endswith("weight") and inputs.type == FLOATS
        if ask or not wanted:
            return wanted or not ask
        if operation == "MUL_MAT_ID":
            self._add_experts(name, weights.shape, inputs, node.source(2))
        elif inputs.shape[2] * inputs.shape[3] == 1:
            rows = inputs.content().view(np.float32).reshape(-1, inputs.shape[0])
            self._add(name, 0, rows, experts=1)
        return True

    def _add(self, name: str, expert: int, rows: Floats, *, experts: int) -> None:
        if name not in self.sums:
            self.sums[name], self.counts[name] = np.zeros((experts, rows.shape[1])), np.zeros(experts)
        self.sums[name][expert] += np.einsum("ij,ij->j", rows, rows)
        self.counts[name][expert] += len(rows)

    def _add_experts(self, name: str, shape: Sequence[int], inputs: Node, chosen: Node) -> None:
        used, tokens = chosen.shape[:2]
        content, strides = chosen.content(), chosen.strides
        ids = np.lib.stride_tricks.as_strided(content.view(np.int32), (tokens, used), (strides[1], strides[0]))
        rows = inputs.content().view(np.float32).reshape(tokens, inputs.shape[1], inputs.shape[0])
        for expert in np.unique(ids):
            token, slot = np.nonzero(ids == expert)
            self._add(name, int(expert), rows[token, slot % rows.shape[1]], experts=shape[2])

    def means(self) -> dict[str, Floats]:
        """For each matrix its columns, those of one expert after the other; 1 where no text went through an expert."""
        found = {}
        for name, sums in self.sums.items():
            counts = self.counts[name][:, None]
            found[name] = np.where(counts > 0, sums / np.maximum(counts, 1), 1.0).astype(np.float32).reshape(-1)
        return found


def spread(tokens: Sequence[int], *, most: int, size: int = CHUNK_TOKENS) -> list[Sequence[int]]:
    """Pieces of one size, taken evenly from a text."""
    count = len(tokens) // size
    chosen = sorted({n * count // most for n in range(most)}) if count > most else list(range(count))
    return [tokens[n * size : (n + 1) * size] for n in chosen]


def started(chunk: Sequence[int], first: int | None) -> list[int]:
    """The piece with the token that every text begins with in the place of its first, as llama.cpp's tools do it."""
    return [chunk[0] if first is None else first, *chunk[1:]]


def long_enough(tokens: Sequence[int], *, least: int, size: int = CHUNK_TOKENS) -> None:
    """Raises BadInput, with the length that is needed, for a text of fewer than `least` pieces."""
    if len(tokens) < least * size:
        words = round(0.75 * least * size, -1)
        raise BadInput(
            f"the text has {len(tokens)} tokens, {least * size} are needed",
            hint=f"take one of {words:.0f} words or more",
        )
