"""How a student is trained, and what memory that takes. Pure: the work is `training`, in a child process."""

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from domov.errors import BadInput, BadOption, Refused
from domov.optimize.architecture import Architecture
from domov.units import human_bytes

Precision = Literal["auto", "fp32", "bf16", "fp16"]
PRECISIONS = get_args(Precision)
MOST_STEPS, MOST_BATCH, MOST_PIECE_TOKENS = 1_000_000, 4096, 32_768
WARM_UP = 0.1  # of the steps
LOWEST_RATE = 0.1  # of the highest, at the end
HELD_OUT_EVERY, MOST_HELD_OUT = 20, 4  # one piece of the data in so many is not trained on, and tells how it goes
PROCESS_BYTES = 500_000_000  # torch itself
LOSS_ROWS = 256  # tokens whose logits are held at a time
# Fitted to what was measured on SmolLM2-135M (docs/log.md): 32-bit values kept for each token and layer.
KEPT_HIDDEN, KEPT_FED = 22, 6


@dataclass(frozen=True, slots=True)
class Lesson:
    steps: int = 200
    batch: int = 4  # pieces of the data in one step
    piece_tokens: int = 128
    rate: float = 1e-3  # of learning, at its highest
    rank: int = 16  # of what is added to each matrix of the layers (LoRA), and then becomes part of it; 0: all weights
    own_share: float = 0.0  # of the loss: the data's own, beside the teacher's. 1: no teacher
    precision: Precision = "auto"
    embeddings: bool = False  # whether the matrices for tokens are trained too, where all weights are
    seed: int = 36668
    at_once: int = 0  # pieces calculated together; 0: as many as memory has room for

    @property
    def words(self) -> str:
        own = f", {100 * self.own_share:.0f} % of the data's own loss" if self.own_share else ""
        what = f"rank {self.rank}" if self.rank else "all weights"
        return f"{self.steps} steps of {self.batch} x {self.piece_tokens} tokens, {what}, rate {self.rate:g}{own}"


def checked(lesson: Lesson) -> Lesson:
    """Raises BadOption for what can't be meant."""
    bounds: tuple[tuple[str, float, float, float], ...] = (
        ("steps", lesson.steps, 1, MOST_STEPS),
        ("batch", lesson.batch, 1, MOST_BATCH),
        ("length", lesson.piece_tokens, 8, MOST_PIECE_TOKENS),
        ("rate", lesson.rate, 1e-8, 1.0),
        ("rank", lesson.rank, 0, 1024),
        ("own share", lesson.own_share, 0.0, 1.0),
    )
    for name, value, least, most in bounds:
        if not least <= value <= most:
            raise BadOption(f"{name} can't be {value:g}", hint=f"it lies between {least:g} and {most:g}")
    return lesson


def check_length(tokens: int, lesson: Lesson) -> None:
    """Raises BadInput, with the length that is needed, for a text of less than one step and a piece to hold out."""
    least = (lesson.batch + 1) * lesson.piece_tokens
    if tokens < least:
        raise BadInput(
            f"the text to train on has {tokens} tokens, {least} are needed",
            hint=f"take one of {round(0.75 * least, -1):.0f} words or more, or a smaller --batch or --length",
        )


def rate_at(lesson: Lesson, step: int) -> float:
    """The rate of one step, from 0: up over the first tenth, then down along half a cosine."""
    warm = max(1, round(WARM_UP * lesson.steps))
    if step < warm:
        return lesson.rate * (step + 1) / warm
    part = (step - warm) / max(1, lesson.steps - warm)
    return lesson.rate * (LOWEST_RATE + (1 - LOWEST_RATE) * (1 + math.cos(math.pi * part)) / 2)


def order_of(count: int, lesson: Lesson, *, first_step: int = 0) -> Iterator[list[int]]:
    """Which pieces each step takes: every one once, shuffled, then all again. The same for the same lesson."""
    epoch, shuffled = -1, list(range(count))
    for step in range(first_step, lesson.steps):
        chosen = []
        for place in range(step * lesson.batch, (step + 1) * lesson.batch):
            if place // count != epoch:
                epoch, shuffled = place // count, list(range(count))
                random.Random(f"{lesson.seed} {epoch}").shuffle(shuffled)
            chosen.append(shuffled[place % count])
        yield chosen


def held_out(count: int) -> list[int]:
    """Which of so many pieces are not trained on: spread over all of them."""
    few = min(MOST_HELD_OUT, max(1, count // HELD_OUT_EVERY)) if count > 1 else 0
    return [n * count // few for n in range(few)]


def memory_bytes(student: Architecture, teacher: Architecture | None, lesson: Lesson, *, at_once: int) -> int:
    """What training takes at most: weights, their changes and two averages of these, a teacher, what lies between."""
    weights = 4 * student.matrix_parameters + (4 * teacher.matrix_parameters if teacher else 0)
    changes = (16 if lesson.rank else 12) * trained_parameters(student, lesson)
    kept = (student.hidden * KEPT_HIDDEN + student.feed_forward * KEPT_FED) * student.layers
    logits = LOSS_ROWS * student.vocabulary * 4 * (6 if teacher else 4)
    return PROCESS_BYTES + weights + changes + at_once * lesson.piece_tokens * kept * 4 + logits


def trained_parameters(a: Architecture, lesson: Lesson) -> int:
    if lesson.rank:
        sides = 4 * a.hidden + 2 * a.head_size * (a.heads + a.kv_heads) + 3 * (a.hidden + a.feed_forward)
        return a.layers * lesson.rank * sides
    return a.matrix_parameters if lesson.embeddings else a.layers * a.layer_parameters


def planned(student: Architecture, teacher: Architecture | None, lesson: Lesson, *, free_bytes: int) -> Lesson:
    """The lesson with as many pieces at once as there is memory for. Raises Refused where one alone is too much."""
    most = lesson.at_once or lesson.batch
    for at_once in sorted({max(1, most >> n) for n in range(13)}, reverse=True):
        if memory_bytes(student, teacher, lesson, at_once=at_once) <= free_bytes:
            return replace(lesson, at_once=at_once)
    needed = memory_bytes(student, teacher, lesson, at_once=1)
    raise Refused(
        f"training takes {human_bytes(needed)} of memory, {human_bytes(free_bytes)} are free",
        hint="take shorter pieces (--length), end other programs, or prune a smaller model",
    )


def evenly(count: int, of: int) -> list[int]:
    """So many of the numbers from 0 on, the first and the last among them."""
    return [round(n * (of - 1) / (count - 1)) for n in range(count)] if count > 1 else [0]


def most_points(steps: int, wanted: int = 500) -> int:
    """At every which step a point of a curve is kept."""
    return max(1, -(-steps // wanted))


def in_parts(chosen: Sequence[int], size: int) -> list[Sequence[int]]:
    return [chosen[start : start + size] for start in range(0, len(chosen), size)]
