"""Texts into vectors, as each family of models wants them: with its prefixes, in NFKC, and never too long.

A text that has more tokens than the model takes is divided, and its vector is the mean of its parts'.
"""

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from domov.documents.folding import folded
from domov.engine.protocol import Engine
from domov.errors import ContextOverflow

BATCH_TEXTS = 8
LEAST_CHARACTERS = 16  # a part that is shorter is not divided further


@dataclass(frozen=True, slots=True)
class Prefixes:
    query: str = ""
    passage: str = ""


# A part of the model's name -> what it was trained with (its model card). The first that fits counts.
FAMILIES: tuple[tuple[str, Prefixes], ...] = (
    ("e5", Prefixes("query: ", "passage: ")),
    ("nomic", Prefixes("search_query: ", "search_document: ")),
    ("embeddinggemma", Prefixes("task: search result | query: ", "title: none | text: ")),
    (
        "qwen3-embedding",
        Prefixes("Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery: "),
    ),
    ("mxbai", Prefixes("Represent this sentence for searching relevant passages: ")),
    ("arctic-embed", Prefixes("Represent this sentence for searching relevant passages: ")),
)


def prefixes_of(model: str) -> Prefixes:
    """The prefixes of a model by its name; none for a family that is not in the table."""
    name = folded(model)
    return next((prefixes for part, prefixes in FAMILIES if part in name), Prefixes())


@dataclass(frozen=True)
class Embedder:
    engine: Engine
    model: str
    digest: str  # of the model's file: vectors of another one are no use with these

    async def query(self, text: str) -> tuple[float, ...]:
        (vector,) = await self._vectors([prefixes_of(self.model).query + _plain(text)])
        return vector

    async def passages(self, texts: Sequence[str]) -> list[tuple[float, ...]]:
        """A vector for each text, of unit length. Raises what the engine raises."""
        prefix = prefixes_of(self.model).passage
        found: list[tuple[float, ...]] = []
        for start in range(0, len(texts), BATCH_TEXTS):
            found += await self._vectors([prefix + _plain(text) for text in texts[start : start + BATCH_TEXTS]])
        return found

    async def _vectors(self, texts: list[str]) -> list[tuple[float, ...]]:
        try:
            return list((await self.engine.embed(texts)).vectors)
        except ContextOverflow:
            if len(texts) == 1 and len(texts[0]) < 2 * LEAST_CHARACTERS:
                raise
        if len(texts) > 1:
            return [vector for text in texts for vector in await self._vectors([text])]
        middle = len(texts[0]) // 2
        return [
            _mean([vector for half in (texts[0][:middle], texts[0][middle:]) for vector in await self._vectors([half])])
        ]


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip() or "."


def _mean(vectors: Sequence[Sequence[float]]) -> tuple[float, ...]:
    total = [sum(values) for values in zip(*vectors, strict=True)]
    length = math.sqrt(sum(v * v for v in total)) or 1.0
    return tuple(v / length for v in total)
