"""Vectors in one byte a dimension, and the nearest of them: exactly, or above a size by their signs first.

A unit vector's values are stretched so that the largest is 127; what that loses is below a hundredth of a cosine.

All vectors of a model point roughly one way, and questions another: half of what all passages have in common is taken
from each passage, half of what questions have in common from the question, before they are compared (docs/log.md).
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

EXACT_UP_TO = 200_000  # vectors; above, only the nearest by signs are compared exactly
CANDIDATES = 4000
# Stays in the processor's cache, and below the size from which OpenBLAS starts threads, which wait for each other on a
# busy machine (measured: 50,000 vectors in 13 ms, with 4,096 rows 107).
BLOCK_ROWS = 512
COMMON_SHARE = 0.5  # of what vectors have in common, that is taken from them
LEAST_COMMON = 30  # vectors; fewer have too much in common by chance
SAMPLE = 50_000  # vectors, whose mean is taken for all
_SCALE = struct.Struct("<f")


def packed(vector: Sequence[float]) -> bytes:
    """The scale, then a byte for each dimension."""
    values = np.asarray(vector, np.float32)
    scale = float(np.abs(values).max()) / 127 or 1.0
    return _SCALE.pack(scale) + bytes(np.rint(values / scale).astype(np.int8).tobytes())


def unpacked(content: bytes) -> tuple[float, ...]:
    (scale,) = _SCALE.unpack(content[: _SCALE.size])
    return tuple(float(value) * scale for value in np.frombuffer(content[_SCALE.size :], np.int8))


@dataclass(frozen=True)
class Matrix:
    """The vectors of many passages, rows in the order of `ids`."""

    ids: NDArray[np.int64]
    values: NDArray[np.int8]
    scales: NDArray[np.float32]
    signs: NDArray[np.uint64] | None = None  # of what is above the mean vector, eight bytes at a time
    mean: NDArray[np.float32] | None = None  # of all vectors, where there are enough
    lengths: NDArray[np.float32] | None = None  # of the vectors without their share of the mean

    def nearest(
        self,
        query: Sequence[float],
        count: int,
        among: NDArray[np.int64] | None = None,
        *,
        questions: Sequence[float] | None = None,
    ) -> list[tuple[int, float]]:
        """The ids nearest to a unit vector, best first, and their cosines.

        among      the ids to choose from, sorted; None: all of them
        questions  the mean vector of questions; None: the order is that of the cosines
        """
        wanted = np.asarray(query, np.float32)
        rows = None if among is None else np.flatnonzero(np.isin(self.ids, among, assume_unique=True))
        if self.signs is not None and (rows is None or len(rows) > EXACT_UP_TO):
            rows = self._by_signs(wanted, rows)
        chosen = slice(None) if rows is None else rows
        values, scales, ids = self.values[chosen], self.scales[chosen], self.ids[chosen]
        if questions is None or self.mean is None or self.lengths is None:
            scores = _products(values, wanted) * scales
        else:
            own = wanted - COMMON_SHARE * np.asarray(questions, np.float32)
            scores = (_products(values, own) * scales - COMMON_SHARE * self.mean @ own) / self.lengths[chosen]
        best = np.argpartition(-scores, count - 1)[:count] if len(scores) > count else np.arange(len(scores))
        best = best[np.argsort(-scores[best], kind="stable")]
        cosines = _products(values[best], wanted) * scales[best]
        return [(int(ids[row]), float(cosine)) for row, cosine in zip(best, cosines, strict=True)]

    def without(self, ids: NDArray[np.int64]) -> "Matrix":
        """The same without some passages."""
        kept = ~np.isin(self.ids, ids)
        if kept.all():
            return self
        signs = None if self.signs is None else self.signs[kept]
        lengths = None if self.lengths is None else self.lengths[kept]
        return Matrix(self.ids[kept], self.values[kept], self.scales[kept], signs, self.mean, lengths)

    def _by_signs(self, wanted: NDArray[np.float32], rows: NDArray[np.int64] | None) -> NDArray[np.int64]:
        assert self.signs is not None and self.mean is not None
        signs = self.signs if rows is None else self.signs[rows]
        differing = np.bitwise_count(signs ^ _signs((wanted - self.mean)[None])).sum(axis=1, dtype=np.int32)
        best = (
            np.argpartition(differing, CANDIDATES)[:CANDIDATES]
            if len(differing) > CANDIDATES
            else np.arange(len(differing))
        )
        return np.sort(best) if rows is None else rows[np.sort(best)]


def matrix_of(rows: Sequence[tuple[int, bytes]], *, dimensions: int) -> Matrix:
    """The matrix of packed vectors with the ids of their passages."""
    ids = np.fromiter((row[0] for row in rows), np.int64, len(rows))
    whole = np.frombuffer(b"".join(row[1] for row in rows), np.uint8).reshape(len(rows), _SCALE.size + dimensions)
    values = np.ascontiguousarray(whole[:, _SCALE.size :]).view(np.int8)
    scales = np.ascontiguousarray(whole[:, : _SCALE.size]).view(np.float32).reshape(-1)
    return Matrix(ids, values, scales)


def joined(parts: Sequence[Matrix]) -> Matrix:
    """All of them, one after the other."""
    return measured(
        Matrix(
            np.concatenate([part.ids for part in parts]),
            np.concatenate([part.values for part in parts]),
            np.concatenate([part.scales for part in parts]),
        )
    )


def measured(matrix: Matrix) -> Matrix:
    """The same with what its vectors have in common, and above a size with their signs."""
    count = len(matrix.ids)
    if count < LEAST_COMMON:
        return matrix
    sample = slice(None, None, max(1, count // SAMPLE))
    mean = (matrix.values[sample] * matrix.scales[sample, None]).mean(axis=0, dtype=np.float32)
    share = COMMON_SHARE * mean
    cosines = _products(matrix.values, share) * matrix.scales
    lengths = np.sqrt(np.maximum(1e-6, 1 - 2 * cosines + share @ share)).astype(np.float32)
    signs = None
    if count > EXACT_UP_TO:
        parts = (slice(n, n + BLOCK_ROWS) for n in range(0, count, BLOCK_ROWS))
        signs = np.concatenate([_signs(matrix.values[p] * matrix.scales[p, None] - mean) for p in parts])
    return Matrix(matrix.ids, matrix.values, matrix.scales, signs, mean, lengths)


def _signs(values: NDArray[np.float32]) -> NDArray[np.uint64]:
    bits = np.packbits(values > 0, axis=1)
    wide = np.zeros((len(bits), -(-bits.shape[1] // 8) * 8), np.uint8)
    wide[:, : bits.shape[1]] = bits
    return wide.view(np.uint64)


def _products(values: NDArray[np.int8], wanted: NDArray[np.float32]) -> NDArray[np.float32]:
    found, block = np.empty(len(values), np.float32), np.empty((BLOCK_ROWS, values.shape[1]), np.float32)
    for start in range(0, len(values), BLOCK_ROWS):
        rows = values[start : start + BLOCK_ROWS]
        block[: len(rows)] = rows
        np.dot(block[: len(rows)], wanted, out=found[start : start + len(rows)])
    return found
