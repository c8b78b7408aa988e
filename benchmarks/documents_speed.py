"""How fast many passages are searched and taken in: `python -m benchmarks.documents_speed 100000`.

Texts are sentences of manual pages put together at random, so that words are as frequent as in real ones; vectors are
random, as their values do not change the time. The index stays in .cache/ and grows from run to run (`--seconds`).
"""

import argparse
import random
import statistics
import time
from pathlib import Path

import numpy as np

from benchmarks import manual_pages
from domov.documents.blocks import Parsed
from domov.documents.chunks import Passage
from domov.documents.index import Index
from domov.documents.retrieval import Retriever
from domov.documents.vectors import packed
from domov.documents.walking import Seen

FOLDER = Path(".cache/benchmarks/documents")
DIMENSIONS, PASSAGES_A_FILE, CHARACTERS = 384, 20, 1000
QUESTIONS = 60


def grow(index: Index, wanted: int, *, seconds: float) -> tuple[int, float]:
    """Adds passages up to a number. Gives how many there are, and how many a second were added."""
    pages = manual_pages.english(Path(".cache/benchmarks/debs"), set()).values()
    sentences = [s for page in pages for s in page.text.split(". ") if len(s) > 20]
    collection = index.add("speed", ["/speed"], now="")
    model = index.use_model("random", "random", DIMENSIONS)
    ((there,),) = index.ask("SELECT count(*) FROM passage")
    start, first = time.perf_counter(), int(there)
    count, chance = first, random.Random(first)
    while count < wanted and time.perf_counter() - start < seconds:
        index.update(collection, new=[Seen(f"/speed/{count}", 1, 1, count)])
        (file,) = index.next_waiting(1)
        passages = [passage_of(chance, sentences) for _ in range(PASSAGES_A_FILE)]
        index.store(file, file.path, "text", Parsed(()), passages)
        rows = index.without_vector(model, PASSAGES_A_FILE)
        values = np.random.default_rng(count).standard_normal((len(rows), DIMENSIONS)) + 0.3
        index.add_vectors(model, [(n, packed(v.tolist())) for (n, _), v in zip(rows, values, strict=True)])
        count += PASSAGES_A_FILE
    return count, (count - first) / max(time.perf_counter() - start, 1e-9)


def passage_of(chance: random.Random, sentences: list[str]) -> Passage:
    text = ""
    while len(text) < CHARACTERS:
        text += f"{chance.choice(sentences)}. "
    return Passage(text[:CHARACTERS], (), "text", None, None, None, None)


def search_times(retriever: Retriever) -> list[float]:
    """Milliseconds of each search, without the question's vector."""
    czech = list(manual_pages.english(Path(".cache/benchmarks/debs"), set()).values())
    questions = [page.question for page in random.Random(1).sample(czech, QUESTIONS)]
    vectors = np.random.default_rng(1).standard_normal((QUESTIONS, DIMENSIONS)).astype(np.float32)
    retriever.find("warm", vectors[0].tolist(), count=10)
    times = []
    for question, vector in zip(questions, vectors, strict=True):
        start = time.perf_counter()
        retriever.find(question, vector.tolist(), count=10)
        times.append(1000 * (time.perf_counter() - start))
    return sorted(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("passages", type=int)
    parser.add_argument("--seconds", type=float, default=1e9)
    options = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    index = Index(FOLDER / "speed.db")
    count, pace = grow(index, options.passages, seconds=options.seconds)
    retriever = Retriever(index)
    start = time.perf_counter()
    retriever.matrix()
    loaded = time.perf_counter() - start
    times = search_times(retriever)
    size = index.path.stat().st_size
    print(f"{count} passages, {pace:.0f} added a second, {size / 1e6:.0f} MB, vectors read in {loaded:.2f} s")  # noqa: T201
    p95 = times[int(0.95 * len(times))]
    print(f"search: median {statistics.median(times):.1f} ms, p95 {p95:.1f} ms")  # noqa: T201
    raise SystemExit(75 if count < options.passages else 0)


if __name__ == "__main__":
    main()
