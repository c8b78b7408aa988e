"""Vectors kept between runs of a benchmark: embedding thousands of texts on two cores takes a while."""

import hashlib
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from domov.documents.embedding import Embedder


class OutOfTime(Exception):
    """What is embedded is kept: run it again."""


class CachedEmbedder(Embedder):
    """The real embedder, asked once for each text, for so many seconds."""

    def __init__(self, embedder: Embedder, path: Path, *, seconds: float) -> None:
        super().__init__(embedder.engine, embedder.model, embedder.digest)
        path.parent.mkdir(parents=True, exist_ok=True)
        object.__setattr__(self, "kept", sqlite3.connect(path, isolation_level=None))
        object.__setattr__(self, "until", time.monotonic() + seconds)
        self.kept.execute("CREATE TABLE IF NOT EXISTS vector(key TEXT PRIMARY KEY, bytes BLOB)")

    kept: sqlite3.Connection
    until: float

    async def _vectors(self, texts: list[str]) -> list[tuple[float, ...]]:
        keys = [hashlib.sha256(f"{self.digest} {text}".encode()).hexdigest() for text in texts]
        found = {key: vector for key in keys if (vector := self._find(key))}
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in found}
        if missing and time.monotonic() > self.until:
            raise OutOfTime
        if missing:
            for key, vector in zip(missing, await super()._vectors(list(missing.values())), strict=True):
                found[key] = vector
                packed = np.asarray(vector, np.float32).tobytes()
                self.kept.execute("INSERT OR REPLACE INTO vector VALUES(?, ?)", (key, packed))
        return [found[key] for key in keys]

    def _find(self, key: str) -> tuple[float, ...] | None:
        row = self.kept.execute("SELECT bytes FROM vector WHERE key=?", (key,)).fetchone()
        return tuple(np.frombuffer(row[0], np.float32).tolist()) if row else None


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
