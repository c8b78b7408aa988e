"""A student trained after a teacher and on its data's own words, in a child process.

The loss is the divergence of the student's likelihoods from the teacher's, in nats a token, mixed with how surprised
the student is by the data. Everything that decides the next step is in the checkpoint: a training that was killed goes
on as if it had not been. Checkpoints are safetensors, never pickle.
"""

import json
import math
import os
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from domov.errors import Refused
from domov.optimize.lesson import LOSS_ROWS, Lesson, check_length, held_out, in_parts, most_points, order_of, rate_at
from domov.optimize.network import ADAPTER_SCALE, EMBEDDING, OUTPUT, ROPE_FACTORS, Network
from domov.optimize.precision import DTYPES
from domov.store.names import shown

FIRST, SECOND, SMALL = 0.9, 0.95, 1e-8  # Adam's two averages; no decay of weights: the student shall stay near
LONGEST_CHANGE = 1.0  # norm of all changes together; larger ones are shortened
FIRST_SCALE, GOOD_STEPS = 2.0**14, 200  # of fp16's loss
HELD_OUT_TIMES = 4
MEMORY_ERRORS = (RuntimeError, MemoryError)  # torch has no other for a processor whose memory runs out
Point = dict[str, float]
Tell = Callable[[int, Point], None]


@dataclass(frozen=True, slots=True)
class Pieces:
    """The data: (pieces, tokens), and how much each token counts as one to foresee."""

    tokens: Tensor
    counts: Tensor

    def __len__(self) -> int:
        return len(self.tokens)


def cut(tokens: Tensor, counts: Tensor, lesson: Lesson, *, first_token: int | None) -> Pieces:
    """Raises BadInput for a text that is too short."""
    check_length(len(tokens), lesson)
    length = lesson.piece_tokens
    whole = len(tokens) // length * length
    pieces = tokens[:whole].long().view(-1, length).clone()
    if first_token is not None:
        pieces[:, 0] = first_token  # as every text begins for this model
    return Pieces(pieces, counts[:whole].float().view(-1, length))


@dataclass
class State:
    """What a training knows beside the weights."""

    step: int = 0  # the next one
    scale: float = FIRST_SCALE
    good_steps: int = 0
    at_once: int = 1
    points: list[Point] = field(default_factory=list)


class Training:
    def __init__(
        self, student: Network, teacher: Network | None, lesson: Lesson, pieces: Pieces, *, checkpoint: Path, key: str
    ) -> None:
        """lesson  its precision is not `auto` any more; key  what the checkpoint must be of"""
        self.student, self.teacher, self.lesson, self.checkpoint, self._key = student, teacher, lesson, checkpoint, key
        self.state = State(at_once=lesson.at_once or lesson.batch)
        self.device = student.weights[EMBEDDING].device
        aside = held_out(len(pieces))
        rest = [n for n in range(len(pieces)) if n not in set(aside)]
        self._aside = Pieces(pieces.tokens[aside], pieces.counts[aside])
        self._pieces = Pieces(pieces.tokens[rest], pieces.counts[rest])
        self._trained = self._added() if lesson.rank else self._all()
        self._first = {name: torch.zeros_like(w) for name, w in self._trained.items()}
        self._second = {name: torch.zeros_like(w) for name, w in self._trained.items()}

    def _all(self) -> dict[str, Tensor]:
        still = {ROPE_FACTORS} | (set() if self.lesson.embeddings else {EMBEDDING, OUTPUT})
        return {name: w.requires_grad_() for name, w in self.student.weights.items() if name not in still}

    def _added(self) -> dict[str, Tensor]:
        """Two thin matrices beside each one of the layers: together nothing at first (LoRA, arXiv 2106.09685)."""
        chance = torch.Generator().manual_seed(self.lesson.seed)
        found: dict[str, Tensor] = {}
        for name, weight in self.student.weights.items():
            if name.startswith("blk.") and weight.ndim == 2:
                outputs, inputs = weight.shape
                first = torch.rand((self.lesson.rank, inputs), generator=chance).sub_(0.5).mul_(2 * inputs**-0.5)
                second = torch.zeros(outputs, self.lesson.rank)
                pair = tuple(one.to(self.device).requires_grad_() for one in (first, second))
                self.student.adapters[name] = pair[0], pair[1]
                found |= {f"{name}.first": pair[0], f"{name}.second": pair[1]}
        return found

    @torch.no_grad()
    def finish(self) -> None:
        """What was added to matrices becomes part of them."""
        for name, (first, second) in self.student.adapters.items():
            self.student.weights[name].add_(second @ first, alpha=ADAPTER_SCALE)
        self.student.adapters.clear()

    def run(self, tell: Tell, *, save_seconds: float) -> None:
        """To the end, from where the checkpoint is. Raises Refused where it goes astray, or memory runs out."""
        saved, every = time.monotonic(), most_points(self.lesson.steps)
        look = max(1, self.lesson.steps // HELD_OUT_TIMES)
        for chosen in order_of(len(self._pieces), self.lesson, first_step=self.state.step):
            number = self.state.step
            point = {"held_out": self.loss_aside()} if number % look == 0 else {}
            point |= self._step(chosen)
            self.state.step += 1
            if number % every == 0 or "held_out" in point:
                self.state.points.append({"step": number, **point})
            tell(number, point)
            if time.monotonic() - saved >= save_seconds and self.state.step < self.lesson.steps:
                self.save()
                saved = time.monotonic()
        self.state.points.append({"step": self.lesson.steps, "held_out": self.loss_aside()})

    def _step(self, chosen: Sequence[int]) -> Point:
        while True:
            try:
                divergence, own = self._gradients(chosen)
                break
            except MEMORY_ERRORS as error:
                self._forget_gradients()
                if self.state.at_once == 1:
                    raise Refused(
                        f"step {self.state.step} can't be calculated, with one piece at a time: {_line(error)}",
                        hint="if memory ran out: take shorter pieces (--length), or end other programs",
                    ) from error
                self.state.at_once //= 2
        loss = (1 - self.lesson.own_share) * divergence + self.lesson.own_share * own
        if not math.isfinite(loss) and self.lesson.precision != "fp16":
            raise Refused(
                f"the training went astray in step {self.state.step}: its loss is not a number",
                hint=f"take a lower rate than {self.lesson.rate:g} (--rate), or --precision fp32",
            )
        rate = rate_at(self.lesson, self.state.step)
        self._change(rate)
        teacher = {"divergence": divergence} if self.teacher else {}
        return {"loss": loss, "rate": rate, **teacher, **({"own_loss": own} if self.lesson.own_share else {})}

    def _gradients(self, chosen: Sequence[int]) -> tuple[float, float]:
        """Of all chosen pieces together, some at a time. Returns the two losses."""
        counted = float(self._pieces.counts[list(chosen), 1:].sum())
        sums = [0.0, 0.0]
        for part in in_parts(chosen, self.state.at_once):
            tokens, counts = self._pieces.tokens[list(part)], self._pieces.counts[list(part)]
            found = self._losses(tokens, counts, counted=max(counted, 1e-9), learn=True)
            sums = [a + b for a, b in zip(sums, found, strict=True)]
        return sums[0], sums[1]

    def _losses(self, tokens: Tensor, counts: Tensor, *, counted: float, learn: bool) -> tuple[float, float]:
        """Logits are made of a few rows at a time: all of them would be larger than the model."""
        tokens, counts = tokens.to(self.device), counts.to(self.device)[:, 1:].flatten()
        with torch.set_grad_enabled(learn), self._autocast():
            hidden = self.student.hidden(tokens)[:, :-1]
        rows = hidden.detach().flatten(0, 1).requires_grad_(learn)
        known = self._taught(tokens)
        following, sums = tokens[:, 1:].flatten(), [0.0, 0.0]
        for start in range(0, len(rows), LOSS_ROWS):
            part = slice(start, start + LOSS_ROWS)
            with torch.set_grad_enabled(learn), self._autocast():
                own = self.student.logits(rows[part]).log_softmax(-1)
            parent = known(part)
            divergence, surprise = self._of_rows(own, parent, following[part], counts[part], counted)
            if learn:
                share = self.lesson.own_share
                loss = (1 - share) * divergence + share * surprise
                (loss * (self.state.scale if self.lesson.precision == "fp16" else 1.0)).backward()
            sums = [sums[0] + float(divergence.detach()), sums[1] + float(surprise.detach())]
        if learn:
            assert rows.grad is not None
            hidden.backward(rows.grad.view_as(hidden))
        return sums[0], sums[1]

    def _taught(self, tokens: Tensor) -> Callable[[slice], Tensor | None]:
        """What the teacher finds likely, some rows at a time."""
        if self.teacher is None:
            return lambda part: None
        teacher = self.teacher
        with torch.no_grad(), self._autocast():
            hidden = teacher.hidden(tokens)[:, :-1].flatten(0, 1)

        def rows(part: slice) -> Tensor:
            with torch.no_grad(), self._autocast():
                return teacher.logits(hidden[part]).log_softmax(-1)

        return rows

    def _of_rows(
        self, own: Tensor, parent: Tensor | None, following: Tensor, counts: Tensor, counted: float
    ) -> tuple[Tensor, Tensor]:
        zero = own.new_zeros(())
        divergence = zero
        if parent is not None:
            divergence = (F.kl_div(own, parent, log_target=True, reduction="none").sum(-1) * counts).sum() / counted
        if not self.lesson.own_share:
            return divergence, zero
        surprise = F.nll_loss(own, following, reduction="none")
        return divergence, (surprise * counts).sum() / counted

    @torch.no_grad()
    def _change(self, rate: float) -> None:
        """One step of Adam; in fp16 none where the changes were too large for it, and a smaller scale from then on."""
        scale = self.state.scale if self.lesson.precision == "fp16" else 1.0
        grads = {name: w.grad.div_(scale) for name, w in self._trained.items() if w.grad is not None}
        length = float(torch.stack([g.float().norm() for g in grads.values()]).norm()) if grads else 0.0
        if not math.isfinite(length):
            self._rescale(fits=False)
            return
        shorten = min(1.0, LONGEST_CHANGE / (length + 1e-12))
        number = self.state.step + 1
        for name, grad in grads.items():
            grad.mul_(shorten)
            first, second = self._first[name], self._second[name]
            first.mul_(FIRST).add_(grad, alpha=1 - FIRST)
            second.mul_(SECOND).addcmul_(grad, grad, value=1 - SECOND)
            divisor = (second / (1 - SECOND**number)).sqrt_().add_(SMALL)
            self._trained[name].addcdiv_(first, divisor, value=-rate / (1 - FIRST**number))
        self._forget_gradients()
        self._rescale(fits=True)

    def _rescale(self, *, fits: bool) -> None:
        self._forget_gradients()
        self.state.good_steps = self.state.good_steps + 1 if fits else 0
        if not fits:
            self.state.scale /= 2
        elif self.state.good_steps % GOOD_STEPS == 0:
            self.state.scale *= 2

    def _forget_gradients(self) -> None:
        for weight in self._trained.values():
            weight.grad = None

    def loss_aside(self) -> float:
        """The loss on the pieces that are not trained on."""
        counted = float(self._aside.counts[:, 1:].sum())
        if not counted:
            return 0.0
        share, sums = self.lesson.own_share, [0.0, 0.0]
        for part in in_parts(range(len(self._aside)), self.state.at_once):
            tokens, counts = self._aside.tokens[list(part)], self._aside.counts[list(part)]
            found = self._losses(tokens, counts, counted=counted, learn=False)
            sums = [a + b for a, b in zip(sums, found, strict=True)]
        return (1 - share) * sums[0] + share * sums[1]

    def _autocast(self) -> AbstractContextManager[Any]:
        kind = DTYPES[self.lesson.precision]
        found: AbstractContextManager[Any] = torch.autocast(self.device.type, dtype=kind, enabled=kind != torch.float32)
        return found

    def save(self) -> None:
        """Writes the checkpoint beside the last one, then in its place."""
        tensors = {f"weight/{name}": w.detach() for name, w in self._trained.items()}
        tensors |= {f"first/{name}": w for name, w in self._first.items()}
        tensors |= {f"second/{name}": w for name, w in self._second.items()}
        state = {"key": self._key, "precision": self.lesson.precision, **vars(self.state)}
        beside = self.checkpoint.with_suffix(".new")
        save_file({name: t.cpu().contiguous() for name, t in tensors.items()}, beside, {"state": json.dumps(state)})
        with beside.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(beside, self.checkpoint)

    @torch.no_grad()
    def resume(self) -> None:
        """Takes over what the checkpoint holds; one of another training, or a damaged one, changes nothing."""
        found = read_state(self.checkpoint, self._key)
        if found is None:
            return
        with safe_open(self.checkpoint, framework="pt") as file:
            for kind, own in (("weight", self._trained), ("first", self._first), ("second", self._second)):
                for name, tensor in own.items():
                    tensor.copy_(file.get_tensor(f"{kind}/{name}"))
        self.lesson = replace(self.lesson, precision=found.pop("precision"))
        found.pop("key")
        self.state = State(**found)


def read_state(checkpoint: Path, key: str) -> dict[str, Any] | None:
    """What a checkpoint of this very training says, or None."""
    try:
        with safe_open(checkpoint, framework="pt") as file:
            state: dict[str, Any] = json.loads(file.metadata()["state"])
    except (OSError, SafetensorError, KeyError, TypeError, ValueError):
        return None
    return state if state.get("key") == key else None


def _line(error: BaseException) -> str:
    return shown(str(error).splitlines()[0] if str(error) else type(error).__name__)
