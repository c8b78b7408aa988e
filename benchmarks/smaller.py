"""What each way of making a model smaller costs, on real weights: a table, a picture, and what `shrink` must gain.

    python -m benchmarks.smaller [--types Q8_0 Q4_K_M ...] [--without TYPE] [--chunks N] [--steps N]

The parent is the starter in 16 bits. Its weights were quantized to Q4_1 before, so Q4_1 costs them almost nothing:
`--without Q4_1` (the default) keeps it from `shrink`, or it would win by that alone. The text to judge by is another
than the one to tune on.
"""

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks.shapes import STARTER, starter
from domov import app
from domov.app import App
from domov.optimize import figures
from domov.optimize.cuts import Cuts, label_of
from domov.optimize.distill import Beginning, distill
from domov.optimize.distill import Order as Course
from domov.optimize.evaluate import Examination, Scored, score
from domov.optimize.lesson import Lesson
from domov.optimize.plot import Point, svg
from domov.optimize.progress import Progress
from domov.optimize.prune import Order as Pruning
from domov.optimize.prune import prune
from domov.optimize.quantize import Order, quantize
from domov.optimize.shrink import Plan, Shrunk, Wish, shrink
from domov.optimize.texts import Text, builtin_tuning_text
from domov.store.models import Model

FOLDER = Path(".cache/benchmarks")
TYPES = ("Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "IQ4_XS", "Q4_0", "Q3_K_M", "Q2_K")
PRECISE = ("Q8_0", "Q6_K")  # an importance matrix changes next to nothing of them
TARGETS = ("Q4_K_M", "Q3_K_M")  # at whose sizes `shrink` is held against them
MOST_SHARE = 0.9  # of their divergence
CUTS = {
    "without 2 layers": Cuts(layers=2),
    "without 4 layers": Cuts(layers=4),
    "without 6 layers": Cuts(layers=6),
    "without 10 % of the channels": Cuts(width=0.1),
    "without 16 % of the channels": Cuts(width=0.1667),
}
PLAINLY = ("without 4 layers",)  # also trained without a teacher
DISTILLED, HALF = "distilled into every second layer", Beginning(layers=15)
LEAST_RECOVERED = 0.5  # of the divergence that pruning a tenth cost


@dataclass(frozen=True, slots=True)
class Row:
    how: str
    size_bytes: int
    ratio: float  # of perplexities
    divergence: float
    divergence_low: float
    divergence_high: float
    divergence_99: float
    same_top: float
    seconds: float  # to make it


def main() -> None:
    arguments = _arguments()
    starter()
    FOLDER.mkdir(parents=True, exist_ok=True)
    rows = {row.how: row for row in _earlier()} if arguments.add else {}
    asyncio.run(_measure(app.load(), arguments, rows))
    points = [Point(row.how, row.size_bytes, row.divergence, ours="shrink" in row.how) for row in rows.values()]
    (FOLDER / "smaller.svg").write_text(svg(points, title=f"{STARTER}: size, and distance from its 16 bits"))
    sys.stdout.write(f"{as_markdown(list(rows.values()))}\n{shares(list(rows.values()))}\n")


def _earlier() -> list[Row]:
    path = FOLDER / "smaller.json"
    return [Row(**table) for table in json.loads(path.read_text())] if path.exists() else []


def _kept(rows: dict[str, Row], row: Row) -> None:
    """Written after each row: a run that is stopped is gone on with by `--add`."""
    rows[row.how] = row
    (FOLDER / "smaller.json").write_text(json.dumps([asdict(one) for one in rows.values()], indent=2))


async def _measure(domov: App, arguments: argparse.Namespace, rows: dict[str, Row]) -> None:
    text, tuning = await domov.texts.judging(lambda p: None), builtin_tuning_text()
    name = f"{STARTER}-f16"
    parent = domov.models.find(name) or await _last(
        quantize(Order(domov.models.get(STARTER), "F16", name), domov.workshop)
    )
    bench = _Bench(domov, parent, text, tuning, arguments.chunks)
    await bench.begin()
    for kind in arguments.types:
        if kind not in rows:
            _kept(rows, await bench.quantized(kind, None))
    for kind in arguments.targets:
        _kept(rows, await bench.shrunk(kind, rows[kind].size_bytes, tuple(arguments.without)))
    for kind in arguments.types:
        if kind not in PRECISE and f"{kind} + imatrix" not in rows:
            _kept(rows, await bench.quantized(kind, tuning))
    if arguments.steps:
        await _trained(bench, rows, Lesson(steps=arguments.steps))


async def _trained(bench: "_Bench", rows: dict[str, Row], lesson: Lesson) -> None:
    """Pruned, healed, trained on the words alone, and distilled; those of an earlier run are left as they are."""
    for how, cuts in CUTS.items():
        model, row = await bench.pruned(how, cuts)
        _kept(rows, row)
        for more, share in (("healed", 0.0), *([("trained on the words alone", 1.0)] if how in PLAINLY else [])):
            if f"{how}, {more}" not in rows:
                _kept(rows, await bench.taught(f"{how}, {more}", model, replace(lesson, own_share=share)))
    if DISTILLED not in rows:
        _kept(rows, await bench.taught(DISTILLED, HALF, replace(lesson, own_share=0.1)))


@dataclass
class _Bench:
    domov: App
    parent: Model
    text: Text
    tuning: Text
    chunks: int
    kept: Path = FOLDER.absolute() / "likelihoods"
    before: Scored = field(default_factory=lambda: Scored([], [], [], ""))

    async def quantized(self, kind: str, tuning: Text | None) -> Row:
        label = f"{kind} + imatrix" if tuning else kind
        order = Order(self.parent, kind, f"bench:{label.lower().replace(' + ', '-')}", text=tuning)
        start = time.perf_counter()
        model = await _last(quantize(order, self.domov.workshop))
        return await self._row(label, model, time.perf_counter() - start)

    async def pruned(self, how: str, cuts: Cuts) -> tuple[Model, Row]:
        name = f"bench:{label_of(cuts)}"
        order = Pruning(self.parent, cuts, name, self.tuning, self.text)
        start = time.perf_counter()
        model = self.domov.models.find(name) or (await _last(prune(order, self.domov.workshop))).model
        return model, await self._row(how, model, time.perf_counter() - start)

    async def taught(self, how: str, student: Model | Beginning, lesson: Lesson) -> Row:
        data = (await self.domov.texts.training(lambda p: None),)
        name = f"bench:{how.replace(' %', '').replace(', ', '-').replace(' ', '-')}"
        order = Course(self.parent, student, name, data, self.text, lesson)
        start = time.perf_counter()
        made = await _last(distill(order, self.domov.workshop, self.domov.open_engine))
        return await self._row(how, made.model, time.perf_counter() - start)

    async def shrunk(self, kind: str, size: int, without: tuple[str, ...]) -> Row:
        plan = Plan(self.parent, Wish(size), f"bench:shrink-{kind.lower()}", self.tuning, self.text, without)
        start = time.perf_counter()
        made = await _last(shrink(plan, self.domov.workshop))
        assert isinstance(made, Shrunk)
        return await self._row(f"shrink to {kind}'s size", made.model, time.perf_counter() - start)

    async def _row(self, how: str, model: Model, seconds: float) -> Row:
        own = await self._scored(model, against=(self.kept, self.before.tokens))
        d = figures.distance(own.losses, self.before.losses, own.divergences, own.same_top)
        whole = (d.perplexity_ratio.value, d.divergence.value, d.divergence.low, d.divergence.high)
        return Row(how, model.manifest.size_bytes, *whole, d.divergence_99, d.same_top.value, seconds)

    async def begin(self) -> None:
        """What the parent finds likely: once for all rows, and for later runs."""
        told = FOLDER / "likelihoods.json"
        key = [self.parent.manifest.digest, self.text.digest, self.chunks, self.domov.workshop.engine]
        if told.exists() and (table := json.loads(told.read_text()))["key"] == key:
            self.before = Scored(**table["scored"])
            return
        told.unlink(missing_ok=True)
        self.kept.touch()
        self.before = await self._scored(self.parent, keep=self.kept)
        told.write_text(json.dumps({"key": key, "scored": asdict(self.before)}))

    async def _scored(self, model: Model, **how: Any) -> Scored:
        exam = Examination(model, self.text, chunks=self.chunks)
        found = await _last(score(model, exam, self.domov.workshop.children, **how))
        assert isinstance(found, Scored)
        return found


async def _last(steps: AsyncGenerator[Any, None]) -> Any:
    last, shown = None, ""
    async with aclosing(steps):
        async for last in steps:
            if isinstance(last, Progress) and last.step != shown:
                shown = last.step
                os.write(2, f"{shown}\n".encode())
    return last


def as_markdown(rows: Sequence[Row]) -> str:
    lines = [
        "| | MB | perplexity | mean divergence | worst 1 % | same first choice |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for row in sorted(rows, key=lambda row: -row.size_bytes):
        half = (row.divergence_high - row.divergence_low) / 2
        lines.append(
            f"| {row.how} | {row.size_bytes / 1e6:.1f} | {100 * (row.ratio - 1):+.1f} % | "
            f"{row.divergence:.4f} ± {half:.4f} | {row.divergence_99:.3f} | {100 * row.same_top:.1f} % |"
        )
    return "\n".join(lines)


def shares(rows: Sequence[Row]) -> str:
    """What of the standard recipes' divergence is left at their sizes, and whether that is little enough."""
    found = {row.how: row for row in rows}
    lines = []
    for kind in TARGETS:
        ours, theirs = found.get(f"shrink to {kind}'s size"), found.get(kind)
        if ours and theirs:
            share = ours.divergence / theirs.divergence
            lines.append(
                f"at {kind}'s size: {share:.2f} of its divergence ({'ok' if share <= MOST_SHARE else 'MISSED'})"
            )
    return "\n".join([*lines, *healing(found)])


def healing(rows: Mapping[str, Row]) -> list[str]:
    """What of the divergence healing brought back, and whether training on the words alone did as well."""
    lines = []
    for how in CUTS:
        cut, healed, plain = rows.get(how), rows.get(f"{how}, healed"), rows.get(f"{how}, trained on the words alone")
        if cut and healed:
            share = 1 - healed.divergence / cut.divergence
            lines.append(f"{how}: {100 * share:.0f} % healed ({'ok' if share >= LEAST_RECOVERED else 'MISSED'})")
        if healed and plain:
            lines.append(f"{how}: {healed.divergence:.3f} after its parent, {plain.divergence:.3f} on the words alone")
    return lines


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.smaller", description="What making a model smaller costs."
    )
    parser.add_argument("--types", nargs="*", default=TYPES)
    parser.add_argument("--targets", nargs="*", default=TARGETS)
    parser.add_argument("--without", nargs="*", default=["Q4_1"])
    parser.add_argument("--add", action="store_true", help="to the rows of the last run")
    parser.add_argument("--steps", type=int, default=0, help="of training, for the pruned rows; needs PyTorch")
    parser.add_argument("--chunks", type=int, default=16)
    return parser.parse_args()


if __name__ == "__main__":
    main()
