"""What each request takes, told once when it has ended. Nothing is done for a single token."""

import asyncio
import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from domov.errors import BadInput, DomovError, NotFound, Refused
from domov.types import Asked, Outcome, Spent, Task, Usage

ENDINGS: tuple[tuple[type[BaseException], Outcome], ...] = (
    (BadInput, "refused"),
    (NotFound, "refused"),
    (Refused, "busy"),
    (DomovError, "failed"),
    (asyncio.CancelledError, "cancelled"),
    (GeneratorExit, "cancelled"),
    (BaseException, "failed"),
)
_NUMBERS = itertools.count(1)


class Spending:
    """One request under way."""

    def __init__(self) -> None:
        self._start_seconds = time.monotonic()
        self.first_seconds: float | None = None
        self.usage: Usage | None = None  # known: it was answered
        self.pieces = 0

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._start_seconds

    def begin(self) -> None:
        """The first piece of the answer is here."""
        self.first_seconds = self.seconds


@contextmanager
def spending(tell: Callable[[Asked | Spent], None], *, model: str, task: Task) -> Iterator[Spending]:
    """Tells that the block begins, and what it took. One that is left after its usage is known was answered."""
    number = next(_NUMBERS)
    tell(Asked(model, number))
    request = Spending()
    outcome: Outcome = "answered"
    try:
        yield request
    except BaseException as error:
        outcome = "answered" if request.usage else outcome_of(error)
        raise
    finally:
        tell(Spent(model, task, outcome, request.seconds, request.first_seconds, request.usage, request.pieces, number))


def outcome_of(error: BaseException) -> Outcome:
    return next(outcome for kind, outcome in ENDINGS if isinstance(error, kind))
