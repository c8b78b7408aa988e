"""GPT4All's LocalDocs as it is described, for comparison, with the same embedding model as ours.

Chunks of 512 characters between words, no overlap; the nearest vectors and BM25 (the whole phrase first, then any word
that is not empty) fused by weighted reciprocal ranks with k = 60, BM25's weight 0.9 for a phrase, else 0.25 to 0.75 by
the length of the question; three snippets. Written from that description (version 3.10), not from its code.
"""

import re
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from domov.documents.vectors import Matrix, matrix_of, packed

CHUNK_CHARACTERS, SNIPPETS, RRF_K = 512, 3, 60
WORDS = "a an and are as at be by for from has he in is it its of on that the to was were will with"
STOP = frozenset(WORDS.split())


def chunks_of(text: str) -> list[str]:
    chunks, current = [], ""
    for word in text.split():
        if current and len(current) + 1 + len(word) > CHUNK_CHARACTERS:
            chunks.append(current)
            current = ""
        current = f"{current} {word}" if current else word
    return [*chunks, current] if current else chunks


@dataclass
class LocalDocs:
    names: list[str]  # of the page, for each chunk
    matrix: Matrix
    words: sqlite3.Connection

    def pages(self, question: str, vector: Sequence[float], *, snippets: int = SNIPPETS) -> list[str]:
        by_meaning = [number for number, _ in self.matrix.nearest(vector, snippets)]
        by_words, weight = self._by_words(question, snippets)
        scores: dict[int, float] = {}
        for share, found in ((1 - weight, by_meaning), (weight, by_words)):
            for rank, number in enumerate(found, 1):
                scores[number] = scores.get(number, 0.0) + share / (RRF_K + rank)
        best = sorted(scores, key=lambda number: -scores[number])[:snippets]
        return list(dict.fromkeys(self.names[number - 1] for number in best))

    def _by_words(self, question: str, count: int) -> tuple[list[int], float]:
        words = re.findall(r"\w+", question)
        kept = [word for word in words if word.lower() not in STOP] or words
        phrase, any_word = '"' + " ".join(words) + '"', " OR ".join(f'"{word}"' for word in kept)
        found = self._match(phrase, count)
        weight = 0.9 if found else min(0.75, max(0.25, 0.25 + 0.05 * (len(words) - 1)))
        return found or self._match(any_word, count), weight

    def _match(self, query: str, count: int) -> list[int]:
        sql = "SELECT rowid FROM chunks WHERE chunks MATCH ? ORDER BY bm25(chunks) LIMIT ?"
        return [row[0] for row in self.words.execute(sql, (query, count))]


def local_docs(chunks: Sequence[tuple[str, str]], vectors: Mapping[str, Sequence[float]]) -> LocalDocs:
    """chunks: (page, text); vectors: of the texts."""
    words = sqlite3.connect(":memory:")
    words.execute("CREATE VIRTUAL TABLE chunks USING fts5(text)")
    words.executemany("INSERT INTO chunks(rowid, text) VALUES(?, ?)", list(enumerate((t for _, t in chunks), 1)))
    rows = [(number, packed(vectors[text])) for number, (_, text) in enumerate(chunks, 1)]
    dimensions = len(next(iter(vectors.values())))
    return LocalDocs([name for name, _ in chunks], matrix_of(rows, dimensions=dimensions), words)
