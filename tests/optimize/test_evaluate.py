"""What a model is found to be: as llama.cpp's own tools find it, and refused where it can't be said."""

import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from domov.app import App
from domov.errors import BadInput
from domov.optimize.card import Card, from_table, rows, to_table
from domov.optimize.child import Done, Task
from domov.optimize.evaluate import SAME_TEXT, Examination, by_language, evaluate, keep
from domov.optimize.family import family
from domov.optimize.measuring import CHUNK_TOKENS, Record, Scores, log_likelihoods
from domov.optimize.quantize import Order, quantize
from domov.optimize.questions import is_right, questions
from domov.optimize.texts import Text, builtin_tuning_text, excerpts
from domov.store.models import Model
from tests.conftest import domov
from tests.optimize.conftest import run

CHUNKS = 4
LICENCES = Path(__file__).parent.parent.parent / "LICENSE"  # Apache's: the same everywhere


def judging() -> Text:
    return Text("Apache licence", LICENCES.read_text("utf-8"))


@pytest.fixture(scope="session")
async def small(workplace: App, parent: Model) -> Model:
    made, _ = await run(quantize(Order(parent, "Q4_0", "judged:q4_0"), workplace.workshop))
    assert isinstance(made, Model)
    return made


@pytest.fixture(scope="session")
async def judged(workplace: App, starter: Model, small: Model) -> AsyncIterator[Card]:
    exam = Examination(small, judging(), starter, chunks=CHUNKS, questions=questions()[::8], speed=False)
    steps = evaluate(exam, workplace.workshop, machine="here", open_engine=workplace.open_engine)
    card, told = await run(steps)
    assert isinstance(card, Card) and len(told) > 4
    yield card


def test_the_distance_of_a_model_from_its_parent_is_measured(judged: Card, starter: Model) -> None:
    distance = judged.distance
    assert distance and judged.parent == starter.name and judged.scored_tokens == CHUNKS * (CHUNK_TOKENS // 2 - 1)
    assert 0.02 < distance.divergence.low < distance.divergence.value < distance.divergence.high < 1
    assert distance.divergence.value < distance.divergence_99 <= distance.most
    assert 0.5 < distance.same_top.value < 0.98
    assert judged.perplexity.low < judged.perplexity.value < judged.perplexity.high
    assert {language for language, _ in judged.answers} == {"en", "cs"}


async def test_perplexity_is_that_of_llama_cpp(workplace: App, starter: Model) -> None:
    # 15.94107 by the script whose perplexity was llama-perplexity's on another text: 15.40353 and 15.403531
    exam = Examination(starter, judging(), chunks=CHUNKS, speed=False)
    card, _ = await run(evaluate(exam, workplace.workshop, machine="here", open_engine=workplace.open_engine))
    assert card.perplexity.value == pytest.approx(15.94107, rel=2e-4)


async def test_a_model_is_no_distance_from_itself(workplace: App, tiny: Model) -> None:
    exam = Examination(tiny, judging(), tiny, chunks=CHUNKS, speed=False)
    steps = evaluate(exam, workplace.workshop, machine="here", open_engine=workplace.open_engine)
    card, _ = await run(steps)
    assert card.distance.perplexity_ratio.value == 1 and card.distance.same_top.value == 1
    assert abs(card.distance.divergence.value) < 2e-4  # likelihoods are kept in 16 bits


def test_a_card_survives_its_manifest(workplace: App, judged: Card, small: Model, parent: Model) -> None:
    kept = keep(judged, workplace.models.get(small.name), workplace.workshop)
    assert kept
    found = workplace.models.get(small.name).manifest.card
    assert found and from_table(json.loads(json.dumps(found))) == from_table(to_table(judged))
    assert kept.manifest.lineage == small.manifest.lineage
    tree = "\n".join(family(workplace.models.all(), kept))
    assert tree.splitlines()[0].startswith("smollm2:135m ") and "judged:q4_0 *" in tree and "divergence" in tree
    shown = domov(workplace.config.home, "show", small.name).stdout
    for words in ("made of", "its card", "same first choice", "its family", parent.name):
        assert words in shown


def test_a_card_in_words_names_what_it_rests_on(judged: Card) -> None:
    words = "\n".join(f"{name} {value}" for name, value in rows(judged))
    assert "Apache licence" in words and "sha256:" in words and "xllamacpp" in words and "of tokens" in words


async def test_a_short_text_is_refused_with_the_length_it_needs(workplace: App, tiny: Model) -> None:
    exam = Examination(tiny, Text("short", "A text of a few words. " * 5), speed=False)
    with pytest.raises(BadInput, match="2048 are needed") as caught:
        await run(evaluate(exam, workplace.workshop, machine="here", open_engine=workplace.open_engine))
    assert "1540 words" in caught.value.hint
    assert not list(workplace.models.partial.glob("domov-*"))


async def test_models_with_other_tokens_are_not_compared(workplace: App, tiny: Model) -> None:
    told = {"model": str(tiny.path), "text": judging().content, "chunks": CHUNKS, "threads": 2}
    told |= {"keep": None, "parent": "/nowhere", "tokens": "of another tokenizer"}
    with pytest.raises(BadInput, match="different tokens"):
        async for _ in workplace.workshop.children.run(Task("score", told, readable=(tiny.path,))):
            pass


def test_a_text_that_it_was_tuned_on_is_told(workplace: App, small: Model) -> None:
    from domov.optimize.evaluate import _notes

    lineage = small.manifest.lineage
    assert lineage
    tuned = replace(small, manifest=replace(small.manifest, lineage=replace(lineage, data_digest=judging().digest)))
    assert list(_notes(Examination(tuned, judging()))) == [SAME_TEXT]
    assert list(_notes(Examination(small, judging()))) == []


def test_likelihoods_add_up_to_one_and_survive_sixteen_bits(tmp_path: Path) -> None:
    logits = np.random.default_rng(1).normal(0, 3, (5, 1000)).astype(np.float32)
    exact = log_likelihoods(logits)
    assert np.allclose(np.exp(exact).sum(axis=-1), 1, atol=1e-5)
    for mode in ("wb", "rb"):
        record = Record(tmp_path / "x", vocabulary=1000, mode=mode)
        if mode == "wb":
            record.write(exact)
        else:
            near, first = record.read(5)
            assert np.abs(near - exact)[exact > -10].max() < 1.3e-4
            assert first.tolist() == exact.argmax(axis=-1).tolist()
        record.close()


def test_divergence_by_hand(tmp_path: Path) -> None:
    # parent 1/2 1/2, model 1/4 3/4: ln(2) / 2 + ln(2/3) / 2
    record = Record(tmp_path / "x", vocabulary=2, mode="wb")
    record.write(np.log(np.array([[0.5, 0.5]], np.float32)))
    record.close()
    scores = Scores()
    parent = Record(tmp_path / "x", vocabulary=2, mode="rb")
    scores.add(np.log(np.array([[0.25, 0.75]], np.float32)), [1], keep=None, parent=parent)
    parent.close()
    assert scores.divergences[0] == pytest.approx(0.5 * np.log(2) + 0.5 * np.log(2 / 3), abs=1e-4)
    assert scores.losses[0] == pytest.approx(-np.log(0.75), abs=1e-6)


def test_an_answer_counts_for_each_of_its_bytes() -> None:
    assert is_right([-4.0, -3.0], [" a long end", " short"])
    assert not is_right([-4.0, -3.0], [" short", " a long end"])


def test_questions_are_of_both_languages_with_four_different_ends() -> None:
    found = questions()
    assert {q.language for q in found} == {"en", "cs"} and len(found) >= 48
    assert all(len(set(q.ends)) == 4 and all(end.startswith(" ") for end in q.ends) for q in found)
    counted = dict(by_language(found, [q.language == "en" for q in found]))
    assert counted["en"].right == counted["en"].of and counted["cs"].right == 0


def test_the_texts_to_tune_on_and_to_judge_by_are_two() -> None:
    tuning = builtin_tuning_text()
    assert len(tuning.content) > 300_000 and tuning.digest.startswith("sha256:")
    assert hashlib.sha256(tuning.content.encode()).hexdigest() in tuning.digest
    assert excerpts('x = """' + "ab [c] " * 40_000 + '"""').count("c") > 100


async def test_the_importance_matrix_is_of_every_matrix_of_the_layers(
    workplace: App, tiny: Model, tmp_path: Path
) -> None:
    target = tmp_path / "matrix.npz"
    target.touch()
    told = {"model": str(tiny.path), "text": judging().content, "target": str(target), "threads": 2, "chunks": 2}
    task = Task("importance", told, readable=(tiny.path,), writable=(target,))
    events = [event async for event in workplace.workshop.children.run(task)]
    assert events[-1] == Done({"tokens": 2 * CHUNK_TOKENS, "tensors": 14})  # 7 matrices in 2 layers
    with np.load(target) as found:
        assert found["blk.0.ffn_down.weight"].shape == (1536,) and found["blk.1.attn_q.weight"].shape == (576,)
        assert np.array_equal(found["blk.1.attn_q.weight"], found["blk.1.attn_k.weight"])  # they read the same
        assert all((found[name] >= 0).all() and np.isfinite(found[name]).all() for name in found.files)
