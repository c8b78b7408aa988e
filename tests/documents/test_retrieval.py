"""What is found, why, and what the filters leave."""

import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from domov.documents import index, vectors
from domov.documents.library import Documents, filters, reference
from domov.documents.retrieval import RRF_K, fused, reranked
from domov.documents.vectors import Matrix, joined, matrix_of, packed
from domov.engine.fake import FakeEngine
from domov.errors import BadRequest, NoSuchCollection, NoSuchPassage


def test_ranks_are_added_not_scores() -> None:
    scores = fused({"words": [7, 8], "meaning": [8]}, {"meaning": 2.0})
    assert scores == {7: 1 / (RRF_K + 1), 8: 1 / (RRF_K + 2) + 2 / (RRF_K + 1)}


def random_rows(count: int, dimensions: int = 64) -> tuple[list[tuple[int, bytes]], NDArray[np.float32]]:
    values = np.random.default_rng(1).standard_normal((count, dimensions)).astype(np.float32) + 0.5
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    return [(3 * n, packed(v.tolist())) for n, v in enumerate(values)], values


def test_a_byte_a_dimension_is_near_enough() -> None:
    rows, values = random_rows(500)
    matrix = matrix_of(rows, dimensions=64)
    for number in (0, 250, 499):
        found = matrix.nearest(values[number].tolist(), 10)
        exact = np.argsort(-(values @ values[number]))[:10]
        assert found[0][0] == 3 * number and math.isclose(found[0][1], 1.0, abs_tol=0.01)
        assert len({n for n, _ in found} & {3 * int(n) for n in exact}) >= 9


def test_what_all_have_in_common_decides_less() -> None:
    chance = np.random.default_rng(3)
    own = chance.standard_normal((200, 64)).astype(np.float32)
    own /= np.linalg.norm(own, axis=1, keepdims=True)
    common, usual = np.eye(64, dtype=np.float32)[0], np.eye(64, dtype=np.float32)[1]
    strength = chance.uniform(1.0, 4.0, (200, 1)).astype(np.float32)  # how much of the common way each has
    values = own + strength * common
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    matrix = joined([matrix_of([(n, packed(v.tolist())) for n, v in enumerate(values)], dimensions=64)])
    questions = own + 2.0 * common + 2.0 * usual
    questions /= np.linalg.norm(questions, axis=1, keepdims=True)
    mean = questions.mean(axis=0).tolist()

    def right(**how: Any) -> int:
        return sum(matrix.nearest(q.tolist(), 1, **how)[0][0] == n for n, q in enumerate(questions))

    assert right(questions=mean) > right() + 20
    (number, cosine), *_ = matrix.nearest(questions[0].tolist(), 1, questions=mean)
    assert math.isclose(cosine, float(values[number] @ questions[0]), abs_tol=0.01)  # told is the plain cosine


def test_only_those_that_are_allowed_are_near() -> None:
    rows, values = random_rows(100)
    found = matrix_of(rows, dimensions=64).nearest(values[5].tolist(), 10, np.asarray([3, 9, 297]))
    assert {n for n, _ in found} == {3, 9, 297}
    assert matrix_of(rows, dimensions=64).nearest(values[5].tolist(), 10, np.asarray([], np.int64)) == []


def test_many_vectors_are_found_by_their_signs_first(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, values = random_rows(3000)
    monkeypatch.setattr(vectors, "EXACT_UP_TO", 1000)
    monkeypatch.setattr(vectors, "CANDIDATES", 400)
    matrix = joined([matrix_of(rows[:2000], dimensions=64), matrix_of(rows[2000:], dimensions=64)])
    assert matrix.signs is not None and isinstance(matrix, Matrix)
    noise = np.random.default_rng(2).standard_normal(64) * 0.05
    hits = [matrix.nearest((values[n] + noise).tolist(), 5)[0][0] == 3 * n for n in range(0, 3000, 100)]
    assert sum(hits) >= 29


@pytest.fixture
async def home(documents: Documents, folder: Path) -> Documents:
    (folder / "deep").mkdir()
    (folder / "deep" / "heating.txt").write_text("Topení v chalupě se zapíná v říjnu.\n")
    os.utime(folder / "water.txt", (0, 0))
    documents.add([str(folder)], "home")
    await documents.refresh()
    return documents


def named(hits: list) -> set[str]:  # type: ignore[type-arg]
    return {Path(hit.path).name for hit in hits if "words" in hit.ranks}


async def test_words_are_found_whatever_their_endings_and_diacritics(home: Documents) -> None:
    for question in ("topení", "TOPENIM", "o topeni"):
        assert named(await home.search(question)) == {"house.md", "heating.txt"}


async def test_a_hit_tells_its_place_and_why(home: Documents, folder: Path) -> None:
    (hit, *_) = await home.search("údržba pan Novák")
    assert (hit.collection, hit.titles, hit.line, hit.kind) == ("home", ("Dům", "Topení"), 4, "markdown")
    assert hit.ranks["words"] == 1 and hit.cosine is not None
    assert reference(hit)["file"] == "house.md"


async def test_a_file_is_found_by_its_name(home: Documents, folder: Path) -> None:
    (folder / "Nájemní_smlouva-2026.txt").write_text("Měsíčně 12 500 Kč.\n")
    await home.refresh()
    hits = [h for h in await home.search("nájemní smlouvy") if "names" in h.ranks]
    assert [h.text for h in hits] == ["Měsíčně 12 500 Kč."]
    (folder / "Nájemní_smlouva-2026.txt").rename(folder / "x.txt")
    await home.refresh()
    assert not any("names" in h.ranks for h in await home.search("nájemní smlouvy"))


async def test_filters(home: Documents, folder: Path) -> None:
    async def found(**options: object) -> set[str]:
        return named(await home.search("topení valve", filters=filters(**options)))  # type: ignore[arg-type]

    assert await found() == {"house.md", "heating.txt", "water.txt"}
    assert await found(folder=str(folder / "deep")) == {"heating.txt"}
    assert await found(kinds=["markdown"]) == {"house.md"}
    assert await found(until="1980-01-01") == {"water.txt"}
    assert await found(since="2000-01-01") == {"house.md", "heating.txt"}
    assert await found(folder="/nowhere") == set()


@pytest.mark.parametrize("options", [{"kinds": ["exe"]}, {"since": "yesterday"}, {"until": "2026-13-01"}])
def test_filters_that_can_mean_nothing_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(BadRequest):
        filters(**options)  # type: ignore[arg-type]


async def test_what_is_not_there_is_told(home: Documents) -> None:
    with pytest.raises(NoSuchCollection, match="none"):
        await home.search("x", filters=filters(collections=["none"]))
    for number in (99, 0, -1, 1 << 70):
        with pytest.raises(NoSuchPassage):
            home.passage(number)
    with pytest.raises(BadRequest):
        await home.search("  ")


@pytest.mark.parametrize(
    "question", ['"', "NEAR(a b)", "a* OR", "title: x", "(", "'; DROP TABLE file; --", "日本", "…"]
)
async def test_any_text_can_be_asked(home: Documents, question: str) -> None:
    await home.search(question)


NAMES = ("alpha", "beta", "gamma", "delta", "epsilon")


async def test_a_passage_has_neighbours(home: Documents, folder: Path) -> None:
    (folder / "long.txt").write_text("\n\n".join(f"Paragraph{n}. " + f"{name} " * 150 for n, name in enumerate(NAMES)))
    await home.refresh()
    (hit, *_) = await home.search("gamma")
    around = home.passage(hit.passage, neighbours=1)
    assert [h.place for h in around] == [hit.place - 1, hit.place, hit.place + 1]


async def test_a_reranker_has_the_last_word(home: Documents) -> None:
    hits = await home.search("topení")
    best = await reranked(FakeEngine(), "valve cellar", hits, 1)
    assert "cellar" in best[0].text and best[0].relevance


async def test_what_is_added_while_searching_is_found_without_reading_all_again(home: Documents, folder: Path) -> None:
    await home.search("x")
    first = home.retriever.matrix()
    (folder / "more.txt").write_text("one more file")
    await home.refresh()
    second = home.retriever.matrix()
    assert first is not None and second is not None and len(second.ids) == len(first.ids) + 1
    (folder / "house.md").unlink()
    (folder / "more.txt").unlink()
    await home.refresh()
    third = home.retriever.matrix()
    assert third is not None and set(third.ids.tolist()) < set(second.ids.tolist()) and len(third.ids) == 2


async def test_more_removals_than_are_remembered_are_noticed(
    home: Documents, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "MOST_GONE", 1)
    await home.search("x")
    for path in (folder / "house.md", folder / "water.txt"):
        path.unlink()
    await home.refresh()
    assert home.index.ask("SELECT count(*) FROM gone") == [(1,)]
    matrix = home.retriever.matrix()
    assert matrix is not None and len(matrix.ids) == 1
