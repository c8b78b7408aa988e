"""`domov evaluate`: how likely a model finds a text, how far it is from its parent, what it knows, how fast it is.

The likelihoods come from `measuring` in a child process, one model at a time; the speed is that of a real worker.
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from domov.engine.llamacpp import LlamaCpp
from domov.engine.process import remove_leftovers
from domov.engine.protocol import Engine
from domov.engine.speed import Effort, Figure, Measuring
from domov.errors import BadInput
from domov.files import make_folder
from domov.optimize import figures
from domov.optimize.card import Answers, Card, Speed, to_table
from domov.optimize.child import Children, Done, Task
from domov.optimize.measuring import record_bytes
from domov.optimize.progress import Progress, Warned
from domov.optimize.quantize import Workshop
from domov.optimize.questions import LANGUAGES, Question
from domov.optimize.texts import Text
from domov.store.download import check_room
from domov.store.models import Model, Models, now

CHUNKS = 16  # of 512 tokens, half of them scored
EFFORT = Effort(prompt_tokens=(512,), answer_tokens=64, clients=1, rounds=3)
SAME_TEXT = "the model was tuned on this very text: its figures are better than they would be on another"


@dataclass(frozen=True, slots=True)
class Examination:
    model: Model
    text: Text
    parent: Model | None = None
    chunks: int = CHUNKS
    questions: tuple[Question, ...] = ()
    speed: bool = True


@dataclass(frozen=True, slots=True)
class Scored:
    """What a model's own tokens gave."""

    losses: list[float]
    divergences: list[float]
    same_top: list[bool]
    tokens: str  # a digest of the tokens that the text became


async def evaluate(
    exam: Examination, shop: Workshop, *, machine: str, open_engine: Callable[[Model], Engine]
) -> AsyncGenerator[Progress | Warned | Card, None]:
    """How it gets on, and last the card. Raises BadInput for a text that is too short, or for another tokenizer."""
    for model in filter(None, (exam.model, exam.parent)):
        check_writes(model)
    notes, parent, own, answers = list(_notes(exam)), [], [], []  # type: ignore[var-annotated]
    for note in notes:
        yield Warned(note)
    with _room(exam, shop.models.folder / "partial") as kept:
        if exam.parent:
            async with aclosing(passed(score(exam.parent, exam, shop.children, keep=kept), parent)) as steps:
                async for step in steps:
                    yield step
        against = (kept, parent[0].tokens) if parent else None
        async with aclosing(passed(score(exam.model, exam, shop.children, against=against), own)) as steps:
            async for step in steps:
                yield step
    if exam.questions:
        async with aclosing(passed(_answers(exam, shop.children), answers)) as steps:
            async for step in steps:
                yield step
    speed = None
    if exam.speed:
        yield Progress(f"{exam.model.name}: measuring its speed")
        speed = await measured(open_engine(exam.model), exam.model.name)
    found = {"answers": answers[0] if answers else (), "speed": speed, "notes": tuple(notes)}
    yield card_of(exam, shop, machine, own[0], parent[0] if parent else None, **found)


def check_writes(model: Model) -> None:
    """Raises BadInput for a model that makes vectors or ranks."""
    if model.shape().task != "chat":
        raise BadInput(f"{model.name} writes no text: it can't be judged so", hint="choose a model for chat")


async def passed(steps: AsyncGenerator[Any, None], results: list[Any]) -> AsyncGenerator[Progress | Warned, None]:
    """The progress of a part of the work; what else it gives goes into `results`."""
    async with aclosing(steps):
        async for step in steps:
            if isinstance(step, Progress | Warned):
                yield step
            else:
                results.append(step)


async def score(
    model: Model,
    exam: Examination,
    children: Children,
    *,
    keep: Path | None = None,
    against: tuple[Path, str] | None = None,
) -> AsyncGenerator[Progress | Scored, None]:
    """Scores the text by one model.

    keep     where the likelihoods are written
    against  where those of a parent are, and the digest of its tokens
    """
    told = {
        "model": str(model.path.resolve()),
        "text": exam.text.content,
        "chunks": exam.chunks,
        "threads": children.threads,
        "keep": str(keep) if keep else None,
        "parent": str(against[0]) if against else None,
        "tokens": against[1] if against else None,
    }
    readable = (model.path, *([against[0]] if against else []))
    task = Task("score", told, readable=readable, writable=(keep,) if keep else ())
    async with aclosing(children.run(task)) as events:
        async for event in events:
            if isinstance(event, Done):
                yield Scored(**event.result)
            else:
                yield Progress(f"{model.name}: {event.step}", event.done, event.total, "tokens", event.figures)


async def _answers(
    exam: Examination, children: Children
) -> AsyncGenerator[Progress | tuple[tuple[str, Answers], ...], None]:
    told = {
        "model": str(exam.model.path.resolve()),
        "threads": children.threads,
        "questions": [asdict(question) for question in exam.questions],
    }
    async with aclosing(children.run(Task("answer", told, readable=(exam.model.path,)))) as events:
        async for event in events:
            if isinstance(event, Done):
                yield tuple(by_language(exam.questions, event.result))
            else:
                yield Progress(f"{exam.model.name}: {event.step}", event.done, event.total, "questions")


def by_language(questions: Sequence[Question], right: Sequence[bool]) -> Iterator[tuple[str, Answers]]:
    for language in LANGUAGES:
        own = [hit for question, hit in zip(questions, right, strict=True) if question.language == language]
        if own:
            yield language, Answers(sum(own), len(own), figures.share(sum(own), len(own)))


async def measured(engine: Engine, name: str) -> Speed:
    """The speed of a worker that does nothing else."""
    try:
        await engine.start()
        report = await Measuring(engine, name, EFFORT, lambda words: None).run()
        memory = engine.worker.memory_bytes() if isinstance(engine, LlamaCpp) and engine.worker else 0
    finally:
        await engine.close()
    reading = report.prompts[-1] if report.prompts else None
    return Speed(
        reading=_estimate(reading.tokens_per_second) if reading else figures.Estimate(0, 0, 0),
        prompt_tokens=reading.prompt_tokens if reading else 0,
        writing=_estimate(report.decoding),
        memory_bytes=memory,
    )


def _estimate(figure: Figure) -> figures.Estimate:
    return figures.Estimate(figure.median, figure.lowest, figure.highest)


def parent_of(model: Model, models: Models) -> Model | None:
    """The model that this one was made of, if it is here under its name still."""
    lineage = model.manifest.lineage
    parent = models.find(lineage.parent) if lineage else None
    return parent if parent and lineage and parent.manifest.digest == lineage.parent_digest else None


def keep(card: Card, model: Model, shop: Workshop) -> Model | None:
    """Writes the card into the model's manifest; None for a file without a name, which has none."""
    if not model.manifest.digest:
        return None
    return shop.models.add(replace(model.manifest, card=to_table(card)))


def _notes(exam: Examination) -> Iterator[str]:
    lineage = exam.model.manifest.lineage
    if lineage and exam.text.digest in (lineage.data_digest, lineage.training_digest):
        yield SAME_TEXT


@contextlib.contextmanager
def _room(exam: Examination, folder: Path) -> Iterator[Path]:
    """A file for the likelihoods of the parent, and what it takes checked before; gone afterwards."""
    remove_leftovers(make_folder(folder))
    inside = Path(tempfile.mkdtemp(prefix=f"domov-{os.getpid()}-", dir=folder))
    try:
        kept = inside / "likelihoods"
        kept.touch(0o600)
        if exam.parent:
            vocabulary = exam.parent.shape().width.vocabulary
            check_room(inside, record_bytes(exam.chunks, vocabulary))
        yield kept
    finally:
        shutil.rmtree(inside, ignore_errors=True)


def card_of(exam: Examination, shop: Workshop, machine: str, own: Scored, parent: Scored | None, **more: Any) -> Card:
    """The card that these scores make."""
    return Card(
        date=now(),
        machine=machine,
        engine=shop.engine,
        text=exam.text.name,
        text_digest=exam.text.digest,
        scored_tokens=len(own.losses),
        size_bytes=exam.model.path.stat().st_size,
        perplexity=figures.perplexity(own.losses),
        parent=exam.parent.name if exam.parent else "",
        parent_digest=exam.parent.manifest.digest if exam.parent else "",
        distance=figures.distance(own.losses, parent.losses, own.divergences, own.same_top) if parent else None,
        **more,
    )
