"""The passages that answer a question: by words, by meaning and by the names of files, fused by rank.

Ranks and not scores are added (reciprocal rank fusion), as those of words and vectors have no common scale.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from domov.documents.folding import terms_of, words_query
from domov.documents.frequencies import SAMPLE, Frequencies, frequencies
from domov.documents.index import Index, from_blob, to_blob
from domov.documents.vectors import Matrix, joined, matrix_of
from domov.engine.protocol import Engine
from domov.errors import NoSuchPassage

RRF_K = 20
CANDIDATES = 60  # of each list
RERANKED = 20
NAMED_FILES = 10
READ_AT_ONCE = 50_000  # vectors
RANKED_PASSAGES = 10_000  # by words: about 10 ms on a quiet machine
STALE = 1.5  # times as many passages as when their words were counted
TITLE_WEIGHT = 3.0  # of a word in a heading, where one in the text is 1
# How much a list's ranks count. Measured in benchmarks/documents.py, docs/log.md.
WEIGHTS: Mapping[str, float] = {"words": 0.35, "meaning": 1.0, "names": 0.5}


@dataclass(frozen=True, slots=True)
class Filters:
    collections: tuple[str, ...] = ()  # by the names that the viewer knows; none: all
    folder: str = ""  # below this path
    kinds: tuple[str, ...] = ()
    since: str = ""  # of the file's last change, ISO 8601 dates, both included
    until: str = ""
    within: tuple[int, ...] | None = None  # the collections that these are; None: whichever


EVERYTHING = Filters()


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage and why it was found: its place in each list that had it, from 1."""

    passage: int
    score: float
    ranks: Mapping[str, int]
    cosine: float | None
    path: str
    collection: str
    title: str
    titles: tuple[str, ...]
    kind: str
    text: str
    page: int | None
    last_page: int | None
    line: int | None
    last_line: int | None
    content: int
    place: int
    author: str = ""
    date: str = ""
    relevance: float | None = None  # of the reranker, where there is one


@dataclass
class Retriever:
    index: Index
    _matrix: Matrix | None = field(default=None, init=False)
    _model: int = field(default=0, init=False)  # whose vectors those are
    _questions: tuple[float, ...] | None = field(default=None, init=False)
    _frequencies: Frequencies | None = field(default=None, init=False)
    _gone: int = field(default=0, init=False)  # how many removals they know of
    _lock: Lock = field(default_factory=Lock, init=False)

    def find(
        self,
        question: str,
        vector: Sequence[float] | None,
        *,
        count: int,
        filters: Filters = EVERYTHING,
        weights: Mapping[str, float] = WEIGHTS,
    ) -> list[Hit]:
        """The best passages, best first. Without a vector words alone decide."""
        allowed = self._allowed(filters)
        if allowed is not None and not len(allowed):
            return []
        lists = {"words": self._by_words(question, allowed), "names": self._by_names(question, filters)}
        cosines: dict[int, float] = {}
        if vector is not None and (matrix := self.matrix()) is not None:
            cosines = dict(matrix.nearest(vector, CANDIDATES, allowed, questions=self._questions))
            lists["meaning"] = list(cosines)
        scores = fused(lists, weights)
        best = sorted(scores, key=lambda number: -scores[number])[:count]
        ranks = {name: {number: rank for rank, number in enumerate(found, 1)} for name, found in lists.items()}
        why = {n: {name: places[n] for name, places in ranks.items() if n in places} for n in best}
        rows = self._rows(best, filters)
        return [
            self._hit(rows[number], scores[number], why[number], cosines.get(number))
            for number in best
            if number in rows
        ]

    def _by_words(self, question: str, allowed: NDArray[np.int64] | None) -> list[int]:
        query = words_query(self._telling(terms_of(question)))
        if not query:
            return []
        # the + keeps SQLite from running the whole query once for each of the rows that are allowed
        among = "" if allowed is None else "AND +rowid IN (SELECT value FROM json_each(?))"
        rows = self.index.ask(
            f"SELECT rowid FROM words WHERE words MATCH ? {among} ORDER BY bm25(words, {TITLE_WEIGHT}, 1.0) LIMIT ?",
            query,
            *([] if allowed is None else [json.dumps(allowed.tolist())]),
            CANDIDATES,
        )
        return [row[0] for row in rows]

    def _by_names(self, question: str, filters: Filters) -> list[int]:
        """The first passages of files whose names have words of the question."""
        query = words_query(terms_of(question))
        if not query:
            return []
        where, values = _conditions(filters)
        rows = self.index.ask(
            "SELECT DISTINCT p.id FROM (SELECT f.content, n.rank FROM names n JOIN file f ON f.id=n.rowid"
            " JOIN collection c ON c.id=f.collection JOIN content k ON k.id=f.content"
            f" WHERE n.names MATCH ? AND {where} ORDER BY n.rank LIMIT ?) m"
            " JOIN passage p ON p.content=m.content AND p.place=0 ORDER BY m.rank",
            query,
            *values,
            NAMED_FILES,
        )
        return [row[0] for row in rows]

    def _telling(self, words: Sequence[str]) -> Sequence[str]:
        """The rarest of the words, where ranking every passage that has any of them would take too long."""
        ((count,),) = self.index.ask("SELECT max(id) FROM passage")
        last = int(count or 0)
        if last <= RANKED_PASSAGES or len(words) < 2:
            return words
        known = self._known_frequencies(last)
        shares = sorted((known.share(word), place) for place, word in enumerate(words))
        kept: list[str] = []
        total = 0.0
        for share, place in shares:
            total += share * last
            if kept and total > RANKED_PASSAGES:
                break
            kept.append(words[place])
        return kept

    def _known_frequencies(self, last: int) -> Frequencies:
        """Taken anew when there are many more passages than then, or far fewer."""
        with self._lock:
            known = self._frequencies
            if known is None or not known.passages / STALE <= last <= known.passages * STALE:
                some = json.dumps(list(range(1, last + 1, max(1, last // SAMPLE))))
                among = "id IN (SELECT value FROM json_each(?))"
                rows = self.index.ask(f"SELECT titles, text FROM passage WHERE {among}", some)
                known = frequencies((f"{titles} {text}" for titles, text in rows), passages=last)
                self._frequencies = known
            return known

    def _allowed(self, filters: Filters) -> NDArray[np.int64] | None:
        """The passages that the filters leave, sorted; None where they leave all."""
        if filters == EVERYTHING:
            return None
        where, values = _conditions(filters)
        everywhere = {c.id for c in self.index.collections()}
        if filters == Filters(within=filters.within) and set(filters.within or ()) >= everywhere:
            return None
        rows = self.index.ask(
            "SELECT id FROM passage WHERE content IN (SELECT f.content FROM file f"
            f" JOIN collection c ON c.id=f.collection JOIN content k ON k.id=f.content WHERE {where}) ORDER BY id",
            *values,
        )
        return np.fromiter((row[0] for row in rows), np.int64, len(rows))

    def matrix(self) -> Matrix | None:
        """The vectors that serve, kept in memory; what was added or removed since the last look is read only."""
        with self._lock:
            serving = self.index.serving()
            if serving is None:
                return None
            model, _, _, dimensions = serving
            if model != self._model:
                self._questions = None
                self._matrix, self._model = None, model
            if self._questions is None:
                self._questions = self.index.questions(model)
            self._leave_out_gone()
            last = int(self._matrix.ids[-1]) if self._matrix is not None and len(self._matrix.ids) else 0
            parts = [matrix_of(rows, dimensions=dimensions) for rows in self._new_vectors(model, last)]
            if parts:
                self._matrix = joined([self._matrix, *parts] if self._matrix is not None else parts)
            return self._matrix

    def _leave_out_gone(self) -> None:
        gone = self.index.gone_since(self._gone)
        if gone is None or self._matrix is None:
            newest = self.index.ask("SELECT max(number) FROM gone")[0][0]
            self._matrix, self._gone = None, int(newest or 0)
        elif gone[1]:
            self._matrix, self._gone = self._matrix.without(np.asarray(gone[1], np.int64)), gone[0]

    def _new_vectors(self, model: int, after: int) -> Iterator[list[tuple[int, bytes]]]:
        """In parts, so that a million of them do not lie in memory twice."""
        while rows := self.index.ask(
            "SELECT passage, bytes FROM vector WHERE model=? AND passage>? ORDER BY passage LIMIT ?",
            model,
            after,
            READ_AT_ONCE,
        ):
            yield rows
            after = rows[-1][0]

    def _rows(self, numbers: Sequence[int], filters: Filters) -> dict[int, tuple[Any, ...]]:
        """What is told of passages, each under one of its files that the filters let through."""
        marks = ",".join("?" * len(numbers))
        where, values = _conditions(filters)
        rows = self.index.ask(
            "SELECT p.id, min(f.path), c.name, k.title, p.titles, k.kind, p.text, p.page, p.last_page, p.line,"
            " p.last_line, p.content, p.place, k.author, k.date FROM passage p JOIN content k ON k.id=p.content"
            f" JOIN file f ON f.content=k.id JOIN collection c ON c.id=f.collection WHERE p.id IN ({marks}) AND {where}"
            " GROUP BY p.id",
            *numbers,
            *values,
        )
        return {row[0]: row for row in rows}

    def _hit(self, row: tuple[Any, ...], score: float, ranks: Mapping[str, int], cosine: float | None) -> Hit:
        number, path, collection, title, titles, *rest = row
        return Hit(number, score, ranks, cosine, from_blob(path), collection, title, tuple(json.loads(titles)), *rest)

    def passage(self, number: int, filters: Filters = EVERYTHING) -> Hit:
        """Raises NoSuchPassage, also for one that the filters leave out."""
        rows = self._rows([number], filters) if abs(number) < 1 << 63 else {}
        if number not in rows:
            raise NoSuchPassage(f"no such passage: {number}", hint="its file may have changed: search again")
        return self._hit(rows[number], 0.0, {}, None)

    def neighbours(self, hit: Hit, count: int, filters: Filters = EVERYTHING) -> list[Hit]:
        """The passages before and after one in its document, itself included."""
        rows = self.index.ask(
            "SELECT id FROM passage WHERE content=? AND place BETWEEN ? AND ? ORDER BY place",
            hit.content,
            hit.place - count,
            hit.place + count,
        )
        numbers = [row[0] for row in rows]
        told = self._rows(numbers, filters)
        return [self._hit(told[number], 0.0, {}, None) for number in numbers if number in told]

    def document(self, hit: Hit, filters: Filters = EVERYTHING, *, most_characters: float) -> list[Hit]:
        """All passages of the document that a passage is from; none where it is longer."""
        ((characters,),) = self.index.ask("SELECT characters FROM content WHERE id=?", hit.content)
        return self.neighbours(hit, 1 << 40, filters) if characters <= most_characters else []


def fused(lists: Mapping[str, Sequence[int]], weights: Mapping[str, float]) -> dict[int, float]:
    """The sum of weight / (k + rank) over the lists that have a passage."""
    scores: dict[int, float] = {}
    for name, found in lists.items():
        for rank, number in enumerate(found, 1):
            scores[number] = scores.get(number, 0.0) + weights.get(name, 1.0) / (RRF_K + rank)
    return scores


def _conditions(filters: Filters) -> tuple[str, list[object]]:
    """What of file f, collection c and content k the filters ask."""
    where, values = ["1"], []  # type: tuple[list[str], list[object]]
    if filters.within is not None:
        where.append(f"c.id IN ({','.join('?' * len(filters.within))})")
        values += filters.within
    if filters.folder:
        folder = to_blob(filters.folder.rstrip(os.sep))
        where.append("(f.path=? OR substr(f.path, 1, ?)=?)")
        values += [folder, len(folder) + 1, folder + os.sep.encode()]
    if filters.kinds:
        where.append(f"k.kind IN ({','.join('?' * len(filters.kinds))})")
        values += filters.kinds
    for sign, day in ((">=", filters.since), ("<=", filters.until)):
        if day:
            where.append(f"date(f.modified_ns/1000000000, 'unixepoch', 'localtime') {sign} ?")
            values.append(day)
    return " AND ".join(where), values


async def reranked(engine: Engine, question: str, hits: Sequence[Hit], count: int) -> list[Hit]:
    """The best of the first hits as a reranking model sees them."""
    if not hits:
        return []
    ranking = await engine.rerank(question, [hit.text for hit in hits])
    scored = [replace(hit, relevance=score) for hit, score in zip(hits, ranking.scores, strict=True)]
    return sorted(scored, key=lambda hit: -(hit.relevance or 0.0))[:count]
