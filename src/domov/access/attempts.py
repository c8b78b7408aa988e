"""How often somebody may try to log in: the more failures, the longer until the next try counts at all.

Counted for a name from one address, for a name from everywhere, and for an address; names that are not known count like
others. A try counts as failed from its beginning, so that a hundred at the same time are not a hundred tries.
"""

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from domov.access.logins import network_of
from domov.access.people import login_of

FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 2.0, 300.0
FORGET_SECONDS = 3600.0
MOST_KNOWN = 20_000
FREE_FROM_ONE_ADDRESS, FREE_FOR_ONE_NAME, FREE_FOR_ONE_ADDRESS = 5, 30, 30


@dataclass(slots=True)
class Failures:
    count: int = 0
    at_seconds: float = 0.0

    def wait_seconds(self, moment: float, *, free: int) -> float:
        if self.count < free:
            return 0.0
        longest: float = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * (1 << min(self.count - free, 20)))
        return max(0.0, self.at_seconds + longest - moment)


class Attempts:
    """From any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock, self._lock = clock, threading.RLock()
        self._known: OrderedDict[str, Failures] = OrderedDict()

    def begin(self, name: str, address: str) -> int:
        """0 for a try that may be made, which counts; or whole seconds to wait."""
        moment, places = self.clock(), _places(name, address)
        with self._lock:
            wait = max(self._of(place, moment).wait_seconds(moment, free=free) for place, free in places)
            if wait > 0:
                return math.ceil(wait)
            for place, _ in places:
                failures = self._of(place, moment)
                failures.count, failures.at_seconds = failures.count + 1, moment
        return 0

    def succeeded(self, name: str, address: str) -> None:
        """Forgets the failures for the name from there, and this try for the others."""
        with self._lock:
            self.undo(name, address)
            self._known.pop(_places(name, address)[0][0], None)

    def undo(self, name: str, address: str) -> None:
        """Takes back a try that did not fail."""
        with self._lock:
            for place, _ in _places(name, address):
                if place in self._known:
                    self._known[place].count = max(0, self._known[place].count - 1)

    def _of(self, place: str, moment: float) -> Failures:
        found = self._known.pop(place, None)
        if found is None or moment - found.at_seconds > FORGET_SECONDS:
            found = Failures()
        self._known[place] = found  # the newest last
        if len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)
        return found


def _places(name: str, address: str) -> tuple[tuple[str, int], ...]:
    """What is counted, and how many failures of each are free."""
    login, network = login_of(name[:256])[:64], network_of(address)
    return (
        (f"both {network} {login}", FREE_FROM_ONE_ADDRESS),
        (f"name {login}", FREE_FOR_ONE_NAME),
        (f"from {network}", FREE_FOR_ONE_ADDRESS),
    )
