"""What a kind of job is: its parameters, what it needs before it may begin, and its steps.

A kind is a class: its fields are what is asked for, checked by pydantic, and a row of `table.KINDS`. Its steps are an
async generator of `Progress` and `Warned` that ends with an `Outcome`; closing it stops the work and leaves nothing.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from domov.access.callers import Caller
from domov.engine.calibration import Conditions, Tuning
from domov.engine.protocol import Engine
from domov.jobs.account import Outcome
from domov.optimize.progress import Progress, Warned
from domov.optimize.quantize import Workshop
from domov.optimize.texts import BUILTIN, Text, builtin_tuning_text
from domov.sizing.plan import Plan
from domov.store.download import OnProgress
from domov.store.download import Progress as Fetched
from domov.store.models import Model, Models
from domov.store.names import shown
from domov.store.pull import Puller
from domov.store.shape import ModelShape

Steps = AsyncGenerator[Progress | Warned | Outcome, None]
Lane = Literal["work", "network"]  # one job at a time in each
Pausing = Literal["held", "left"]
MOST_TEXT = 4 << 20
PROCESS_BYTES = 100_000_000  # Python, numpy and llama.cpp's library in a child process
Name = Annotated[str, Field(min_length=1, max_length=300)]


@dataclass(frozen=True)
class Place:
    """What work needs of its surroundings; made anew for each job."""

    workshop: Workshop  # with the crew that the job's processes join
    open_engine: Callable[[Model], Engine]
    open_for_measuring: Callable[[Model, Tuning, int], Engine]  # with a context of so many tokens
    judging_text: Callable[[OnProgress], Awaitable[Text]]
    training_text: Callable[[OnProgress], Awaitable[Text]]
    puller: Callable[[], AbstractAsyncContextManager[Puller]]
    plan: Callable[[ModelShape], Plan]
    conditions: Callable[[], Conditions]
    calibrations: Path


@dataclass(frozen=True)
class Surroundings:
    """What decides when a job may go on."""

    serving: Callable[[], bool]  # whether somebody waits for an answer now
    room_bytes: Callable[[], int]  # main memory that is free for it
    total_bytes: Callable[[], int]
    permitted: Callable[[str, str], Caller]  # who a job is of, by its owner and key; raises NotPermitted


@dataclass(frozen=True, slots=True)
class Needs:
    """What a job takes, as foretold; 0 where it is next to nothing or not known."""

    memory_bytes: int = 0  # main memory
    disk_bytes: int = 0
    size: float = 0.0  # of the work: its time is proportional to it
    seconds: float | None = None  # as good as it can be guessed before one has been done here


class GivenText(BaseModel):
    """A text that comes with the job."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=200)]
    content: Annotated[str, Field(min_length=1, max_length=MOST_TEXT)]


class Work(BaseModel):
    model_config = ConfigDict(extra="forbid")

    kind: ClassVar[str]
    words: ClassVar[str]  # what it does, for a person
    lane: ClassVar[Lane] = "work"
    # held: its processes stop where they are and keep their memory; left: it is ended, and later begun again
    pausing: ClassVar[Pausing] = "held"
    again: ClassVar[str] = "it starts again from the beginning"  # after whatever ended it
    parts: ClassVar[str] = ""  # the files in models/partial, as a pattern, that a death leaves for the next attempt

    def title(self) -> str:
        """What is done with what, in a few words."""
        raise NotImplementedError

    def names(self) -> Iterator[str]:
        """The models that it reads or makes: who asks for it must be allowed to use them."""
        raise NotImplementedError

    def doubts(self, place: Place) -> Iterator[str]:
        """What a person should agree to first."""
        return iter(())

    def needs(self, place: Place) -> Needs:
        """Raises what would stop it anyway: no such model, an impossible wish, no room on the disk."""
        raise NotImplementedError

    def steps(self, place: Place) -> Steps:
        raise NotImplementedError


def check_names(work: Work, caller: Caller, models: Models) -> None:
    """Raises NotPermitted for a model that whoever orders the work may not use."""
    for name in work.names():
        found = models.find(name)
        caller.check_model(found.name if found else name)


def tuning_text(given: GivenText | str) -> Text:
    """The text to tune on: the one that came with the job, or Python's reference."""
    return builtin_tuning_text() if given == BUILTIN else _text(given)


def _text(given: GivenText | str) -> Text:
    assert isinstance(given, GivenText)
    return Text(shown(given.name), given.content)


async def judging_text(given: GivenText | None, place: Place) -> AsyncGenerator[Progress | Text, None]:
    """The text to judge by: the one that came with the job, or the one that is fetched once."""
    if given is not None:
        yield _text(given)
        return

    async for step in fetched(place.judging_text):
        yield step


async def training_text(given: GivenText | str, place: Place) -> AsyncGenerator[Progress | Text, None]:
    """The text to train on, likewise."""
    if given != BUILTIN:
        yield _text(given)
        return
    async for step in fetched(place.training_text):
        yield step


async def fetched(text: Callable[[OnProgress], Awaitable[Text]]) -> AsyncGenerator[Progress | Text, None]:
    async def fetch(tell: Callable[[Progress], None]) -> Text:
        return await text(lambda told: tell(of_download(told)))

    async for step in telling(fetch):
        yield step


def of_download(told: Fetched) -> Progress:
    return Progress(told.step, told.done_bytes, told.total_bytes)


async def telling(work: Callable[[Callable[[Any], None]], Awaitable[Any]]) -> AsyncGenerator[Any, None]:
    """What work tells by a function that it is given, and last what it returns. Closed, it cancels the work."""
    told: asyncio.Queue[Any] = asyncio.Queue()
    loop, end = asyncio.get_running_loop(), object()

    def tell(step: Any) -> None:
        loop.call_soon_threadsafe(told.put_nowait, step)

    working = asyncio.ensure_future(work(tell))
    working.add_done_callback(lambda _: told.put_nowait(end))
    try:
        while (step := await told.get()) is not end:
            yield step
        yield await working
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


def model_bytes(model: Model, place: Place) -> int:
    """What a child process holds that reads a text with a model: its weights, not mapped, and what it calculates in."""
    plan = place.plan(model.shape())
    return plan.weights_bytes + plan.compute_bytes + plan.output_bytes + PROCESS_BYTES
