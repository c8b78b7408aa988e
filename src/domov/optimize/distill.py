"""`domov distill`: a student trained after a larger teacher, by its likelihoods or by its answers.

By likelihoods both must read texts as the same tokens: the student learns all that the teacher finds possible at each
place. By answers any two will do: the teacher writes them in a Domov worker, the student learns to write them. The
student is a model that is here, or one of other sizes that is begun with the teacher's layers or at random.
"""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

import orjson

from domov.engine.protocol import Engine
from domov.errors import BadInput, BadOption
from domov.files import write_atomically
from domov.optimize.answering import answers, prompts_of, worded
from domov.optimize.architecture import Architecture, architecture_of
from domov.optimize.card import Card, to_table
from domov.optimize.child import Done, Task
from domov.optimize.evaluate import Examination, Scored, card_of, passed, score
from domov.optimize.figures import Distance
from domov.optimize.lesson import Lesson, checked
from domov.optimize.progress import Progress, Warned
from domov.optimize.quantize import FROM_QUANTIZED, Workshop, is_quantized_file
from domov.optimize.teaching import (
    JUDGED_CHUNKS,
    Course,
    Judge,
    appointed,
    at,
    check_disk,
    check_texts,
    check_tokenizers,
    check_torch,
    digest_of_model,
    kept_folder,
    planned_here,
    teach,
    tokenized,
    tokenizer_of,
)
from domov.optimize.texts import Text
from domov.store.local import digest_of
from domov.store.manifest import Lineage, Manifest, Source
from domov.store.models import Model, now

By = Literal["likelihoods", "answers"]
ANSWER_TOKENS = 256


@dataclass(frozen=True, slots=True)
class Beginning:
    """A student that is not there yet. What is 0 is as the teacher has it."""

    layers: int = 0
    feed_forward: int = 0
    hidden: int = 0
    heads: int = 0
    kv_heads: int = 0
    init: str = "copy"  # of the teacher's layers, evenly; or "random"


@dataclass(frozen=True, slots=True)
class Order:
    teacher: Model
    student: Model | Beginning
    name: str
    data: tuple[Text, ...]
    judged_by: Text
    lesson: Lesson = Lesson(own_share=0.1)
    by: By = "likelihoods"
    machine: str = ""

    @property
    def recipe(self) -> str:
        begun = self.student
        student = begun.name if isinstance(begun, Model) else f"{begun.layers or 'all'} layers, begun by {begun.init}"
        after = "likelihoods" if self.by == "likelihoods" else "answers"
        return f"{student}, trained after {self.teacher.name}'s {after}: {self.lesson.words}"

    @property
    def together(self) -> Text:
        """The data as one text."""
        return Text(", ".join(text.name for text in self.data), "\n\n".join(text.content for text in self.data))


@dataclass(frozen=True, slots=True)
class Distilled:
    model: Model
    card: Card
    before: Distance | None  # of the student from the teacher; None: their tokens differ, or it was begun at random
    after: Distance | None
    curve: tuple[Mapping[str, float], ...]
    training: Mapping[str, Any]


def beginning_of(table: Mapping[str, Any]) -> Beginning:
    """A student's sizes from a configuration. Raises BadOption for what it can't be."""
    known = {f.name: f.type for f in fields(Beginning)}
    for key, value in table.items():
        if key not in known:
            raise BadOption(f"a student has no {key!r}", hint=f"it has {', '.join(known)}")
        whole = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 1 << 20
        if not (value in ("copy", "random") if key == "init" else whole):
            raise BadOption(f"{key} can't be {value!r}", hint="sizes are whole numbers; init is copy or random")
    return Beginning(**table)


def begun(teacher: Architecture, wanted: Beginning) -> Architecture:
    """The student's architecture. Raises BadOption where it can't be begun so."""
    given = {key: value for key, value in asdict(wanted).items() if value and key != "init"}
    if wanted.init == "copy" and set(given) - {"layers", "feed_forward"}:
        raise BadOption("copied layers keep their width", hint='give layers and feed_forward alone, or init = "random"')
    made = replace(teacher, **given)
    if "hidden" in given or "heads" in given:
        made = replace(made, kv_heads=wanted.kv_heads or min(made.heads, teacher.kv_heads))
        made = replace(made, head_size=made.hidden // made.heads)
    if made.hidden % made.heads and made.head_size != teacher.head_size:
        raise BadOption(f"{made.hidden} values can't be shared by {made.heads} heads")
    if made.heads % made.kv_heads or made.head_size % 2 or made.hidden % 32 or made.feed_forward % 32:
        raise BadOption(
            f"heads {made.heads}, kv_heads {made.kv_heads}, hidden {made.hidden}, feed_forward {made.feed_forward} "
            "don't fit",
            hint="heads are a multiple of kv_heads, hidden and feed_forward of 32, and a head has an even size",
        )
    if wanted.init == "copy" and (made.layers > teacher.layers or made.feed_forward > teacher.feed_forward):
        raise BadOption("a copy can't be larger than its teacher", hint='init = "random" can')
    if teacher.gemma and wanted.init == "copy" and made.layers != teacher.layers:
        raise BadOption("layers of gemma3 can't be left out: one in six sees the whole text, by its number")
    return made


def comparable(order: Order) -> bool:
    """Whether the two read texts as the same tokens."""
    if not isinstance(order.student, Model):
        return True
    return len({tokenizer_of(m.path, m.header()) for m in (order.teacher, order.student)}) == 1


async def distill(
    order: Order, shop: Workshop, open_engine: Callable[[Model], Engine]
) -> AsyncGenerator[Progress | Warned | Distilled, None]:
    """How it gets on, with points of its curves, and last what was made. Raises as `prune`, and for other tokens."""
    check_torch()
    lesson, teacher, student = _checked(order)
    taught = order.by == "likelihoods"
    if not taught:
        prompts_of(order.data)
        lesson = replace(lesson, own_share=1.0)  # answers are the data; how they are mixed is in how much they count
    lesson = planned_here(student, teacher if taught else None, lesson)
    notes = [FROM_QUANTIZED] if is_quantized_file(order.teacher.header()) else []
    for note in notes:
        yield Warned(note)
    digests = [await digest_of_model(order.teacher)]
    digests += [await digest_of_model(order.student) if isinstance(order.student, Model) else str(order.student)]
    data = order.together.digest
    key = [*digests, data, order.by, order.lesson.own_share, asdict(replace(lesson, at_once=0)), shop.engine]
    with kept_folder(shop, "distill", key, order.name) as folder:
        check_disk(folder, student)
        work = _Work(order, shop, folder, lesson, student, (digests[0], digests[1]), tuple(notes), open_engine)
        async with aclosing(work.run()) as steps:
            async for step in steps:
                yield step


def _checked(order: Order) -> tuple[Lesson, Architecture, Architecture]:
    """Raises BadInput or BadOption for an order that can't be carried out."""
    for model in (order.teacher, order.student):
        if isinstance(model, Model) and model.shape().task != "chat":
            raise BadInput(f"{model.name} writes no text", hint="choose a model for chat")
    check_texts(training=order.together, evaluation=order.judged_by)
    lesson, header = checked(order.lesson), order.teacher.header()
    if isinstance(order.student, Model):
        student = architecture_of(order.student.header(), name=order.student.name)
        if order.by == "answers":
            return lesson, student, student
        check_tokenizers(order.teacher, order.student)
        return lesson, architecture_of(header, name=order.teacher.name), student
    teacher = architecture_of(header, name=order.teacher.name)
    return lesson_for(order.student, lesson), teacher, begun(teacher, order.student)


def lesson_for(student: Model | Beginning, lesson: Lesson) -> Lesson:
    """What begins at random is trained whole."""
    random = isinstance(student, Beginning) and student.init == "random"
    return replace(lesson, embeddings=True, rank=0) if random else lesson


@dataclass
class _Work:
    order: Order
    shop: Workshop
    folder: Path
    lesson: Lesson
    wanted: Architecture
    digests: tuple[str, str]  # of the teacher, of the student
    notes: tuple[str, ...]
    open_engine: Callable[[Model], Engine]

    async def run(self) -> AsyncGenerator[Progress | Warned | Distilled, None]:
        order, children = self.order, self.shop.children
        student, judge, before, taught, after = [], [], [], [], []  # type: ignore[var-annotated]
        async with aclosing(passed(self._begun(), student)) as steps:
            async for step in steps:
                yield step
        begins = student[-1]
        random = isinstance(order.student, Beginning) and order.student.init == "random"
        if comparable(order):
            async with aclosing(
                passed(appointed(order.teacher, order.judged_by, self.folder, children), judge)
            ) as steps:
                async for step in steps:
                    yield step
            if not random:
                async with aclosing(passed(judge[-1].distance(begins, children), before)) as steps:
                    async for step in steps:
                        yield step
        async with aclosing(passed(self._taught(begins), taught)) as steps:
            async for step in steps:
                yield step
        made = at(taught[-1].path, begins, "the student")
        judging = judge[-1].distance(made, children) if judge else self._alone(made)
        async with aclosing(passed(judging, after)) as steps:
            async for step in steps:
                yield step
        yield Progress("checking")
        scored, distance = after[-1]
        card = self._card(made, judge[-1] if judge else None, scored)
        model = self.shop.models.add(await self._manifest(made, begins, card), made.path)
        words = {key: value for key, value in asdict(taught[-1]).items() if key not in ("path", "curve")}
        yield Distilled(model, card, before[-1][1] if before else None, distance, taught[-1].curve, words)

    async def _begun(self) -> AsyncGenerator[Any, None]:
        """The student as a file."""
        order, target, said = self.order, self.folder / "begun.gguf", self.folder / "begun.json"
        if isinstance(order.student, Model):
            yield order.student
            return
        if not said.exists():
            target.touch(0o600)
            told: dict[str, Any] = {
                "teacher": str(order.teacher.path.resolve()),
                "name": order.teacher.name,
                "wanted": asdict(self.wanted),
                "init": order.student.init,
                "seed": self.lesson.seed,
                "target": str(target.resolve()),
                "threads": self.shop.children.threads,
            }
            task = Task("begin", told, readable=(order.teacher.path,), writable=(target,))
            async with aclosing(self.shop.children.run(task)) as events:
                async for event in events:
                    if isinstance(event, Done):
                        write_atomically(said, orjson.dumps(event.result))
                    else:
                        yield Progress("beginning the student")
        yield at(target, order.teacher, "the student before")

    async def _taught(self, student: Model) -> AsyncGenerator[Any, None]:
        order, tokens = self.order, self.folder / "training.npz"
        texts: list[Any] = []
        async with aclosing(passed(self._texts(student), texts)) as steps:
            async for step in steps:
                yield step
        reading = tokenized(student.path, texts[-1], tokens, self.shop.children, lesson=self.lesson)
        async with aclosing(reading) as progresses:
            async for progress in progresses:
                yield progress
        by_answers = order.by == "answers"
        key = (*self.digests, order.together.digest, order.by, str(order.lesson.own_share))
        teacher = None if by_answers or self.lesson.own_share == 1 else order.teacher.path
        course = Course(student.path, teacher, tokens, self.lesson, key, starts=not by_answers)
        async with aclosing(teach(course, self.folder, self.shop.children)) as lessons:
            async for lesson in lessons:
                yield lesson

    async def _texts(self, student: Model) -> AsyncGenerator[Any, None]:
        """What the student is to read, and how much each counts."""
        order = self.order
        if order.by == "likelihoods":
            yield [("", order.together.content, 1.0)]
            return
        prompts, given = prompts_of(order.data), []  # type: ignore[var-annotated]
        asking = answers(
            order.teacher, prompts, self.folder / "answers.jsonl", self.open_engine, most_tokens=ANSWER_TOKENS
        )
        async with aclosing(passed(asking, given)) as steps:
            async for step in steps:
                yield step
        yield Progress("putting the answers into the student's template")
        yield await worded(student, prompts, given[-1], self.open_engine, own_share=order.lesson.own_share)

    async def _alone(self, made: Model) -> AsyncGenerator[Any, None]:
        """Scored without the teacher, whose tokens are others."""
        exam = Examination(made, self.order.judged_by, chunks=JUDGED_CHUNKS)
        async with aclosing(score(made, exam, self.shop.children)) as steps:
            async for step in steps:
                yield step if isinstance(step, Progress) else (step, None)

    def _card(self, made: Model, judge: Judge | None, scored: Scored) -> Card:
        parent = self.order.teacher if judge else None
        exam = Examination(made, self.order.judged_by, parent, chunks=JUDGED_CHUNKS)
        before = judge.before if judge else None
        card = card_of(exam, self.shop, self.order.machine, scored, before, notes=self.notes)
        return replace(card, parent_digest=self.digests[0]) if judge else card

    async def _manifest(self, made: Model, begins: Model, card: Card) -> Manifest:
        order, teacher, data = self.order, self.order.teacher, self.order.together
        own = isinstance(order.student, Model)
        lineage = Lineage(
            parent=begins.name if own else teacher.name,
            parent_digest=self.digests[1] if own else self.digests[0],
            how="distill",
            recipe=order.recipe,
            engine=self.shop.engine,
            training=data.name,
            training_digest=data.digest,
            teacher=teacher.name if own else "",
            teacher_digest=self.digests[0] if own else "",
            notes=self.notes,
        )
        return Manifest(
            name=order.name,
            digest=f"sha256:{await digest_of(made.path, lambda p: None)}",
            size_bytes=made.path.stat().st_size,
            source=Source("made", f"distill of {teacher.name}", begins.manifest.source.file),
            licence=licences([begins.manifest.licence, teacher.manifest.licence]),
            verified="made here: sha256 taken as it was written",
            added=now(),
            preset=begins.manifest.preset,
            lineage=lineage,
            card=to_table(card),
        )


def licences(of: Sequence[str]) -> str:
    """Those of all that went into a model: each must be kept."""
    return "; and ".join(dict.fromkeys(filter(None, of)))
