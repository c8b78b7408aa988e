"""How well and how fast documents are found: `make bench-documents`.

Questions are what manual pages and Python's modules say of themselves in one line, which is not in the text that is
searched; and questions by hand, on pages as they are. Side by side on the same vectors: Domov's default, vectors
alone, words alone, and GPT4All's method from its description. What is embedded is kept in .cache/, so that a run that
was stopped (`--seconds`) goes on.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from benchmarks import manual_pages, python_modules
from benchmarks.cached_vectors import CachedEmbedder, OutOfTime
from benchmarks.gpt4all_method import chunks_of, local_docs
from benchmarks.manual_pages import Page
from domov import app
from domov.documents.blocks import Parsed
from domov.documents.chunks import passages_of
from domov.documents.embedding import Embedder
from domov.documents.index import Index
from domov.documents.indexing import Indexer
from domov.documents.readers import markdown, plain, rst
from domov.documents.reading import Reader
from domov.documents.retrieval import WEIGHTS, Retriever
from domov.documents.vectors import packed
from domov.documents.walking import Seen

FOLDER = Path(".cache/benchmarks/documents")
DESCRIPTION_CHARACTERS = 1000  # of a page, as in the figures to beat
WHOLE_CHARACTERS = 1500  # of a page with its title, for questions by hand: its beginning
DEPTH = 10
# MRR@10 and recall@5 to beat, on 90 pages.
TO_BEAT = {"Czech": (0.75, 0.90), "English": (0.73, 0.92), "Czech about English": (0.38, 0.53)}
METHODS: Mapping[str, Mapping[str, float]] = {
    "Domov": {"names": 0},  # a manual page's name is half of the answer
    "vectors alone": {"words": 0, "names": 0},
    "words alone (BM25)": {"meaning": 0, "names": 0},
}
Rank = Callable[[str, Sequence[float]], list[str]]


@dataclass(frozen=True, slots=True)
class Score:
    corpus: str
    method: str
    questions: int
    mrr: float
    recall: float
    milliseconds: float  # of one search, the question's vector not included


def score(
    corpus: str, method: str, questions: Sequence[tuple[str, str]], vectors: Mapping[str, Sequence[float]], rank: Rank
) -> Score:
    """questions: (the page that answers, the question)"""
    places, seconds = [], []
    for name, question in questions:
        start = time.perf_counter()
        found = rank(question, vectors[question])[:DEPTH]
        seconds.append(time.perf_counter() - start)
        places.append(found.index(name) + 1 if name in found else 0)
    mrr = statistics.fmean(1 / place if place else 0.0 for place in places)
    recall = statistics.fmean(0 < place <= 5 for place in places)
    return Score(corpus, method, len(questions), mrr, recall, 1000 * statistics.median(seconds))


@dataclass(frozen=True, slots=True)
class Corpus:
    """Documents as text, how they are read, and questions with the document that answers each."""

    texts: Mapping[str, str]
    read: Callable[[bytes, str], Parsed]
    questions: Mapping[str, Sequence[tuple[str, str]]]


async def indexed(corpus: Corpus, folder: Path, embedder: Embedder) -> tuple[Retriever, dict[int, str]]:
    """The documents in a real index, and which content is which document."""
    index = Index(folder / "index.db")
    collection = index.add("pages", ["/pages"], now="")
    index.update(collection, new=[Seen(f"/pages/{name}", 1, 1, n) for n, name in enumerate(corpus.texts)])
    for file in index.next_waiting(len(corpus.texts)):
        name = file.path.rsplit("/", 1)[1]
        parsed = corpus.read(corpus.texts[name].encode(), name)
        index.store(file, name, "text", parsed, passages_of(parsed))
    model = await Indexer(index, Reader(), lambda: embedder, folder / ".lock")._model(embedder)
    while batch := index.without_vector(model, 64):
        vectors = await embedder.passages([text for _, text in batch])
        index.add_vectors(model, [(n, packed(v)) for (n, _), v in zip(batch, vectors, strict=True)])
    return Retriever(index), {int(n): str(digest) for n, digest in index.ask("SELECT id, digest FROM content")}


def without_common(retriever: Retriever) -> Retriever:
    """One that compares vectors as they are."""
    plain_cosines, matrix = Retriever(retriever.index), retriever.matrix()
    plain_cosines.matrix()
    plain_cosines._matrix = replace(matrix, lengths=None) if matrix else None
    return plain_cosines


def ranked_by(retriever: Retriever, names: Mapping[int, str], weights: Mapping[str, float]) -> Rank:
    def rank(question: str, vector: Sequence[float]) -> list[str]:
        wanted = None if weights.get("meaning") == 0 else vector
        hits = retriever.find(question, wanted, count=60, weights={**WEIGHTS, **weights})
        return list(dict.fromkeys(names[hit.content] for hit in hits if hit.score > 0))

    return rank


def corpora() -> dict[str, Corpus]:
    packages = Path(".cache/benchmarks/debs")
    czech = manual_pages.czech(packages)
    english = manual_pages.english(packages, set(czech))
    modules = python_modules.modules(packages)
    both = [name for name in czech if name in english]
    own = {"Czech": czech, "English": english}
    asked = {language: [(n, own[language][n].question) for n in both] for language in own}
    by_hand = {key: _by_hand(key, czech) for key in ("cs", "en")}
    return {
        "czech": Corpus(_described(czech), plain.read, {"Czech": asked["Czech"]}),
        "english": Corpus(
            _described(english), plain.read, {"English": asked["English"], "Czech about English": asked["Czech"]}
        ),
        "python": Corpus(
            {name: page.text[:DESCRIPTION_CHARACTERS] for name, page in modules.items()},
            rst.read,
            {"Python's modules": [(name, page.question) for name, page in modules.items()]},
        ),
        "czech-by-hand": Corpus(
            _whole(czech),
            markdown.read,
            {"Czech, by hand": by_hand["cs"], "English about Czech, by hand": by_hand["en"]},
        ),
        "english-by-hand": Corpus(
            _whole(english),
            markdown.read,
            {"English, by hand": by_hand["en"], "Czech about English, by hand": by_hand["cs"]},
        ),
    }


def _described(pages: Mapping[str, Page]) -> dict[str, str]:
    return {name: page.text[:DESCRIPTION_CHARACTERS] for name, page in pages.items()}


def _whole(pages: Mapping[str, Page]) -> dict[str, str]:
    return {name: page.whole[:WHOLE_CHARACTERS] for name, page in pages.items()}


async def compare(corpus: Corpus, embedder: Embedder, folder: Path) -> list[Score]:
    asked = {q: await embedder.query(q) for pairs in corpus.questions.values() for _, q in pairs}
    retriever, names = await indexed(corpus, folder, embedder)
    chunks = [(name, chunk) for name, text in corpus.texts.items() for chunk in chunks_of(text)]
    vectors = await embedder.passages([text for _, text in chunks])
    docs = local_docs(chunks, {text: v for (_, text), v in zip(chunks, vectors, strict=True)})
    scores = []
    plain_cosines = without_common(retriever)
    for title, pairs in corpus.questions.items():
        for method, weights in METHODS.items():
            asked_of = plain_cosines if method == "vectors alone" else retriever
            scores.append(score(title, method, pairs, asked, ranked_by(asked_of, names, weights)))
        scores.append(score(title, "GPT4All's method", pairs, asked, docs.pages))
    return scores


def _by_hand(language: str, pages: Mapping[str, Page]) -> list[tuple[str, str]]:
    table = tomllib.loads(Path("benchmarks/known_items.toml").read_text("utf-8"))
    return [(row["page"], row[language]) for row in table.values() if row["page"] in pages]


def print_scores(scores: Sequence[Score]) -> None:
    print(f"{'':30}{'':22}{'MRR@10':>8}{'R@5':>8}{'ms':>8}   (questions)")  # noqa: T201
    for s in scores:
        print(f"{s.corpus:30}{s.method:22}{s.mrr:8.3f}{s.recall:8.3f}{s.milliseconds:8.1f}   ({s.questions})")  # noqa: T201


async def run(wanted: Sequence[str], seconds: float) -> int:
    domov = app.load()
    embedder = domov._embedder(None)
    if embedder is None:
        print("first: domov pull e5-small")  # noqa: T201
        return 1
    cached = CachedEmbedder(embedder, FOLDER / "vectors.db", seconds=seconds)
    scores: list[Score] = []
    try:
        for name, corpus in corpora().items():
            if name in (wanted or (name,)):
                with tempfile.TemporaryDirectory() as folder:
                    scores += await compare(corpus, cached, Path(folder))
    except OutOfTime:
        print("not everything is embedded yet: run it again")  # noqa: T201
        return 75
    finally:
        await domov.scheduler.close()
        print_scores(scores)
    (FOLDER / "scores.json").write_text(json.dumps([asdict(s) for s in scores], indent=1))
    return 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", nargs="*", help="czech, english, python, czech-by-hand, english-by-hand; else all")
    parser.add_argument(
        "--seconds", type=float, default=1e9, help="stop embedding after so long, and keep what there is"
    )
    options = parser.parse_args()
    raise SystemExit(asyncio.run(run(options.corpus, options.seconds)))


if __name__ == "__main__":
    main()
