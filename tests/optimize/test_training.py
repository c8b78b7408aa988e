"""Training in a child process: it learns, and it goes on after a kill as if nothing had been."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from domov.app import App
from domov.errors import BadInput, Refused
from domov.optimize.lesson import Lesson, Precision
from domov.optimize.progress import Progress, Warned
from domov.optimize.teaching import Course, Taught, teach, tokenized
from tests.conftest import environment
from tests.optimize.conftest import run
from tests.tiny_models import tiny, torch_needed

torch = torch_needed()

from domov.optimize import precision, training  # noqa: E402  (they import torch)
from domov.optimize.training import Pieces, Training, cut  # noqa: E402
from domov.optimize.weights import load  # noqa: E402

WORDS = "the cat sat on the mat and the dog sat by the door while it rained. " * 60
SHORT = Lesson(steps=6, batch=2, piece_tokens=32, rate=1e-2, precision="fp32", rank=0, embeddings=True)


def paths(folder: Path) -> tuple[Path, Path]:
    teacher, student = folder / "teacher.gguf", folder / "student.gguf"
    teacher.write_bytes(tiny(seed=1))
    student.write_bytes(tiny(seed=2))
    return teacher, student


async def course(domov: App, folder: Path, lesson: Lesson, *, teacher: bool = True) -> Course:
    first, second = paths(folder)
    await run(tokenized(second, [("", WORDS, 1.0)], folder / "tokens.npz", domov.workshop.children))
    return Course(second, first if teacher else None, folder / "tokens.npz", lesson, ("x",))


@pytest.mark.parametrize(("own_share", "teacher", "rank"), [(0.0, True, 0), (1.0, False, 4), (0.5, True, 4)])
async def test_a_student_learns(workplace: App, tmp_path: Path, own_share: float, teacher: bool, rank: int) -> None:
    lesson = replace(SHORT, steps=40, own_share=own_share, rank=rank)
    made, told = await run(
        teach(await course(workplace, tmp_path, lesson, teacher=teacher), tmp_path, workplace.workshop.children)
    )
    assert isinstance(made, Taught)
    aside = [point["held_out"] for point in made.curve if "held_out" in point]
    assert made.curve[0]["step"] == 0 and made.curve[-1]["step"] == 40 and aside[-1] < 0.8 * aside[0]
    figures = [step.figures for step in told if isinstance(step, Progress) and step.figures]
    assert figures and {"loss", "rate"} <= set(figures[-1]) and ("own_loss" in figures[-1]) == bool(own_share)
    load(made.path, name="x")  # a whole model


async def test_each_precision_is_trained_in(workplace: App, tmp_path: Path) -> None:
    ends = []
    kinds: tuple[Precision, ...] = ("fp32", "bf16", "fp16")
    for kind in kinds:
        lesson = replace(SHORT, precision=kind)
        made, _ = await run(teach(await course(workplace, tmp_path, lesson), tmp_path, workplace.workshop.children))
        assert made.precision == kind
        ends.append(made.curve[-1]["held_out"])
    assert ends[1] == pytest.approx(ends[0], rel=0.05) and ends[2] == pytest.approx(ends[0], rel=0.05)


def test_the_fastest_precision_is_taken_if_it_is_clearly_faster() -> None:
    assert precision.fastest({"fp32": 100, "bf16": 110, "fp16": 90}) == "fp32"
    assert precision.fastest({"fp32": 100, "bf16": 200, "fp16": 220}) == "bf16"
    assert precision.fastest({"fp32": 100, "fp16": 220}) == "fp16"
    assert precision.speeds("cpu")["fp32"] > 0


RUN = """
import json, sys
from domov.optimize import torch_jobs
told = json.loads(sys.stdin.readline())
print("ready", flush=True)
torch_jobs.JOBS["train"](told, lambda *done, step="", **figures: print(done[0], flush=True))
"""


async def test_killed_in_the_middle_it_ends_as_if_it_had_not_been(workplace: App, tmp_path: Path) -> None:
    lesson, folder = replace(SHORT, steps=40, at_once=2), tmp_path / "killed"
    folder.mkdir()
    own = await course(workplace, tmp_path, lesson)
    whole, _ = await run(teach(own, tmp_path, workplace.workshop.children))
    told = {
        "student": str(own.student), "teacher": str(own.teacher), "tokens": str(own.tokens),
        "lesson": asdict(lesson), "key": ["x", asdict(lesson) | {"at_once": 0}], "starts": True, "save_seconds": 0.0,
        "checkpoint": str(folder / "checkpoint.safetensors"), "target": str(folder / "x.gguf"), "threads": 1,
    }  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", RUN, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment(tmp_path)
    )
    assert process.stdin and process.stdout
    process.stdin.write(json.dumps(told).encode() + b"\n")
    while (line := await process.stdout.readline()).strip() != b"12":
        assert line, "it ended before it could be killed"
    os.kill(process.pid, signal.SIGKILL)
    await process.wait()
    assert not (folder / "x.gguf").exists()
    resumed, told_of = await run(teach(own, folder, workplace.workshop.children))
    assert 0 < resumed.resumed_at < 40
    first = next(step.done for step in told_of if isinstance(step, Progress) and step.figures)
    assert first == resumed.resumed_at + 1
    assert resumed.path.read_bytes() == whole.path.read_bytes()
    assert [dict(p) for p in resumed.curve] == [dict(p) for p in whole.curve]


def by_hand(tmp_path: Path, lesson: Lesson) -> Training:
    teacher, student = (load(path, name="x") for path in paths(tmp_path))
    tokens = torch.arange(1024) % 200
    data = cut(tokens, torch.ones(1024), lesson, first_token=None)
    return Training(student, teacher, lesson, data, checkpoint=tmp_path / "x.safetensors", key="x")


def test_memory_that_runs_out_halves_what_is_calculated_at_once(tmp_path: Path) -> None:
    class Little(Training):
        def _losses(self, tokens: Any, counts: Any, *, counted: float, learn: bool) -> tuple[float, float]:
            if len(tokens) > 2:
                raise RuntimeError("can't allocate memory")
            return super()._losses(tokens, counts, counted=counted, learn=learn)

    teacher, student = (load(path, name="x") for path in paths(tmp_path))
    lesson = replace(SHORT, batch=8, at_once=8)
    data = cut(torch.arange(1024) % 200, torch.ones(1024), lesson, first_token=None)
    small = Little(student, teacher, lesson, data, checkpoint=tmp_path / "x.safetensors", key="x")
    small.state.at_once = 8
    small._step(range(8))
    assert small.state.at_once == 2


def test_a_training_that_goes_astray_is_stopped(tmp_path: Path) -> None:
    one = by_hand(tmp_path, SHORT)
    one.student.weights["blk.0.ffn_up.weight"].data[0, 0] = float("nan")
    with pytest.raises(Refused, match="went astray in step 0") as caught:
        one.run(lambda step, point: None, save_seconds=1e9)
    assert "--rate" in caught.value.hint


def test_pieces_at_once_change_next_to_nothing(tmp_path: Path) -> None:
    losses = []
    for at_once in (1, 4):
        one = by_hand(tmp_path, replace(SHORT, batch=4, at_once=at_once))
        losses.append(one._step([0, 1, 2, 3])["loss"])
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_a_text_that_is_too_short_is_refused_with_the_length_that_is_needed() -> None:
    with pytest.raises(BadInput, match="has 95 tokens, 96 are needed") as caught:
        cut(torch.arange(95), torch.ones(95), SHORT, first_token=None)
    assert "70 words" in caught.value.hint


def test_only_counted_tokens_are_learned_from(tmp_path: Path) -> None:
    one = by_hand(tmp_path, replace(SHORT, own_share=1.0))
    one._pieces = Pieces(one._pieces.tokens, torch.zeros_like(one._pieces.counts))
    assert one._step([0, 1])["loss"] == 0


def test_a_damaged_checkpoint_is_no_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "x.safetensors").write_bytes(b"\\xff" * 100)
    one = by_hand(tmp_path, SHORT)
    one.resume()
    assert one.state.step == 0
    one.state.step = 3
    one.save()
    other = by_hand(tmp_path, SHORT)
    other._key = "y"
    other.resume()
    assert other.state.step == 0 and training.read_state(tmp_path / "x.safetensors", "x")


async def test_tokens_of_answers_count_and_those_of_prompts_do_not(workplace: App, tmp_path: Path) -> None:
    _, student = paths(tmp_path)
    texts = [("ab<|end|>", "cd", 0.5)]
    await run(tokenized(student, texts, tmp_path / "x.npz", workplace.workshop.children))
    found: Mapping[str, Any] = np.load(tmp_path / "x.npz")
    assert found["counts"].tolist() == [0, 0, 0, 0.5, 0.5, 0.5]  # the end of the answer counts as well
    assert found["tokens"][2] == found["tokens"][-1] == 257


async def test_little_memory_is_told(workplace: App, tmp_path: Path) -> None:
    lesson = replace(SHORT, steps=1, at_once=1)
    _, told = await run(teach(await course(workplace, tmp_path, lesson), tmp_path, workplace.workshop.children))
    assert any(isinstance(step, Warned) and "1 of the 2 pieces" in step.words for step in told)
