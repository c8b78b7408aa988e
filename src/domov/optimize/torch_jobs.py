"""The jobs of `optimize.worker` that need torch, by name; its file is imported for these alone."""

import hashlib
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from domov.errors import BadInput
from domov.optimize import cutting, precision
from domov.optimize.architecture import Architecture
from domov.optimize.lesson import Lesson, evenly
from domov.optimize.network import EMBEDDING, Network
from domov.optimize.training import Pieces, Point, Training, cut, read_state
from domov.optimize.weights import load, save
from domov.optimize.worker import Job, Table, Telling

SPREAD = 0.02  # standard deviation of the weights of a student that begins at random


def _prune(told: Table, tell: Telling) -> Any:
    """Writes the model with the sizes that are wanted."""
    torch.set_num_threads(told["threads"])
    network = load(Path(told["source"]), name=told["name"])
    tokens, _, first = _read(told["tokens"])
    length, count = told["piece_tokens"], told["pieces"]
    if len(tokens) < length:
        raise BadInput(
            f"the text has {len(tokens)} tokens, {length} are needed", hint=f"take one of {0.75 * length:.0f} words"
        )
    rows = tokens[: len(tokens) // length * length].long().view(-1, length)
    rows = rows[evenly(min(count, len(rows)), len(rows))].clone()
    if first is not None:
        rows[:, 0] = first
    wanted = Architecture(**told["wanted"])
    made, gone = cutting.smaller(
        network, wanted, [row[None] for row in rows], lambda done, total: tell(done, total, step="trying layers")
    )
    save(made, Path(told["source"]), Path(told["target"]), done=lambda n: tell(n, None, step="writing"))
    return {"gone": gone, "parameters": cutting.parameters(made.weights)}


def _begin(told: Table, tell: Telling) -> Any:
    """Writes a student of other sizes than its teacher: of some of the teacher's layers, or of random weights."""
    torch.set_num_threads(told["threads"])
    teacher, wanted = load(Path(told["teacher"]), name=told["name"]), Architecture(**told["wanted"])
    tell(0, None, step="writing")
    if told["init"] == "copy":
        kept = evenly(wanted.layers, teacher.architecture.layers)
        gone = [n for n in range(teacher.architecture.layers) if n not in set(kept)]
        made = cutting.without_layers(teacher, gone)
        if wanted.feed_forward < teacher.architecture.feed_forward:
            sizes = {f"blk.{n}.ffn_down": _columns(made, n) for n in range(wanted.layers)}
            made = cutting.narrower(made, wanted.feed_forward, sizes)
    else:
        made = _random(teacher, wanted, told["seed"])
    save(made, Path(told["teacher"]), Path(told["target"]))
    return {"parameters": cutting.parameters(made.weights)}


def _columns(network: Network, layer: int) -> torch.Tensor:
    return network.weights[f"blk.{layer}.ffn_down.weight"].norm(dim=0)


def _random(teacher: Network, a: Architecture, seed: int) -> Network:
    """Matrices around 0, those that add to a layer's input the smaller the deeper the model; norms of 1."""
    chance = torch.Generator().manual_seed(seed)
    sizes = {
        "attn_q": (a.heads * a.head_size, a.hidden),
        "attn_k": (a.kv_heads * a.head_size, a.hidden),
        "attn_v": (a.kv_heads * a.head_size, a.hidden),
        "attn_output": (a.hidden, a.heads * a.head_size),
        "ffn_gate": (a.feed_forward, a.hidden),
        "ffn_up": (a.feed_forward, a.hidden),
        "ffn_down": (a.hidden, a.feed_forward),
    }
    norms = {"attn_q_norm": a.head_size, "attn_k_norm": a.head_size}
    weights = {}
    for name in _names(teacher, a):
        part = name.split(".")[2] if name.startswith("blk.") else ""
        if part in sizes and name.endswith("weight"):
            deep = (2 * a.layers) ** -0.5 if part in ("attn_output", "ffn_down") else 1.0
            weights[name] = torch.randn(sizes[part], generator=chance) * SPREAD * deep
        elif name in (EMBEDDING, "output.weight"):
            weights[name] = torch.randn((a.vocabulary, a.hidden), generator=chance) * SPREAD
        elif name.endswith("bias"):
            weights[name] = torch.zeros(sizes[part][0])
        elif name == "rope_freqs.weight":
            weights[name] = teacher.weights[name]
        else:
            weights[name] = torch.ones(norms.get(part, a.hidden))
    return Network(a, weights)


def _names(teacher: Network, a: Architecture) -> list[str]:
    """The tensors that the teacher has, for another number of layers."""
    first = [name.removeprefix("blk.0.") for name in teacher.weights if name.startswith("blk.0.")]
    outside = [name for name in teacher.weights if not name.startswith("blk.")]
    return outside + [f"blk.{n}.{part}" for n in range(a.layers) for part in first]


def _train(told: Table, tell: Telling) -> Any:
    """Trains the student, and writes it. It goes on from its checkpoint, if that is there."""
    torch.set_num_threads(told["threads"])
    lesson, checkpoint = Lesson(**told["lesson"]), Path(told["checkpoint"])
    key = hashlib.sha256(json.dumps(told["key"]).encode()).hexdigest()
    where, measured = precision.device(), {}
    if known := read_state(checkpoint, key):
        chosen = known["precision"]
    elif lesson.precision == "auto":
        tell(0, None, step="measuring precisions")
        measured = precision.speeds(where)
        chosen = precision.fastest(measured)
    else:
        chosen = lesson.precision
    lesson = Lesson(**{**told["lesson"], "precision": chosen})
    student, teacher, pieces = _loaded(told, lesson, where)
    training = Training(student, teacher, lesson, pieces, checkpoint=checkpoint, key=key)
    training.resume()
    resumed, start = training.state.step, time.monotonic()

    def told_of(step: int, point: Point) -> None:
        tell(step + 1, lesson.steps, step="training", **point)

    training.run(told_of, save_seconds=told["save_seconds"])
    seconds = time.monotonic() - start
    training.finish()
    tell(lesson.steps, None, step="writing")
    save(student, Path(told["student"]), Path(told["target"]))
    steps = {"resumed_at": resumed, "at_once": training.state.at_once, "seconds": seconds}
    return {"points": training.state.points, "precision": chosen, "speeds": measured, "device": where, **steps}


def _loaded(told: Table, lesson: Lesson, where: str) -> tuple[Network, Network | None, Pieces]:
    student = load(Path(told["student"]), name="the student", device=where)
    teacher = None
    if told["teacher"]:
        kind = torch.bfloat16 if lesson.precision == "bf16" else torch.float32
        teacher = load(Path(told["teacher"]), name="the teacher", matrices=kind, device=where)
    tokens, counts, first = _read(told["tokens"])
    return student, teacher, cut(tokens, counts, lesson, first_token=first if told["starts"] else None)


def _read(path: str) -> tuple[torch.Tensor, torch.Tensor, int | None]:
    """Tokens, how much each counts, and what every text begins with, from the job `tokens`."""
    with np.load(path, allow_pickle=False) as found:
        first = int(found["first"])
        tokens, counts = torch.from_numpy(found["tokens"]), torch.from_numpy(found["counts"])
    return tokens, counts, first if first >= 0 else None


JOBS: dict[str, Job] = {"prune": _prune, "begin": _begin, "train": _train}
