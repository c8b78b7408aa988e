"""Jobs that train: pruning with its healing, and distilling."""

from collections.abc import Iterator, Mapping
from contextlib import aclosing
from dataclasses import asdict, replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from domov.hardware.cpu import read_cpu
from domov.jobs.account import Outcome
from domov.jobs.work import (
    GivenText,
    Name,
    Needs,
    Place,
    Steps,
    Work,
    judging_text,
    training_text,
    tuning_text,
)
from domov.optimize import distill as distilling
from domov.optimize import prune as pruning
from domov.optimize.architecture import Architecture, architecture_of
from domov.optimize.cuts import Cuts, label_of
from domov.optimize.distill import Distilled, beginning_of, begun, lesson_for
from domov.optimize.lesson import Lesson, Precision, checked, memory_bytes
from domov.optimize.prune import HEALING, Pruned, check_order, cutting_bytes, report
from domov.optimize.quantize import name_given, result_name
from domov.optimize.teaching import check_torch, room_needed
from domov.optimize.texts import Text
from domov.store.models import Model

CORE_SECONDS_PER_WEIGHT_AND_TOKEN = 1.5e-10  # a first guess: SmolLM2-135M took 5 s of one core for 256 tokens
GivenTextOrBuiltin = Literal["builtin"] | GivenText


class LessonFields(BaseModel):
    """How the student is trained; what is left out is as the command has it."""

    model_config = ConfigDict(extra="forbid")

    batch: int | None = None
    piece_tokens: int | None = None
    rate: float | None = None
    rank: int | None = None
    own_share: float | None = None
    precision: Precision | None = None

    def lesson(self, otherwise: Lesson, steps: int) -> Lesson:
        said = {key: value for key, value in self.model_dump().items() if value is not None}
        return checked(replace(otherwise, steps=steps, **said))


def machine_words() -> str:
    cpu = read_cpu()
    return f"{cpu.name}, {cpu.usable_cores} cores"


def needs_of(student: Architecture, teacher: Architecture | None, lesson: Lesson, place: Place) -> Needs:
    size = float(student.matrix_parameters) * lesson.steps * lesson.batch * lesson.piece_tokens
    return Needs(
        memory_bytes=memory_bytes(student, teacher, lesson, at_once=1),
        disk_bytes=room_needed(student, vocabulary=student.vocabulary),
        size=size,
        seconds=size * CORE_SECONDS_PER_WEIGHT_AND_TOKEN / max(1, place.workshop.children.threads),
    )


class Prune(Work):
    kind: ClassVar[str] = "prune"
    words: ClassVar[str] = "Leaves out what matters least in a model, and heals it by training after its parent."
    again: ClassVar[str] = "it goes on after its last checkpoint"
    parts: ClassVar[str] = "prune-*.work"

    model: Name
    layers: Annotated[int, Field(ge=0, le=4096)] = 0
    width: Annotated[float, Field(ge=0, lt=1)] = 0.0
    heads: Annotated[int, Field(ge=0, le=4096)] = 0
    fit_bytes: Annotated[int, Field(gt=0, le=1 << 50)] | None = None
    heal_steps: Annotated[int, Field(ge=0, le=1_000_000)] = HEALING.steps  # 0: not healed
    lesson: LessonFields = LessonFields()
    name: Annotated[str, Field(max_length=300)] | None = None
    text: GivenTextOrBuiltin = "builtin"
    data: GivenTextOrBuiltin = "builtin"
    judge: GivenText | None = None

    def title(self) -> str:
        return f"{self.model}: {label_of(self.cuts())}"

    def names(self) -> Iterator[str]:
        yield self.model
        if self.name:
            yield self.name

    def cuts(self) -> Cuts:
        return Cuts(self.layers, self.width, self.heads, self.fit_bytes)

    def _lesson(self) -> Lesson:
        return self.lesson.lesson(HEALING, self.heal_steps or HEALING.steps)

    def _made(self, place: Place) -> tuple[Model, str]:
        model = place.workshop.models.get(self.model)
        return model, name_given(self.name) if self.name else result_name(model.name, label_of(self.cuts()))

    def doubts(self, place: Place) -> Iterator[str]:
        return _replaced(self._made(place)[1], place)

    def needs(self, place: Place) -> Needs:
        own, wanted = check_order(self._made(place)[0], self.cuts())
        if not self.heal_steps:
            room = room_needed(wanted, vocabulary=wanted.vocabulary)
            return Needs(memory_bytes=cutting_bytes(own), disk_bytes=room)
        return needs_of(wanted, own, self._lesson(), place)

    async def steps(self, place: Place) -> Steps:
        texts: list[Text] = []
        wanted = [judging_text(self.judge, place)]
        wanted += [training_text(self.data, place)] if self.heal_steps else []
        for fetching in wanted:
            async with aclosing(fetching) as events:
                async for told in events:
                    if isinstance(told, Text):
                        texts.append(told)
                    else:
                        yield told
        model, name = self._made(place)
        order = pruning.Order(
            model=model,
            cuts=self.cuts(),
            name=name,
            tuned_on=tuning_text(self.text),
            judged_by=texts[0],
            healed_on=texts[1] if self.heal_steps else None,
            lesson=self._lesson(),
            machine=machine_words(),
        )
        async with aclosing(pruning.prune(order, place.workshop)) as steps:
            async for made in steps:
                yield _pruned(made, model) if isinstance(made, Pruned) else made


def _replaced(name: str, place: Place) -> Iterator[str]:
    if place.workshop.models.find(name):
        yield f"{name} is here already and will be replaced"


def _pruned(made: Pruned, parent: Model) -> Outcome:
    found = {
        "layers_left_out": list(made.gone),
        "cut": asdict(made.cut),
        "healed": asdict(made.healed) if made.healed else None,
        "recovered": made.recovered,
        "training": dict(made.training),
        "better": asdict(made.better) if made.better else None,
        "report": report(made),
    }
    return Outcome((made.model.name,), {**_sizes(made.model, parent), **found})


def _sizes(made: Model, parent: Model) -> dict[str, Any]:
    sizes = {"size_bytes": made.manifest.size_bytes, "parent_bytes": parent.manifest.size_bytes}
    return {"parent": parent.name, **sizes}


class Distill(Work):
    kind: ClassVar[str] = "distill"
    words: ClassVar[str] = "Trains a smaller model after a larger one, by its likelihoods or its answers."
    again: ClassVar[str] = "it goes on after its last checkpoint, and after the last answer"
    parts: ClassVar[str] = "distill-*.work"

    teacher: Name
    student: Name | Mapping[str, Any]  # a model, or the sizes of one that is not there yet
    data: Annotated[list[GivenTextOrBuiltin], Field(min_length=1, max_length=20)]
    by: distilling.By = "likelihoods"
    training_steps: Annotated[int, Field(gt=0, le=1_000_000)] = Lesson().steps
    lesson: LessonFields = LessonFields()
    name: Annotated[str, Field(max_length=300)] | None = None
    judge: GivenText | None = None

    def title(self) -> str:
        return f"{self.student if isinstance(self.student, str) else 'a new model'} after {self.teacher}"

    def names(self) -> Iterator[str]:
        yield self.teacher
        if isinstance(self.student, str):
            yield self.student
        if self.name:
            yield self.name

    def _lesson(self) -> Lesson:
        return self.lesson.lesson(Lesson(own_share=0.1), self.training_steps)

    def _student(self, place: Place) -> Model | distilling.Beginning:
        found = self.student
        return place.workshop.models.get(found) if isinstance(found, str) else beginning_of(found)

    def _name(self, place: Place) -> str:
        if self.name:
            return name_given(self.name)
        called = self.student if isinstance(self.student, str) else self.teacher
        return result_name(place.workshop.models.get(called).name, "distilled")

    def doubts(self, place: Place) -> Iterator[str]:
        return _replaced(self._name(place), place)

    def needs(self, place: Place) -> Needs:
        check_torch()
        teacher, student = place.workshop.models.get(self.teacher), self._student(place)
        if isinstance(student, Model):
            own = architecture_of(student.header(), name=student.name)
            after = architecture_of(teacher.header(), name=teacher.name) if self.by == "likelihoods" else None
            return needs_of(own, after, self._lesson(), place)
        whole = architecture_of(teacher.header(), name=teacher.name)
        after = whole if self.by == "likelihoods" else None
        return needs_of(begun(whole, student), after, lesson_for(student, self._lesson()), place)

    async def steps(self, place: Place) -> Steps:
        texts: list[Text] = []
        for fetching in (judging_text(self.judge, place), *(training_text(one, place) for one in self.data)):
            async with aclosing(fetching) as events:
                async for told in events:
                    if isinstance(told, Text):
                        texts.append(told)
                    else:
                        yield told
        teacher = place.workshop.models.get(self.teacher)
        order = distilling.Order(
            teacher=teacher,
            student=self._student(place),
            name=self._name(place),
            data=tuple(texts[1:]),
            judged_by=texts[0],
            lesson=self._lesson(),
            by=self.by,
            machine=machine_words(),
        )
        async with aclosing(distilling.distill(order, place.workshop, place.open_engine)) as steps:
            async for made in steps:
                yield _distilled(made, teacher) if isinstance(made, Distilled) else made


def _distilled(made: Distilled, teacher: Model) -> Outcome:
    found = {
        "before": asdict(made.before) if made.before else None,
        "after": asdict(made.after) if made.after else None,
        "training": dict(made.training),
    }
    return Outcome((made.model.name,), {**_sizes(made.model, teacher), **found})
