"""What running models drew, divided among the requests that ran: equally, for the time that they ran together.

The whole of what the counters tell counts, the machine's rest with it. Where they tell nothing, nothing is told.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

NEVER = -1  # of a request that began when nothing could be read: it stays unknown


@dataclass(frozen=True, slots=True)
class _Since:
    share: float
    gaps: int


class Energy:
    def __init__(self, read: Callable[[], float | None]) -> None:
        """read  joules since any fixed moment; None: they can't be read"""
        self._read = read
        self._numbers = itertools.count(1)
        self._running: dict[object, _Since] = {}
        self._share = 0.0  # joules that one request would have had if it had run all the time
        self._gaps = 0  # times at which nothing could be read
        self._last: float | None = None

    def begin(self) -> object:
        """A request begins; what comes is the name that it ends by."""
        self._take()
        number = next(self._numbers)
        self._running[number] = _Since(self._share, NEVER if self._last is None else self._gaps)
        return number

    def end(self, number: object) -> float | None:
        """Its share, in joules; None where it is not known."""
        self._take()
        since = self._running.pop(number, None)
        return self._share - since.share if since and since.gaps == self._gaps else None

    def _take(self) -> None:
        now = self._read()
        if now is None:
            self._gaps += 1
        elif self._last is not None and self._running:
            self._share += max(0.0, now - self._last) / len(self._running)
        self._last = now
