"""Jobs that measure models: how good one is, how two answer, what settings are fastest for one."""

import asyncio
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import aclosing
from dataclasses import asdict
from typing import Annotated, Any, ClassVar

from pydantic import Field

from domov.engine import calibration
from domov.engine.calibration import Calibration
from domov.engine.tuning import CONTEXT_TOKENS, MOST_SECONDS, Tuner, challenges
from domov.errors import Refused
from domov.hardware.cpu import read_cpu
from domov.hardware.load import BUSY_PROCESSORS, others_now
from domov.jobs.account import Outcome
from domov.jobs.work import GivenText, Name, Needs, Pausing, Place, Steps, Work, judging_text, model_bytes, telling
from domov.optimize import compare as asking
from domov.optimize import evaluate as judging
from domov.optimize.card import Card, to_table
from domov.optimize.compare import MOST_TOKENS, QUESTIONS, Pair
from domov.optimize.evaluate import CHUNKS, Examination
from domov.optimize.measuring import CHUNK_TOKENS, record_bytes
from domov.optimize.progress import Progress
from domov.optimize.questions import questions
from domov.optimize.texts import Text
from domov.store.models import Model


class Evaluate(Work):
    kind: ClassVar[str] = "evaluate"
    words: ClassVar[str] = "Measures how good a model is, how far from its parent and how fast: its card."

    model: Name
    against: Name | None = None  # without one its parent, if that is here
    text: GivenText | None = None
    chunks: Annotated[int, Field(ge=4, le=4096)] = CHUNKS
    quick: bool = False

    def title(self) -> str:
        return f"{self.model} against {self.against}" if self.against else self.model

    def names(self) -> Iterator[str]:
        yield self.model
        if self.against:
            yield self.against

    def _models(self, place: Place) -> tuple[Model, Model | None]:
        models = place.workshop.models
        found = models.get(self.model)
        return found, models.get(self.against) if self.against else judging.parent_of(found, models)

    def needs(self, place: Place) -> Needs:
        model, parent = self._models(place)
        both = [model, *([parent] if parent else [])]
        for one in both:
            judging.check_writes(one)
        disk = record_bytes(self.chunks, parent.shape().width.vocabulary) if parent else 0
        read = [place.plan(one.shape()) for one in both]
        tokens = self.chunks * CHUNK_TOKENS
        speeds = [plan.speed.prompt.middle for plan in read if plan.speed]
        return Needs(
            memory_bytes=max(model_bytes(one, place) for one in both),
            disk_bytes=disk,
            size=float(tokens * sum(one.shape().weights_bytes for one in both)),
            seconds=sum(tokens / speed for speed in speeds if speed) if all(speeds) else None,
        )

    async def steps(self, place: Place) -> Steps:
        texts: list[Any] = []
        async with aclosing(judging_text(self.text, place)) as fetching:
            async for told in fetching:
                if isinstance(told, Text):
                    texts.append(told)
                else:
                    yield told
        model, parent = self._models(place)
        asked = () if self.quick else questions()
        exam = Examination(model, texts[0], parent, self.chunks, asked, speed=not self.quick)
        shop, cpu = place.workshop, read_cpu()
        machine = f"{cpu.name}, {cpu.usable_cores} cores"
        steps = judging.evaluate(exam, shop, machine=machine, open_engine=place.open_engine)
        async with aclosing(steps):
            async for step in steps:
                if isinstance(step, Card):
                    await asyncio.to_thread(judging.keep, step, model, shop)
                    yield Outcome((), {"model": model.name, "card": to_table(step)})
                else:
                    yield step


class Compare(Work):
    kind: ClassVar[str] = "compare"
    words: ClassVar[str] = "Asks two models the same questions and shows the answers side by side."

    first: Name
    second: Name
    questions: Annotated[list[Annotated[str, Field(min_length=1, max_length=8000)]], Field(max_length=50)] = []
    tokens: Annotated[int, Field(ge=1, le=4096)] = MOST_TOKENS

    def title(self) -> str:
        return f"{self.first} and {self.second}"

    def names(self) -> Iterator[str]:
        yield from (self.first, self.second)

    def _models(self, place: Place) -> tuple[Model, Model]:
        models = place.workshop.models
        return models.get(self.first), models.get(self.second)

    def needs(self, place: Place) -> Needs:
        plans = [place.plan(model.shape()) for model in self._models(place)]
        tokens = self.tokens * len(self.questions or QUESTIONS)
        speeds = [plan.speed.answer.middle if plan.speed else 0.0 for plan in plans]
        return Needs(
            memory_bytes=max(plan.ram_bytes for plan in plans),
            size=float(tokens * sum(plan.weights_bytes for plan in plans)),
            seconds=sum(tokens / speed for speed in speeds) if all(speeds) else None,
        )

    async def steps(self, place: Place) -> Steps:
        models = self._models(place)
        steps = asking.compare(models, self.questions or QUESTIONS, place.open_engine, most_tokens=self.tokens)
        async with aclosing(steps):
            async for step in steps:
                yield step if isinstance(step, Progress) else Outcome((), compared(models, step))


def compared(models: tuple[Model, Model], pairs: tuple[Pair, ...]) -> dict[str, Any]:
    """Both models with their size and speed, and all answers."""
    answers = [[pair.first for pair in pairs], [pair.second for pair in pairs]]
    sides = [
        {
            "name": model.name,
            "size_bytes": model.manifest.size_bytes,
            "tokens_per_second": statistics.median(answer.tokens_per_second for answer in own) if own else None,
        }
        for model, own in zip(models, answers, strict=True)
    ]
    return {"models": sides, "answers": [asdict(pair) for pair in pairs]}


class Calibrate(Work):
    kind: ClassVar[str] = "calibrate"
    words: ClassVar[str] = "Finds the settings that are fastest for a model on this machine, and keeps them."
    pausing: ClassVar[Pausing] = "left"  # held, it would measure the pause

    model: Name
    anyway: bool = False  # on a busy machine, too

    def title(self) -> str:
        return self.model

    def names(self) -> Iterator[str]:
        yield self.model

    def needs(self, place: Place) -> Needs:
        model = place.workshop.models.get(self.model)
        calibration.load(place.calibrations, model.manifest.digest or "", place.conditions())
        plan = place.plan(model.shape())
        # Two workers side by side: they share the weights.
        return Needs(memory_bytes=2 * plan.ram_bytes - plan.ram_weights_bytes, size=1.0, seconds=MOST_SECONDS)

    async def steps(self, place: Place) -> Steps:
        model = place.workshop.models.get(self.model)
        quiet = await asyncio.to_thread(_is_quiet, anyway=self.anyway)
        cpu = read_cpu()
        tries = list(challenges(cores=cpu.usable_cores, processors=cpu.logical, quiet=quiet))

        def words_as_steps(tell: Callable[[Any], None]) -> Callable[[str], None]:
            names = ["a first look", *(challenge.words for challenge in tries)]
            return lambda words: tell(Progress(f"trying {words}", names.index(words), len(names), "trials"))

        async def tune(tell: Callable[[Any], None]) -> Outcome:
            tuner = Tuner(
                lambda tuning: place.open_for_measuring(model, tuning, CONTEXT_TOKENS),
                model.name,
                words_as_steps(tell),
            )
            tuned = await tuner.run(tries)
            moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            trials = tuple(asdict(trial) for trial in tuned.trials)
            kept = Calibration(place.conditions(), tuned.tuning, moment, trials)
            calibration.save(place.calibrations, model.manifest.digest or "", kept)
            return Outcome((), {"model": model.name, "words": tuned.tuning.words, **asdict(tuned)})

        async with aclosing(telling(tune)) as steps:
            async for step in steps:
                yield step


def _is_quiet(*, anyway: bool) -> bool:
    others = others_now()
    if others > BUSY_PROCESSORS and not anyway:
        words = f"other programs use {others:.1f} processors: what is measured now would be wrong"
        raise Refused(words, hint="try again when they have ended, or with `anyway`")
    return others <= BUSY_PROCESSORS
