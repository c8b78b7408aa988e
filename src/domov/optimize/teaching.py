"""A student trained after a teacher, from the gateway's side: what pruning's healing and distilling have in common.

The work is `training` in a child process. Its checkpoint lies in a folder that stays only where this process, or that
one, is killed: the same order goes on then.
"""

import contextlib
import hashlib
import importlib.util
import json
import shutil
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from domov.errors import BadInput, EngineUnavailable, Refused, WorkerDied
from domov.files import disk_errors, make_folder
from domov.hardware.memory import read_memory
from domov.optimize import figures
from domov.optimize.architecture import Architecture
from domov.optimize.child import Children, Done, Task
from domov.optimize.evaluate import Examination, Scored, passed, score
from domov.optimize.figures import Distance
from domov.optimize.lesson import Lesson, check_length, planned
from domov.optimize.measuring import record_bytes
from domov.optimize.progress import Progress, Warned
from domov.optimize.quantize import Workshop
from domov.optimize.texts import Text
from domov.optimize.worker import INSTALL
from domov.store.download import check_room
from domov.store.gguf import Header
from domov.store.local import digest_of
from domov.store.models import Model

SAVE_SECONDS = 60.0  # between checkpoints; written in a second or two for a small model
JUDGED_CHUNKS = 8
SLACK = 0.9  # of the memory that is free
TOKENIZER = ("model", "pre", "tokens", "merges", "scores", "token_type")
Wordings = Sequence[tuple[str, str, float]]  # (prompt, or nothing, what comes after it, how much that counts)


@dataclass(frozen=True, slots=True)
class Course:
    """One training."""

    student: Path
    teacher: Path | None
    tokens: Path
    lesson: Lesson
    key: tuple[str, ...]  # what makes it this one: digests
    starts: bool = True  # each piece begins as a text does


@dataclass(frozen=True, slots=True)
class Taught:
    path: Path
    curve: tuple[Mapping[str, float], ...]  # step, and there: loss, divergence, own_loss, held_out
    precision: str
    speeds: Mapping[str, float]  # products a second that were measured for each precision
    device: str
    seconds: float
    resumed_at: int  # the step that a checkpoint stood at
    at_once: int


def check_torch() -> None:
    """Raises EngineUnavailable, with what to install, where training is not possible."""
    if any(importlib.util.find_spec(name) is None for name in ("torch", "safetensors")):
        raise EngineUnavailable(
            "pruning and distilling need PyTorch, which is not installed",
            hint=f"{INSTALL}   (docs/smaller.md tells how to get the smaller one for processors alone)",
        )


def check_texts(**used: Text) -> None:
    """Raises BadInput where one text would be used for two things."""
    seen: dict[str, str] = {}
    for use, text in used.items():
        if text.digest in seen:
            raise BadInput(
                f"the text for {use} is the one for {seen[text.digest]}: what is found there would hold for it alone",
                hint="give another one",
            )
        seen[text.digest] = use


@contextlib.contextmanager
def kept_folder(shop: Workshop, how: str, key: Sequence[object], name: str) -> Iterator[Path]:
    """Where the work lies. Raises Refused where another domov does the same."""
    digest = hashlib.sha256(json.dumps([str(part) for part in key]).encode()).hexdigest()[:16]
    folder = make_folder(shop.models.partial) / f"{how}-{digest}.work"
    lock = FileLock(folder.with_suffix(".lock"))
    with disk_errors(folder):
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise Refused(f"{name} is being made by another domov", hint="wait for it") from error
        make_folder(folder)
    try:
        yield folder
    except WorkerDied:
        raise  # memory ran out, perhaps: another time it may go on
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    else:
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        lock.release()
        with contextlib.suppress(OSError):
            Path(lock.lock_file).unlink()


def room_needed(student: Architecture, *, vocabulary: int) -> int:
    """On the disk: the student twice, two checkpoints with three values a weight, a parent's likelihoods."""
    return student.matrix_parameters * (2 * 4 + 2 * 12) + record_bytes(JUDGED_CHUNKS, vocabulary)


def check_disk(folder: Path, student: Architecture) -> None:
    """Raises DiskFull where the work has no room; what lies there of an earlier try counts."""
    there = sum(path.stat().st_size for path in folder.glob("*"))
    check_room(folder, room_needed(student, vocabulary=student.vocabulary) - there)


def planned_here(student: Architecture, teacher: Architecture | None, lesson: Lesson) -> Lesson:
    """The lesson as this machine's memory allows it now. Raises Refused."""
    return planned(student, teacher, lesson, free_bytes=int(SLACK * read_memory().free_bytes))


async def digest_of_model(model: Model) -> str:
    return model.manifest.digest or f"sha256:{await digest_of(model.path, lambda p: None)}"


def tokenizer_of(path: Path, header: Header) -> str:
    """A digest of how a model reads texts."""
    hasher = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        for key in TOKENIZER:
            start, end = header.spans.get(f"tokenizer.ggml.{key}", (0, 0))
            file.seek(start)
            hasher.update(file.read(end - start))
    return hasher.hexdigest()


def check_tokenizers(teacher: Model, student: Model) -> None:
    """Raises BadInput where the two read texts differently."""
    same = {tokenizer_of(model.path, model.header()) for model in (teacher, student)}
    if len(same) > 1:
        raise BadInput(
            f"{teacher.name} and {student.name} read texts as different tokens: likelihoods can't be compared",
            hint="--by answers trains the student on what the teacher answers instead, whatever its tokens are",
        )


async def tokenized(
    model: Path, texts: Wordings, target: Path, children: Children, *, lesson: Lesson | None = None
) -> AsyncGenerator[Progress, None]:
    """Writes the tokens that a model reads the texts as. Raises BadInput where they are too few for a lesson."""
    target.touch(0o600)
    told = {"model": str(model.resolve()), "texts": texts, "target": str(target.resolve())}
    async with aclosing(children.run(Task("tokens", told, readable=(model,), writable=(target,)))) as events:
        async for event in events:
            if not isinstance(event, Done):
                yield Progress(event.step, event.done, event.total, "tokens")
            elif lesson:
                check_length(event.result["tokens"], lesson)


async def teach(
    course: Course, folder: Path, children: Children, *, save_seconds: float = SAVE_SECONDS
) -> AsyncGenerator[Progress | Warned | Taught, None]:
    """How it gets on, with points of its curves, and last the trained student in `folder`."""
    target, lesson = folder / "trained.gguf", course.lesson
    told = {
        "student": str(course.student.resolve()),
        "teacher": str(course.teacher.resolve()) if course.teacher else None,
        "tokens": str(course.tokens.resolve()),
        "lesson": asdict(lesson),
        "key": [*course.key, asdict(lesson) | {"at_once": 0}],
        "checkpoint": str((folder / "checkpoint.safetensors").resolve()),
        "target": str(target.resolve()),
        "starts": course.starts,
        "save_seconds": save_seconds,
        "threads": children.threads,
    }
    readable = tuple(filter(None, (course.student, course.teacher, course.tokens)))
    if lesson.at_once < lesson.batch:
        yield Warned(f"memory has room for {lesson.at_once} of the {lesson.batch} pieces of a step at once")
    async with aclosing(children.run(Task("train", told, readable=readable, writable=(folder,)))) as events:
        async for event in events:
            if not isinstance(event, Done):
                yield Progress(event.step, event.done, event.total, "steps", event.figures)
                continue
            found: dict[str, Any] = event.result
            if found["at_once"] < lesson.at_once:
                yield Warned(f"memory ran out: it went on with {found['at_once']} pieces at once")
            yield Taught(target, tuple(found.pop("points")), **found)


@dataclass(frozen=True, slots=True)
class Judge:
    """A parent's likelihoods on a text, which models are held against."""

    exam: Examination
    kept: Path
    before: Scored

    async def distance(
        self, model: Model, children: Children
    ) -> AsyncGenerator[Progress | tuple[Scored, Distance], None]:
        own: list[Any] = []
        scoring = score(model, self.exam, children, against=(self.kept, self.before.tokens))
        async with aclosing(passed(scoring, own)) as steps:
            async for step in steps:
                if isinstance(step, Progress):
                    yield step
        found: Scored = own[-1]
        yield found, figures.distance(found.losses, self.before.losses, found.divergences, found.same_top)


async def appointed(
    parent: Model, text: Text, folder: Path, children: Children
) -> AsyncGenerator[Progress | Warned | Judge, None]:
    """Reads the text with the parent, and gives the judge."""
    exam, kept = Examination(parent, text, chunks=JUDGED_CHUNKS), folder / "likelihoods"
    kept.touch(0o600)
    scored: list[Any] = []
    async with aclosing(passed(score(parent, exam, children, keep=kept), scored)) as steps:
        async for step in steps:
            yield step
    yield Judge(exam, kept, scored[-1])


def at(path: Path, like: Model, name: str) -> Model:
    """A file under way as a model, without a place in the store."""
    own = {"digest": "", "path": None, "modified_ns": None, "lineage": None, "card": None}
    return Model(replace(like.manifest, name=name, size_bytes=path.stat().st_size, **own), path)  # type: ignore[arg-type]
