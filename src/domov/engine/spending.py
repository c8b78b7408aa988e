"""What each request takes, told once when it has ended. Nothing is done for a single token."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Protocol

from domov.errors import BadInput, DomovError, NotFound, Refused
from domov.types import Outcome, Spent, Task, Usage

ENDINGS: tuple[tuple[type[BaseException], Outcome], ...] = (
    (BadInput, "refused"),
    (NotFound, "refused"),
    (Refused, "busy"),
    (DomovError, "failed"),
    (asyncio.CancelledError, "cancelled"),
    (GeneratorExit, "cancelled"),
    (BaseException, "failed"),
)


class Energy(Protocol):
    """Tells how much of what the machine drew one request has caused: see `meter.energy`."""

    def begin(self) -> object:
        """A request begins; what comes is the name that it ends by."""

    def end(self, request: object) -> float | None:
        """Joules; None: not known."""


class Spending:
    """One request under way."""

    def __init__(self, energy: Energy | None = None) -> None:
        self._start_seconds = time.monotonic()
        self._energy, self._number = energy, energy and energy.begin()
        self.first_seconds: float | None = None
        self.usage: Usage | None = None  # known: it was answered
        self.pieces = 0
        self.joules: float | None = None

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._start_seconds

    def begin(self) -> None:
        """The first piece of the answer is here."""
        self.first_seconds = self.seconds

    def end(self, usage: Usage) -> Usage:
        """The engine is done; gives what it told of that, with the energy."""
        self.stop()
        self.usage = replace(usage, joules=self.joules)
        return self.usage

    def stop(self) -> None:
        """Nothing is drawn for it any more; once is enough."""
        if self._energy:
            self.joules, self._energy = self._energy.end(self._number), None


@contextmanager
def spending(tell: Callable[[Spent], None], energy: Energy | None, *, model: str, task: Task) -> Iterator[Spending]:
    """Tells what the block took. One that is left after its usage is known was answered."""
    request = Spending(energy)
    outcome: Outcome = "answered"
    try:
        yield request
    except BaseException as error:
        outcome = "answered" if request.usage else outcome_of(error)
        raise
    finally:
        request.stop()
        seconds, first = request.seconds, request.first_seconds
        tell(Spent(model, task, outcome, seconds, first, request.usage, request.pieces, request.joules))


def outcome_of(error: BaseException) -> Outcome:
    return next(outcome for kind, outcome in ENDINGS if isinstance(error, kind))
