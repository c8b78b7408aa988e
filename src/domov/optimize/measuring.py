"""How likely a model finds a text, and how far it is from its parent, token by token. In a child process.

As llama.cpp's perplexity tool: pieces of 512 tokens, each read alone, of which the second half is scored. A parent's
likelihoods are kept in 16 bits: whole steps of 16 / 65535 below the likeliest. Source: tools/perplexity/perplexity.cpp.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from domov.optimize.native import Floats

CHUNK_TOKENS = 512
SCORED = CHUNK_TOKENS // 2 - 1  # of each piece
DEPTH = 16.0  # what is less likely than e^-16 of the likeliest counts as that
STEPS = 65535
BLOCK_ROWS = 64  # so many at once: the likelihoods of all tokens take 0.2 to 1 MB a row


def log_likelihoods(logits: Floats) -> Floats:
    """Natural logarithms, row by row."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)), np.float32)


def record_bytes(chunks: int, vocabulary: int) -> int:
    return chunks * SCORED * _row_type(vocabulary).itemsize


def _row_type(vocabulary: int) -> np.dtype[np.void]:
    return np.dtype([("top", np.float32), ("first", np.uint32), ("steps", np.uint16, (vocabulary,))])


class Record:
    """A file with the likelihoods of every token at each scored place."""

    def __init__(self, path: Path, *, vocabulary: int, mode: str) -> None:
        self.vocabulary, self._type = vocabulary, _row_type(vocabulary)
        self._file = path.open(mode)

    def write(self, likelihoods: Floats) -> None:
        rows = np.empty(len(likelihoods), self._type)
        rows["top"] = likelihoods.max(axis=-1)
        rows["first"] = likelihoods.argmax(axis=-1)
        below = np.clip(rows["top"][:, None] - likelihoods, 0, DEPTH)
        rows["steps"] = np.rint(below * (STEPS / DEPTH)).astype(np.uint16)
        self._file.write(rows.tobytes())

    def read(self, count: int) -> tuple[Floats, npt.NDArray[np.uint32]]:
        """The likelihoods of so many places more, and the likeliest token of each."""
        content = self._file.read(count * self._type.itemsize)
        rows = np.frombuffer(content, self._type, count)
        below = rows["steps"].astype(np.float32) * np.float32(DEPTH / STEPS)
        return rows["top"][:, None] - below, rows["first"]

    def close(self) -> None:
        self._file.close()


@dataclass
class Scores:
    """For each scored token: minus the logarithm of its likelihood, and beside a parent how far the two are apart."""

    losses: list[float] = field(default_factory=list)
    divergences: list[float] = field(default_factory=list)  # Kullback-Leibler, parent to this model, in nats
    same_top: list[bool] = field(default_factory=list)

    def so_far(self) -> dict[str, float]:
        """What a curve shows of it while it grows."""
        if not self.losses:
            return {}
        found = {"perplexity": math.exp(min(700.0, statistics.fmean(self.losses)))}
        return found | ({"divergence": statistics.fmean(self.divergences)} if self.divergences else {})

    def add(self, logits: Floats, following: Sequence[int], *, keep: Record | None, parent: Record | None) -> None:
        """Scores the rows of one piece."""
        for first in range(0, len(following), BLOCK_ROWS):
            likelihoods = log_likelihoods(logits[first : first + BLOCK_ROWS][: len(following) - first])
            tokens = np.asarray(following[first : first + BLOCK_ROWS])
            self.losses += (-likelihoods[np.arange(len(tokens)), tokens]).tolist()
            if keep is not None:
                keep.write(likelihoods)
            if parent is not None:
                self._compare(*parent.read(len(tokens)), likelihoods)

    def _compare(self, parent: Floats, first: npt.NDArray[np.uint32], own: Floats) -> None:
        self.divergences += np.einsum("ij,ij->i", np.exp(parent), parent - own).tolist()
        self.same_top += (first == own.argmax(axis=-1)).tolist()
