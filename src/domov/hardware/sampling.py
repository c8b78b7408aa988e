"""How busy the machine is now and was over the last hour: processors, memory, graphics cards, power.

Kept in memory only. What can't be read is None, never a guess.
"""

import os
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from domov.hardware.cpu import affinity, cpu_quota
from domov.hardware.gpu import Cards, read_cards
from domov.hardware.load import Load, limited_group, read_load
from domov.hardware.memory import read_memory
from domov.hardware.survey import may_have_cards

HOUR_SECONDS = 3600.0
LEAST_SECONDS = 1.0  # between two samples: shares are those of the time between
CARD_SECONDS = 10.0  # between two questions to the makers' libraries, as each starts a process


@dataclass(frozen=True, slots=True)
class CardUse:
    name: str
    used_bytes: int | None
    total_bytes: int | None
    busy_share: float | None
    celsius: float | None
    watts: float | None


@dataclass(frozen=True, slots=True)
class Sample:
    at: float  # seconds since 1970
    busy_share: float  # of the processors that may be used, whoever works; those at low priority left out
    own_share: float  # of that, Domov and its models
    used_bytes: int  # of main memory
    total_bytes: int
    watts: float | None  # of all that has a counter, since the sample before
    cards: tuple[CardUse, ...] = ()


def read(pids: list[int]) -> Load:
    return read_load(pids, processors=affinity(), group=limited_group())


def usable() -> float:
    return min(len(affinity()), cpu_quota() or float("inf"))


@dataclass
class Sampler:
    """
    pids        the processes of the models that are loaded
    joules      that were drawn since any fixed moment; None: unknown
    load        the counters of the processors, given the processes that are ours
    processors  worth of time that may be used
    """

    pids: Callable[[], list[int]]
    joules: Callable[[], float | None]
    load: Callable[[list[int]], Load] = read
    processors: Callable[[], float] = usable
    cards: Callable[[], Cards] = read_cards
    clock: Callable[[], float] = time.time
    hour: deque[Sample] = field(default_factory=deque)
    _before: Load | None = None
    _drawn: float | None = None
    _cards: tuple[CardUse, ...] = ()
    _cards_at: float = -CARD_SECONDS

    def take(self) -> Sample | None:
        """A sample more; the last one where that is a moment ago. None: it is the first look, there is none yet."""
        load, drawn = self.load([os.getpid(), *self.pids()]), self.joules()
        before, drawn_before = self._before, self._drawn
        seconds = load.at_seconds - before.at_seconds if before else 0.0
        if before and seconds < LEAST_SECONDS:
            return self.hour[-1] if self.hour else None
        self._before, self._drawn = load, drawn
        if before is None:
            return None
        sample = self._sample(before, load)
        if drawn is not None and drawn_before is not None:
            sample = replace(sample, watts=max(0.0, drawn - drawn_before) / seconds)
        self.hour.append(sample)
        while self.hour[0].at < sample.at - HOUR_SECONDS:
            self.hour.popleft()
        return sample

    def _sample(self, before: Load, after: Load) -> Sample:
        memory = read_memory()
        capacity = (after.at_seconds - before.at_seconds) * self.processors()
        own = sum(max(0.0, n - before.own_seconds.get(pid, n)) for pid, n in after.own_seconds.items())
        busy = max(after.busy_seconds - before.busy_seconds, own)
        if after.group_seconds is not None and before.group_seconds is not None:  # in a container: its own use
            busy = max(after.group_seconds - before.group_seconds, own)
        return Sample(
            at=self.clock(),
            busy_share=min(1.0, busy / capacity),
            own_share=min(1.0, own / capacity),
            used_bytes=memory.total_bytes - memory.free_bytes,
            total_bytes=memory.total_bytes,
            watts=None,
            cards=self._card_use(after.at_seconds),
        )

    def _card_use(self, moment: float) -> tuple[CardUse, ...]:
        if moment - self._cards_at >= CARD_SECONDS and may_have_cards():
            self._cards_at = moment
            self._cards = tuple(
                CardUse(c.name, c.used_bytes, c.total_bytes, c.busy_share, c.celsius, c.watts)
                for c in self.cards().cards
            )
        return self._cards
