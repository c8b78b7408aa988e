"""Models pruned, healed and distilled from beginning to end, on models of two layers."""

import hashlib
import json
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from domov.app import App
from domov.cli.prune import share_of, steps_of
from domov.errors import BadInput, BadOption, DiskFull, EngineUnavailable
from domov.optimize import teaching
from domov.optimize.answering import prompts_of
from domov.optimize.cuts import Cuts, label_of
from domov.optimize.distill import Beginning, Distilled, distill
from domov.optimize.distill import Order as Course
from domov.optimize.lesson import Lesson
from domov.optimize.progress import Progress
from domov.optimize.prune import Alternative, Order, Pruned, nearest, prune, report
from domov.optimize.texts import Text, builtin_tuning_text, unwrapped
from domov.store.models import Model
from tests.conftest import domov
from tests.optimize.conftest import run
from tests.optimize.test_evaluate import judging
from tests.tiny_models import TOKENS, tiny, torch_needed

torch_needed()

TUNING = Text("reference", builtin_tuning_text().content[:4_000])
TRAINING = Text("more of the reference", builtin_tuning_text().content[10_000:20_000])
LESSON = Lesson(steps=8, batch=2, piece_tokens=64, rate=3e-3, precision="fp32", rank=0, embeddings=True)


@pytest.fixture(scope="session")
def small(workplace: App, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """Four layers of random weights, of a name in the store."""
    return added(workplace, tmp_path_factory.mktemp("small") / "small.gguf", tiny(layers=4, fed=96), "small:f32")


def added(domov: App, path: Path, content: bytes, name: str) -> Model:
    path.write_bytes(content)
    manifest = domov.models.get(str(path)).manifest
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    own = replace(manifest, name=name, digest=digest, licence="apache-2.0", path=None, modified_ns=None)
    return domov.models.add(own, path)


def pruning(model: Model, cuts: Cuts, name: str, **more: Any) -> Order:
    return Order(model, cuts, name, TUNING, judging(), **{"lesson": LESSON, **more})


def left_over(domov: App) -> list[Path]:
    return [*domov.models.partial.glob("prune-*"), *domov.models.partial.glob("distill-*")]


async def test_a_model_is_pruned_healed_and_judged(workplace: App, small: Model) -> None:
    order = pruning(small, Cuts(layers=1, width=0.3), "pruned:x", healed_on=TRAINING)
    made, told = await run(prune(order, workplace.workshop))
    assert isinstance(made, Pruned) and made.healed and len(made.gone) == 1
    shape = made.model.shape()
    assert len(shape.layers) == 3 and shape.width.feed_forward == 3 * 64  # 96 x 0.7 in blocks of 32; gate, up, product
    assert made.model.manifest.size_bytes < small.manifest.size_bytes
    lineage = made.model.manifest.lineage
    assert lineage and (lineage.how, lineage.parent, lineage.data) == ("prune", small.name, "reference")
    assert lineage.training_digest == TRAINING.digest and made.model.manifest.licence == "apache-2.0"
    assert f"layers {made.gone[0]} left out" in lineage.recipe
    card = made.model.manifest.card
    assert card and card["parent_digest"] == small.manifest.digest and card["text_digest"] == judging().digest
    assert made.healed.divergence.value != made.cut.divergence.value and made.recovered is not None
    assert made.curve[-1]["step"] == LESSON.steps and not left_over(workplace)
    assert any(isinstance(step, Progress) and "loss" in step.figures for step in told)
    assert "not held against quantizing" in report(made)[-1]
    other, _ = await run(prune(replace(order, name="pruned:y", healed_on=None), workplace.workshop))
    assert isinstance(other, Pruned) and other.healed is None and other.gone == made.gone
    assert other.cut.divergence == made.cut.divergence and other.compared == 1


async def test_stopped_while_it_heals_nothing_is_left(workplace: App, small: Model) -> None:
    order = pruning(small, Cuts(heads=1), "stopped:x", healed_on=TRAINING, lesson=replace(LESSON, steps=10_000))
    async with aclosing(prune(order, workplace.workshop)) as steps:
        async for step in steps:
            if isinstance(step, Progress) and "loss" in step.figures:
                break
    assert not left_over(workplace) and not workplace.models.find("stopped:x")


async def test_one_text_is_not_used_for_two_things(workplace: App, small: Model) -> None:
    order = pruning(small, Cuts(layers=1), "x:y", healed_on=judging())
    with pytest.raises(BadInput, match="text for training is the one for evaluation"):
        await run(prune(order, workplace.workshop))


async def test_a_text_too_short_to_heal_on_is_refused(workplace: App, small: Model) -> None:
    order = pruning(small, Cuts(layers=1), "x:y", healed_on=Text("few", "a few words"))
    with pytest.raises(BadInput, match="192 are needed"):
        await run(prune(order, workplace.workshop))
    assert not left_over(workplace)


async def test_without_room_on_the_disk_nothing_is_begun(
    workplace: App, small: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("usage", (), {"free": 1000})
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage)
    with pytest.raises(DiskFull, match="are needed on the disk"):
        await run(prune(pruning(small, Cuts(layers=1), "x:y"), workplace.workshop))
    assert not left_over(workplace)


def test_without_torch_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(EngineUnavailable, match="PyTorch, which is not installed") as caught:
        teaching.check_torch()
    assert "pip install 'domov[workshop]'" in caught.value.hint


async def test_a_student_begun_with_some_of_the_layers_learns_from_its_teacher(workplace: App, small: Model) -> None:
    order = Course(
        small, Beginning(layers=2, feed_forward=64), "student:x", (TRAINING,), judging(), replace(LESSON, own_share=0.1)
    )
    made, _ = await run(distill(order, workplace.workshop, workplace.open_engine))
    assert isinstance(made, Distilled) and made.before and made.after
    lineage = made.model.manifest.lineage
    assert lineage and (lineage.parent, lineage.how, lineage.teacher) == (small.name, "distill", "")
    assert len(made.model.shape().layers) == 2 and made.card.parent == small.name
    assert {"divergence", "own_loss", "loss"} <= set(made.curve[0]) and not left_over(workplace)


async def test_a_student_begun_at_random_runs(workplace: App, small: Model) -> None:
    begins = Beginning(layers=1, hidden=64, heads=2, kv_heads=1, feed_forward=32, init="random")
    order = Course(small, begins, "student:random", (TRAINING,), judging(), replace(LESSON, steps=2))
    made, _ = await run(distill(order, workplace.workshop, workplace.open_engine))
    assert made.before is None and made.after and made.model.shape().width.hidden == 64


async def test_tokenizers_that_differ_are_refused(workplace: App, small: Model, tmp_path: Path) -> None:
    other = [*TOKENS[:-2], "Ġx", TOKENS[-1]]
    student = added(workplace, tmp_path / "other.gguf", tiny(tokens=other), "other:f32")
    order = Course(small, student, "x:y", (TRAINING,), judging(), LESSON)
    with pytest.raises(BadInput, match="different tokens") as caught:
        await run(distill(order, workplace.workshop, workplace.open_engine))
    assert "--by answers" in caught.value.hint


async def test_a_student_of_any_tokenizer_learns_a_teachers_answers(
    workplace: App, small: Model, tmp_path: Path
) -> None:
    other = [*TOKENS[:-2], "Ġy", TOKENS[-1]]
    student = added(workplace, tmp_path / "other.gguf", tiny(tokens=other), "pupil:f32")
    lines = ['{"prompt": "Say something.", "answer": "Something, and something more than that."}', "Count.", "Sing."]
    lesson = replace(LESSON, steps=3, batch=1, piece_tokens=16, own_share=0.5)
    data = (Text("prompts", "\n".join(lines)),)
    order = Course(small, student, "pupil:taught", data, judging(), lesson, by="answers")
    made, told = await run(distill(order, workplace.workshop, workplace.open_engine))
    assert isinstance(made, Distilled) and made.after is None and made.card.distance is None
    lineage = made.model.manifest.lineage
    assert lineage and (lineage.parent, lineage.teacher) == (student.name, small.name)
    assert any(isinstance(step, Progress) and step.step.startswith("asking") for step in told)


def test_prompts_are_lines_or_json() -> None:
    found = prompts_of([Text("x", 'one\n\n{"prompt": "two", "answer": "2"}\n')])
    assert [(p.text, p.answer) for p in found] == [("one", ""), ("two", "2")]
    for wrong in ("", '{"question": "x"}', '{"prompt": 3}', "{"):
        with pytest.raises(BadInput):
            prompts_of([Text("x", wrong)])


def test_the_truth_about_quantizing_is_told() -> None:
    others = [Alternative("m:q8_0", 144, 0.004), Alternative("m:q2_k", 88, 0.35), Alternative("m:f16", 270, 0.0)]
    assert nearest(others, size_bytes=240, divergence=0.2) == others[0]
    assert nearest(others, size_bytes=100, divergence=0.2) is None


def test_wishes_are_read() -> None:
    assert (share_of("10%"), share_of(None), share_of("2.5 %")) == (0.1, 0.0, 0.025)
    assert (steps_of("none"), steps_of("40")) == (0, 40)
    assert label_of(Cuts(layers=4, width=0.1)) == "without-4-layers-narrower-10"
    for wrong in ("10", "0%", "x%", "100%"):
        with pytest.raises(BadOption):
            share_of(wrong)
    with pytest.raises(BadOption):
        steps_of("many")


def test_paragraphs_are_put_in_one_line() -> None:
    assert unwrapped("one\n two\n\n\nthree  four") == "one two\n\nthree four"


def test_the_commands_work_as_their_page_says(workplace: App, small: Model, tmp_path: Path) -> None:
    home = workplace.config.home
    for name, text in (("tune", TUNING), ("train", TRAINING), ("judge", judging())):
        (tmp_path / name).write_text(text.content)
    texts = ["--judge", str(tmp_path / "judge"), "--data", str(tmp_path / "train")]
    training = ["--batch", "2", "--length", "64", "--precision", "fp32", "--json"]
    wish = ["--width", "30%", "--heal", "4", "--text", str(tmp_path / "tune")]
    done = domov(home, "prune", small.name, *wish, *texts, *training)
    assert done.returncode == 0, done.stderr
    table = json.loads(done.stdout)
    assert table["model"]["name"] == "small:f32-narrower-30" and len(table["curve"]) > 4
    (tmp_path / "student.toml").write_text('layers = 2\ninit = "copy"\n')
    done = domov(home, "distill", small.name, str(tmp_path / "student.toml"), *texts, *training, "--steps", "3")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["model"]["lineage"]["how"] == "distill"
    shown = domov(home, "show", "small:f32-narrower-30").stdout
    assert "trained on" in shown and "prune: without 30 % of the channels" in shown
    refused = domov(home, "prune", small.name, "--width", "30%", "--fit", "1MB")
    assert refused.returncode == 2 and "--fit chooses the width alone" in refused.stderr
