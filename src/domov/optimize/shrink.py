"""`domov shrink`: the best model within a size, or the smallest within a loss, by a type for each tensor of its own.

Errors say which type suits which tensor; soundings say what errors cost where, since the same error in the first layer
and in the last are not the same loss; `budget` chooses; and what was chosen is made, and measured on another text.
"""

import hashlib
import math
import os
import re
import shutil
import tempfile
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from domov.engine.process import remove_leftovers
from domov.errors import BadInput, DomovError, Refused
from domov.files import make_folder, write_atomically
from domov.optimize import figures
from domov.optimize.budget import Choice, Option, best_within, frontier, smallest_within
from domov.optimize.child import Children, Done, Task
from domov.optimize.evaluate import Examination, Scored, passed, score
from domov.optimize.figures import Distance
from domov.optimize.importance import importance
from domov.optimize.progress import Progress, Warned
from domov.optimize.quantize import Order, Workshop, is_quantized_file, quantize
from domov.optimize.texts import Text
from domov.store.download import check_room
from domov.store.gguf import Header
from domov.store.models import Model
from domov.store.recipe import BLOCK_OF, RECIPES, is_quantized, tensor_bytes, types_of, with_types

# The smallest first. Those below Q2_K need so much of a model to be worth it that they are left to `quantize`.
CANDIDATES = (
    "Q2_K",
    "Q3_K",
    "IQ3_S",
    "IQ4_XS",
    "IQ4_NL",
    "Q4_0",
    "Q4_K",
    "Q4_1",
    "Q5_0",
    "Q5_K",
    "Q5_1",
    "Q6_K",
    "Q8_0",
)
BANDS = 3  # layers are sounded in so many parts
SOUNDED_CHUNKS = 2
VERIFIED_CHUNKS = 8
PROBE = "Q4_0"  # every row that has any type has this one
MOST_TRIES = 3


@dataclass(frozen=True, slots=True)
class Wish:
    """Exactly one of the two."""

    size_bytes: int | None = None
    loss: float | None = None  # of perplexity, as a share


@dataclass(frozen=True, slots=True)
class Plan:
    model: Model
    wish: Wish
    name: str
    tuned_on: Text
    judged_by: Text
    without: tuple[str, ...] = ()  # types that are not to be used


@dataclass(frozen=True, slots=True)
class Shrunk:
    model: Model
    distance: Distance  # measured on the text that it was not tuned on
    predicted: float  # divergence on the one that it was
    choices: tuple[Choice, ...]  # the frontier, as predicted; sizes of whole files
    chosen: Choice


async def shrink(plan: Plan, shop: Workshop) -> AsyncGenerator[Progress | Warned | Shrunk, None]:
    """How it gets on, and last what was made. Raises Refused for a wish that no choice of types fulfils."""
    if plan.tuned_on.digest == plan.judged_by.digest:
        raise BadInput(
            "the text to tune on and the text to judge by are the same", hint="give two: --imatrix and --text"
        )
    if plan.wish.size_bytes is not None and plan.model.path.stat().st_size <= plan.wish.size_bytes:
        yield Warned(f"{plan.model.name} is no larger than that: nothing that is made of it can be better")
    with _folder(shop) as inside:
        costs: list[Any] = []
        async with aclosing(passed(_losses(plan, shop, inside), costs)) as steps:
            async for step in steps:
                yield step
        header = plan.model.header()
        choices = whole_files(header, frontier(options(header, costs[0])))
        parent: list[Scored] = []
        kept = inside / "likelihoods"
        kept.touch(0o600)
        exam = Examination(plan.model, plan.judged_by, chunks=VERIFIED_CHUNKS)
        async with aclosing(passed(score(plan.model, exam, shop.children, keep=kept), parent)) as steps:
            async for step in steps:
                yield step
        async with aclosing(_chosen(plan, shop, choices, exam, (kept, parent[0]))) as last:
            async for event in last:
                yield event


async def _chosen(
    plan: Plan, shop: Workshop, choices: list[Choice], exam: Examination, parent: tuple[Path, Scored]
) -> AsyncGenerator[Progress | Warned | Shrunk, None]:
    """Makes what is chosen, and chooses anew while more is lost than is wished. Stopped, it leaves no model."""
    factor, before = 1.0, shop.models.find(plan.name)
    try:
        for attempt in range(MOST_TRIES):
            chosen = choose(choices, plan.wish, factor)
            made: list[Any] = []
            async with aclosing(passed(_made(plan, shop, chosen, exam, parent), made)) as steps:
                async for step in steps:
                    yield step
            model, distance = made[-1]
            if fulfils(plan.wish, distance) or attempt == MOST_TRIES - 1:
                break
            factor *= max(1.1, distance.divergence.value / limit_of(plan.wish))
    except BaseException:
        with suppress(DomovError):
            added = shop.models.find(plan.name)
            if added and (before is None or added.manifest.digest != before.manifest.digest):
                shop.models.remove(plan.name)
        raise
    if not fulfils(plan.wish, distance):
        yield Warned("measured on the other text, the loss is larger than you asked for")
    yield Shrunk(model, distance, chosen.loss, tuple(choices), chosen)


def limit_of(wish: Wish) -> float:
    """The divergence that a loss of perplexity amounts to: the text's surprise grows by it, on average."""
    return math.log1p(wish.loss or 0.0)


def fulfils(wish: Wish, distance: Distance) -> bool:
    return wish.loss is None or distance.divergence.value <= limit_of(wish)


def choose(choices: Sequence[Choice], wish: Wish, factor: float) -> Choice:
    """factor: how much more than predicted was lost so far. Raises Refused."""
    if wish.size_bytes is not None:
        found = best_within(choices, wish.size_bytes)
        if found is None:
            raise Refused(f"it can't be that small: the smallest is {choices[0].size_bytes / 1e6:.1f} MB")
        return found
    return smallest_within(choices, limit_of(wish) / factor) or choices[-1]


def groups_of(names: Sequence[str], layers: int) -> dict[str, list[str]]:
    """Matrices of one kind in one part of the layers; those outside the layers each alone."""
    found: dict[str, list[str]] = {}
    for name in names:
        layer = re.match(r"blk\.(\d+)\.(.+)\.weight$", name)
        key = f"{layer[2]} {int(layer[1]) * BANDS // max(1, layers)}" if layer else name
        found.setdefault(key, []).append(name)
    return found


def types_for(header: Header, without: Sequence[str]) -> dict[str, list[str]]:
    """What each matrix can become: types whose blocks divide its rows."""
    left = [kind for kind in CANDIDATES if kind not in without]
    return {
        t.name: [kind for kind in left if t.dimensions[0] % BLOCK_OF[kind][0] == 0]
        for t in header.tensors
        if is_quantized(t) and t.dimensions[0] % BLOCK_OF[PROBE][0] == 0
    }


def options(header: Header, losses: Mapping[str, Mapping[str, float]]) -> dict[str, list[Option]]:
    tensors = {t.name: t for t in header.tensors}
    return {
        name: [Option(kind, tensor_bytes(tensors[name].elements, kind), loss) for kind, loss in kinds.items()]
        for name, kinds in losses.items()
    }


def whole_files(header: Header, choices: Sequence[Choice]) -> list[Choice]:
    """The choices with all tensors, and with the sizes of the files that they make."""
    rest = {t.name: t.type for t in header.tensors} | {
        name: kind for name, kind in types_of(header, "F16").items() if name not in choices[0].types
    }
    found = []
    for choice in choices:
        types = {**rest, **choice.types}
        found.append(Choice(types, with_types(header, types).size_bytes, choice.loss))
    return found


async def _losses(plan: Plan, shop: Workshop, inside: Path) -> AsyncGenerator[Any, None]:
    """What each tensor in each type is expected to cost, in nats. Kept: the next wish needs no sounding."""
    key = f"{plan.model.manifest.digest} {plan.tuned_on.digest} {CANDIDATES} {PROBE} {BANDS} {shop.engine}"
    kept = shop.matrices / f"losses-{hashlib.sha256(key.encode()).hexdigest()[:16]}.json"
    if not plan.model.manifest.digest or not kept.exists():
        async with aclosing(_sounded(plan, shop, inside, kept)) as steps:
            async for step in steps:
                yield step
    table: dict[str, dict[str, float]] = orjson.loads(kept.read_bytes())
    left = types_for(plan.model.header(), plan.without)
    yield {name: {kind: costs[kind] for kind in left[name]} for name, costs in table.items()}


async def _sounded(plan: Plan, shop: Workshop, inside: Path, kept: Path) -> AsyncGenerator[Progress | Warned, None]:
    header, source = plan.model.header(), plan.model
    if is_quantized_file(header) or any(t.type != "F16" for t in header.tensors if is_quantized(t)):
        source = replace(plan.model, path=inside / "whole.gguf")
        async for step in _whole(plan.model, source.path, shop.children):
            yield step
    found: list[Path] = []
    matrices = importance(source, plan.tuned_on, shop.matrices, shop.children, engine=shop.engine)
    async with aclosing(passed(matrices, found)) as reading:
        async for told_of_it in reading:
            yield told_of_it
    kinds = types_for(header, ())
    layers = 1 + max((int(m[1]) for name in kinds if (m := re.match(r"blk\.(\d+)\.", name))), default=0)
    groups = groups_of(list(kinds), layers)
    told = {
        "model": str(source.path.resolve()),
        "importance": str(found[0].resolve()),
        "text": plan.tuned_on.content,
        "types": kinds,
        "groups": groups,
        "probe": PROBE,
        "chunks": SOUNDED_CHUNKS,
        "threads": shop.children.threads,
    }
    async with aclosing(shop.children.run(Task("sound", told, readable=(source.path, found[0])))) as events:
        async for event in events:
            if isinstance(event, Done):
                costs = losses(event.result["errors"], event.result["divergences"], groups)
                write_atomically(kept, orjson.dumps(costs))
            else:
                yield Progress(event.step, event.done, event.total, "trials")


def losses(
    errors: Mapping[str, Mapping[str, float]], divergences: Mapping[str, float], groups: Mapping[str, Sequence[str]]
) -> dict[str, dict[str, float]]:
    """An error costs in its group what the sounding's error there cost."""
    found: dict[str, dict[str, float]] = {}
    for key, names in groups.items():
        whole = sum(errors[name][PROBE] for name in names)
        price = max(divergences[key], 1e-9) / whole if whole > 0 else 0.0
        found |= {
            name: {kind: price * error for kind, error in errors[name].items() if kind != "probe"} for name in names
        }
    return found


async def _whole(model: Model, target: Path, children: Children) -> AsyncGenerator[Progress, None]:
    """The model in 16 bits, to be changed in memory; only for as long as the work lasts."""
    types = types_of(model.header(), "F16")
    check_room(target.parent, with_types(model.header(), types).size_bytes)
    target.touch(0o600)
    told = {"source": str(model.path.resolve()), "target": str(target.resolve()), "types": types}
    told |= {"quantization": "F16", "importance": None, "threads": children.threads}  # type: ignore[dict-item]
    async with aclosing(children.run(Task("quantize", told, readable=(model.path,), writable=(target,)))) as events:
        async for event in events:
            if not isinstance(event, Done):
                yield Progress("unpacking", event.done, None)


async def _made(
    plan: Plan, shop: Workshop, chosen: Choice, exam: Examination, parent: tuple[Path, Scored]
) -> AsyncGenerator[Any, None]:
    """The model of that choice, and its distance."""
    called = nearest(plan.model.header(), chosen.types)
    order = Order(plan.model, called, plan.name, text=plan.tuned_on, chosen=chosen.types, how="shrink")
    made: list[Any] = []
    async with aclosing(passed(quantize(order, shop), made)) as steps:
        async for step in steps:
            yield step
    own: list[Scored] = []
    kept, before = parent
    async with aclosing(passed(score(made[-1], exam, shop.children, against=(kept, before.tokens)), own)) as steps:
        async for step in steps:
            yield step
    distance = figures.distance(own[0].losses, before.losses, own[0].divergences, own[0].same_top)
    yield made[-1], distance


def nearest(header: Header, types: Mapping[str, str]) -> str:
    """What a mixture is called where a file has room for one word: by the type that most of its bytes have."""
    sizes: dict[str, int] = {}
    for tensor in header.tensors:
        kind = types[tensor.name]
        sizes[kind] = sizes.get(kind, 0) + tensor_bytes(tensor.elements, kind)
    most = max(sorted(sizes), key=lambda kind: sizes[kind])
    return most if most in RECIPES else {kind: name for name, kind in RECIPES.items()}[most]


@contextmanager
def _folder(shop: Workshop) -> Iterator[Path]:
    folder = make_folder(shop.models.partial)
    remove_leftovers(folder)
    inside = Path(tempfile.mkdtemp(prefix=f"domov-{os.getpid()}-", dir=folder))
    try:
        yield inside
    finally:
        shutil.rmtree(inside, ignore_errors=True)
