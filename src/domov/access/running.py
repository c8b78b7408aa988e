"""Requests that are on their way, so that they end when the key, session or account that they came with does.

Who changes that may be another process. So it is looked at a moment after the database has changed.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from domov.access.callers import Caller
from domov.errors import DomovError

LOOK_SECONDS = 1.0


class Running:
    def __init__(self) -> None:
        self._callers: dict[asyncio.Event, Caller] = {}

    @contextmanager
    def request(self, caller: Caller) -> Iterator[asyncio.Event]:
        """For as long as the block lasts; the event is set when the caller may not go on."""
        ended = asyncio.Event()
        self._callers[ended] = caller
        try:
            yield ended
        finally:
            del self._callers[ended]

    def end(self, good: Callable[[Caller], bool]) -> int:
        """Ends the requests of callers who are not good any more. Gives how many."""
        known: dict[tuple[str, str, str], bool] = {}
        ended = 0
        for event, caller in list(self._callers.items()):
            who = caller.key, caller.session, caller.user
            if who not in known:
                known[who] = good(caller)
            if not known[who] and not event.is_set():
                event.set()
                ended += 1
        return ended

    async def watch(self, version: Callable[[], object], good: Callable[[Caller], bool]) -> None:
        """Until it is cancelled. version: another one whenever the database has changed"""
        seen: object = None
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            with suppress(DomovError):  # a database that is busy: once more in a moment
                if self._callers and (now := version()) != seen:
                    self.end(good)
                    seen = now
