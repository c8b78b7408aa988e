"""How fast many passages are searched and taken in: `python -m benchmarks.documents_speed 100000`.

Texts are sentences of manual pages put together at random, so that words are as frequent as in real ones; vectors are
random, as their values do not change the time. The index stays in .cache/ and grows from run to run (`--seconds`).
`--beside MODEL` searches while that model writes; `--vectors 1000000` measures vectors alone, without texts.
"""

import argparse
import asyncio
import random
import resource
import statistics
import time
from pathlib import Path

import numpy as np

from benchmarks import manual_pages
from domov import app
from domov.documents.blocks import Parsed
from domov.documents.chunks import Passage
from domov.documents.index import Index
from domov.documents.retrieval import Retriever
from domov.documents.vectors import Matrix, measured, packed
from domov.documents.walking import Seen
from domov.types import ChatRequest, Message, Sampling

FOLDER = Path(".cache/benchmarks/documents")
DIMENSIONS, PASSAGES_A_FILE, CHARACTERS = 384, 200, 1000
QUESTIONS = 60


def grow(index: Index, wanted: int, *, seconds: float) -> tuple[int, float]:
    """Adds passages up to a number. Gives how many there are, and how many a second were added."""
    pages = manual_pages.english(Path(".cache/benchmarks/debs"), set()).values()
    sentences = [s for page in pages for s in page.text.split(". ") if len(s) > 20]
    collection = index.add("speed", ["/speed"], now="")
    model = index.use_model("random", "random", DIMENSIONS)
    index.keep_questions(model, [0.05] * DIMENSIONS)
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


async def search_times_beside(retriever: Retriever, model: str) -> list[float]:
    """The same while a model writes."""
    domov = app.load()
    engine = domov.open_engine(domov.models.get(model))
    await engine.start()
    story = ChatRequest(model, (Message("user", "Tell me a long story."),), Sampling(ignore_end=True), max_tokens=2000)

    async def write() -> None:
        async for _ in engine.stream(story):
            pass

    writing = asyncio.create_task(write())
    try:
        await asyncio.sleep(3)
        times = await asyncio.to_thread(search_times, retriever)
        assert not writing.done(), "the model had ended before the searches"
        return times
    finally:
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        await engine.close()


def removed_seconds(index: Index) -> tuple[int, float]:
    """Removes one file, as a deletion that was seen does; the passages that it had, and how long that took."""
    ((file, content),) = index.ask("SELECT id, content FROM file ORDER BY id DESC LIMIT 1")
    ((passages,),) = index.ask("SELECT count(*) FROM passage WHERE content=?", content)
    start = time.perf_counter()
    index.update(index.collection("speed"), gone=[file])
    return passages, time.perf_counter() - start


def print_vectors(count: int) -> None:
    """Vectors alone: how long a search among so many takes, and how many of the nearest the signs leave in."""
    chance = np.random.default_rng(1)
    centres = chance.standard_normal((count // 50, DIMENSIONS)).astype(np.float32)
    values = np.empty((count, DIMENSIONS), np.int8)
    for start in range(0, count, 50_000):
        size = min(50_000, count - start)
        rows = centres[chance.integers(0, len(centres), size)]
        rows = rows + chance.standard_normal(rows.shape, dtype=np.float32) + 1.0
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        values[start : start + size] = np.rint(rows * (127 / np.abs(rows).max(axis=1, keepdims=True)))
    scales = (1 / np.linalg.norm(values.astype(np.float32), axis=1)).astype(np.float32)
    begin = time.perf_counter()
    exact = Matrix(np.arange(count), values, scales)
    matrix = measured(exact)
    print(f"{count} vectors, signs made in {time.perf_counter() - begin:.1f} s")  # noqa: T201
    times, kept = [], 0
    for row in chance.integers(0, count, 40):
        query = values[row] * scales[row] + 0.03 * chance.standard_normal(DIMENSIONS).astype(np.float32)
        query /= np.linalg.norm(query)
        start_seconds = time.perf_counter()
        found = matrix.nearest(query.tolist(), 60)
        times.append(1000 * (time.perf_counter() - start_seconds))
        kept += len({n for n, _ in found[:10]} & {n for n, _ in exact.nearest(query.tolist(), 10)})
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    times.sort()
    median, p95 = statistics.median(times), times[37]
    print(f"search: median {median:.0f} ms, p95 {p95:.0f} ms; {kept / 400:.3f} of the ten nearest")  # noqa: T201
    print(f"memory at most {megabytes:.0f} MB")  # noqa: T201


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("passages", type=int, nargs="?", default=100_000)
    parser.add_argument("--seconds", type=float, default=1e9, help="stop adding after so long, and keep what there is")
    parser.add_argument("--beside", metavar="MODEL", help="search while this model writes")
    parser.add_argument("--vectors", type=int, help="so many vectors alone, and nothing else")
    options = parser.parse_args()
    if options.vectors:
        print_vectors(options.vectors)
        return
    FOLDER.mkdir(parents=True, exist_ok=True)
    index = Index(FOLDER / "speed.db")
    count, pace = grow(index, options.passages, seconds=options.seconds)
    retriever = Retriever(index)
    start = time.perf_counter()
    retriever.matrix()
    loaded = time.perf_counter() - start
    beside = options.beside
    times = asyncio.run(search_times_beside(retriever, beside)) if beside else search_times(retriever)
    size = index.path.stat().st_size
    print(f"{count} passages, {pace:.0f} added a second, {size / 1e6:.0f} MB, vectors read in {loaded:.2f} s")  # noqa: T201
    p95 = times[int(0.95 * len(times))]
    print(f"search: median {statistics.median(times):.1f} ms, p95 {p95:.1f} ms")  # noqa: T201
    passages, seconds = removed_seconds(index)
    print(f"removing a file of {passages} passages: {seconds:.2f} s")  # noqa: T201
    raise SystemExit(75 if count < options.passages else 0)


if __name__ == "__main__":
    main()
