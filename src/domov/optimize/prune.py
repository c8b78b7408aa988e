"""`domov prune`: a model without its least important layers, channels or heads, healed by training after its parent.

What matters is found on one text, healed on a second, judged on a third. The result is a model of the store; what it
lost is measured by llama.cpp itself, before the healing and after, and held against what quantizing would have cost.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from domov.errors import BadInput, Refused
from domov.files import write_atomically
from domov.hardware.memory import read_memory
from domov.optimize.architecture import Architecture, architecture_of, kind_for
from domov.optimize.card import Card, from_table, short, to_table
from domov.optimize.child import Done, Task
from domov.optimize.cuts import Cuts, hint_of_blocks, sizes_wanted
from domov.optimize.evaluate import card_of, passed
from domov.optimize.figures import Distance
from domov.optimize.lesson import PROCESS_BYTES, Lesson, checked
from domov.optimize.progress import Progress, Warned
from domov.optimize.quantize import FROM_QUANTIZED, Workshop, is_quantized_file
from domov.optimize.teaching import (
    Course,
    Judge,
    Taught,
    appointed,
    at,
    check_disk,
    check_texts,
    check_torch,
    digest_of_model,
    kept_folder,
    planned_here,
    teach,
    tokenized,
)
from domov.optimize.texts import Text
from domov.store.local import digest_of
from domov.store.manifest import Lineage, Manifest, Source
from domov.store.models import Model, now
from domov.units import human_bytes

HEALING = Lesson()
PIECES, PIECE_TOKENS = 2, 256  # of the text that tells what matters


@dataclass(frozen=True, slots=True)
class Order:
    model: Model
    cuts: Cuts
    name: str
    tuned_on: Text  # tells what matters
    judged_by: Text
    healed_on: Text | None = None  # None: not healed
    lesson: Lesson = HEALING
    machine: str = ""

    @property
    def recipe(self) -> str:
        healed = f"; healed after its parent: {self.lesson.words}" if self.healed_on else "; not healed"
        return f"without {self.cuts.words}{healed}"


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another model of the same parent, which is no larger and lost less."""

    name: str
    size_bytes: int
    divergence: float


@dataclass(frozen=True, slots=True)
class Pruned:
    model: Model
    card: Card
    gone: tuple[int, ...]  # layers
    cut: Distance  # as it was before it was healed
    healed: Distance | None
    curve: tuple[Mapping[str, float], ...]
    training: Mapping[str, Any]  # precision, its measured speeds, seconds
    better: Alternative | None  # None: none is known
    compared: int  # with how many other models of this parent, on this text

    @property
    def recovered(self) -> float | None:
        """The share of the lost divergence that healing brought back."""
        if self.healed is None or self.cut.divergence.value <= 0:
            return None
        return 1 - self.healed.divergence.value / self.cut.divergence.value


Step = Progress | Warned | Pruned


async def prune(order: Order, shop: Workshop) -> AsyncGenerator[Step, None]:
    """How it gets on, and last what was made. Raises BadInput, BadOption, Refused, DiskFull, EngineUnavailable."""
    own, wanted = check_order(order.model, order.cuts)
    lesson = checked(order.lesson)
    healed = {"training": order.healed_on} if order.healed_on else {}
    check_texts(calibration=order.tuned_on, evaluation=order.judged_by, **healed)
    if order.healed_on:
        lesson = planned_here(wanted, own, lesson)
    else:
        _check_memory(own)
    notes = _notes(order, wanted)
    for note in notes:
        yield Warned(note)
    digest = await digest_of_model(order.model)
    texts = [text.digest for text in (order.tuned_on, order.healed_on) if text]
    key = [digest, *texts, order.cuts, asdict(replace(lesson, at_once=0)), shop.engine]
    with kept_folder(shop, "prune", key, order.name) as folder:
        check_disk(folder, wanted)
        work = _Work(replace(order, lesson=lesson), shop, folder, wanted, digest, tuple(notes))
        async with aclosing(work.run()) as steps:
            async for step in steps:
                yield step


def check_order(model: Model, cuts: Cuts) -> tuple[Architecture, Architecture]:
    """What the model is, and what it becomes. Raises EngineUnavailable, BadInput, BadOption or Refused."""
    check_torch()
    if model.shape().task != "chat":
        raise BadInput(f"{model.name} writes no text: it can't be judged so", hint="choose a model for chat")
    header = model.header()
    own = architecture_of(header, name=model.name)
    vectors = sum(4 * t.elements for t in header.tensors if len(t.dimensions) == 1)
    return own, sizes_wanted(own, cuts, kind=kind_for(header), rest_bytes=header.data_offset + vectors)


def cutting_bytes(own: Architecture) -> int:
    """The memory that cutting a model takes, without healing it."""
    return PROCESS_BYTES + 8 * own.matrix_parameters


def _check_memory(own: Architecture) -> None:
    needed, free = cutting_bytes(own), read_memory().free_bytes
    if needed > free:
        raise Refused(
            f"pruning takes {human_bytes(needed)} of memory, {human_bytes(free)} are free", hint="end programs"
        )


def _notes(order: Order, wanted: Architecture) -> list[str]:
    notes = [FROM_QUANTIZED] if is_quantized_file(order.model.header()) else []
    hint = hint_of_blocks(wanted)
    return notes + ([hint] if hint else [])


@dataclass
class _Work:
    order: Order
    shop: Workshop
    folder: Path
    wanted: Architecture
    digest: str  # of the parent
    notes: tuple[str, ...]

    async def run(self) -> AsyncGenerator[Step, None]:
        judge, cut, healed, taught, report = [], [], [], [], []  # type: ignore[var-annotated]
        children, parent = self.shop.children, self.order.model
        if self.order.healed_on:
            async with aclosing(self._data(self.order.healed_on)) as reading:
                async for told in reading:
                    yield told
        async with aclosing(passed(self._cut(), report)) as steps:
            async for step in steps:
                yield step
        async with aclosing(passed(appointed(parent, self.order.judged_by, self.folder, children), judge)) as steps:
            async for step in steps:
                yield step
        judging: Judge = judge[-1]
        made = at(self.folder / "cut.gguf", parent, "as it was cut")
        async with aclosing(passed(judging.distance(made, children), cut)) as steps:
            async for step in steps:
                yield step
        if self.order.healed_on:
            async with aclosing(passed(self._heal(self.order.healed_on), taught)) as steps:
                async for step in steps:
                    yield step
            made = at(taught[-1].path, parent, "as it is healed")
            async with aclosing(passed(judging.distance(made, children), healed)) as steps:
                async for step in steps:
                    yield step
        yield Progress("checking")
        yield await self._result(made, judging, report[-1], cut[-1], healed[-1] if healed else None, taught)

    async def _cut(self) -> AsyncGenerator[Any, None]:
        """Makes the model without what goes, if an earlier try has not; what it says of itself last."""
        target, said = self.folder / "cut.gguf", self.folder / "cut.json"
        if said.exists():
            yield orjson.loads(said.read_bytes())
            return
        order, tokens = self.order, self.folder / "calibration.npz"
        reading = tokenized(order.model.path, [("", order.tuned_on.content, 1.0)], tokens, self.shop.children)
        async with aclosing(reading) as steps:
            async for step in steps:
                yield step
        target.touch(0o600)
        told = {
            "source": str(order.model.path.resolve()),
            "name": order.model.name,
            "tokens": str(tokens.resolve()),
            "wanted": asdict(self.wanted),
            "pieces": PIECES,
            "piece_tokens": PIECE_TOKENS,
            "target": str(target.resolve()),
            "threads": self.shop.children.threads,
        }
        task = Task("prune", told, readable=(order.model.path, tokens), writable=(target,))
        async with aclosing(self.shop.children.run(task)) as events:
            async for event in events:
                if isinstance(event, Done):
                    write_atomically(said, orjson.dumps(event.result))
                    yield event.result
                else:
                    yield Progress(event.step or "reading the model", event.done, event.total, "trials")

    def _data(self, text: Text) -> AsyncGenerator[Progress, None]:
        """The text to heal on, as tokens: before anything that takes long, as it may be too short."""
        texts, lesson = [("", text.content, 1.0)], self.order.lesson
        return tokenized(self.order.model.path, texts, self.tokens, self.shop.children, lesson=lesson)

    @property
    def tokens(self) -> Path:
        return self.folder / "training.npz"

    async def _heal(self, text: Text) -> AsyncGenerator[Any, None]:
        order = self.order
        key = (self.digest, text.digest, str(order.cuts), order.tuned_on.digest)
        course = Course(self.folder / "cut.gguf", order.model.path, self.tokens, order.lesson, key)
        async with aclosing(teach(course, self.folder, self.shop.children)) as lessons:
            async for lesson in lessons:
                yield lesson

    async def _result(
        self, made: Model, judge: Judge, report: dict[str, Any], cut: Any, healed: Any, taught: Sequence[Taught]
    ) -> Pruned:
        order, (scored, distance) = self.order, healed or cut
        digest = f"sha256:{await digest_of(made.path, lambda p: None)}"
        exam = replace(judge.exam, model=made, parent=order.model)
        card = replace(
            card_of(exam, self.shop, order.machine, scored, judge.before, notes=self.notes), parent_digest=self.digest
        )
        assert card.distance == distance
        manifest = self._manifest(made, digest, card, report["gone"])
        others = rivals(self.shop.models.all(), self.digest, order.judged_by.digest, without=order.name)
        better = nearest(others, size_bytes=manifest.size_bytes, divergence=distance.divergence.value)
        model = self.shop.models.add(manifest, made.path)
        return Pruned(
            model=model,
            card=card,
            gone=tuple(report["gone"]),
            cut=cut[1],
            healed=healed[1] if healed else None,
            curve=taught[-1].curve if taught else (),
            training=training_words(taught[-1]) if taught else {},
            better=better,
            compared=len(others),
        )

    def _manifest(self, made: Model, digest: str, card: Card, gone: Sequence[int]) -> Manifest:
        order, parent = self.order, self.order.model.manifest
        text = order.healed_on
        lineage = Lineage(
            parent=order.model.name,
            parent_digest=self.digest,
            how="prune",
            recipe=order.recipe + (f"; layers {', '.join(map(str, gone))} left out" if gone else ""),
            engine=self.shop.engine,
            data=order.tuned_on.name,
            data_digest=order.tuned_on.digest,
            training=text.name if text else "",
            training_digest=text.digest if text else "",
            notes=self.notes,
        )
        return Manifest(
            name=order.name,
            digest=digest,
            size_bytes=made.path.stat().st_size,
            source=Source("made", f"prune of {parent.name}", parent.source.file),
            licence=parent.licence,
            verified="made here: sha256 taken as it was written",
            added=now(),
            preset=parent.preset,
            lineage=lineage,
            card=to_table(card),
        )


def training_words(taught: Taught) -> dict[str, Any]:
    found = asdict(taught)
    return {key: found[key] for key in ("precision", "speeds", "device", "seconds", "resumed_at", "at_once")}


def rivals(models: Sequence[Model], parent_digest: str, text_digest: str, *, without: str) -> list[Alternative]:
    """Models of the same parent whose distance from it was measured on the same text."""
    found = []
    for model in models:
        try:
            card = from_table(model.manifest.card or {})
        except (KeyError, TypeError):
            continue
        same = (card.parent_digest, card.text_digest) == (parent_digest, text_digest)
        if same and card.distance and model.name != without:
            found.append(Alternative(model.name, model.manifest.size_bytes, card.distance.divergence.value))
    return found


def nearest(others: Sequence[Alternative], *, size_bytes: int, divergence: float) -> Alternative | None:
    """The one that lost least, of those that are no larger and lost less."""
    better = [one for one in others if one.size_bytes <= size_bytes and one.divergence < divergence]
    return min(better, key=lambda one: one.divergence, default=None)


def report(made: Pruned) -> list[str]:
    """What pruning cost, what healing brought back, and whether quantizing would have cost less; a sentence each."""
    lines = []
    if made.recovered is not None and made.healed:
        before, after = short(made.cut.divergence.value), short(made.healed.divergence.value)
        lines.append(
            f"healing brought the divergence from {before} to {after} nats ({100 * made.recovered:.0f} % of it)"
        )
    if made.better:
        one = made.better
        lines.append(
            f"{one.name} is no larger ({human_bytes(one.size_bytes)}) and lost less ({short(one.divergence)} nats): "
            "pruning is worse than quantizing here"
        )
    elif made.compared:
        lines.append(
            f"of {made.compared} other models of this parent with a card on this text none is smaller and nearer"
        )
    else:
        lines.append(
            "not held against quantizing: no other model of this parent has a card on this text (domov evaluate)"
        )
    return lines
