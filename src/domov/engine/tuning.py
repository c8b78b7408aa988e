"""Finds the settings that are fastest for a model on this machine, by measuring real workers side by side.

One setting after the other: a challenger differs in it from the best so far, and takes its place only if it wins
clearly in rounds taken in turn, so that neither chance nor a passing disturbance decides.
"""

import math
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Literal

from domov.engine.calibration import Tuning
from domov.engine.protocol import Engine
from domov.engine.speed import EXACT, STORY, Timing, text_of, timed
from domov.types import ChatRequest, Message

LEAST_GAIN = 1.03
ROUNDS, FIRST_ROUNDS = 5, 3
READING_SECONDS, DECODING_SECONDS = 2.0, 0.8  # about what one round of a side takes
MOST_SECONDS = 100.0  # after that nothing new is tried
CONTEXT_TOKENS = 2048

Work = Literal["reading", "writing", "both"]
Verdict = Literal["wins", "loses", "unclear"]


@dataclass(frozen=True, slots=True)
class Challenge:
    """A change to try, and the work that it is judged by."""

    setting: str
    options: Mapping[str, int | str]
    work: Work
    spin_count: int | None = None

    @property
    def words(self) -> str:
        return Tuning(self.options, self.spin_count).words


@dataclass(frozen=True, slots=True)
class Trial:
    """How a challenge ended."""

    setting: str
    change: str
    work: Work
    gain: float  # challenger / best so far, the median of the rounds
    rounds: int
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Tuned:
    tuning: Tuning
    trials: tuple[Trial, ...]
    notes: tuple[str, ...] = ()


def challenges(*, cores: int, processors: int, quiet: bool = True) -> Iterator[Challenge]:
    """What is tried, in this order; the defaults are a thread for each core and batches of 512.

    quiet  whether no other program works now: if one does, threads and waiting are left as they are, because what is
           best beside it is not what is best without
    """
    if quiet:
        yield from _waiting_together(cores, processors)
    if processors > cores and quiet:
        yield Challenge("batch_threads", {"batch_threads": processors}, "reading")
    for batch, micro_batch in ((512, 128), (512, 256), (1024, 1024)):
        yield Challenge("batch", {"batch_tokens": batch, "micro_batch_tokens": micro_batch}, "reading")
    for word in ("off", "on"):
        yield Challenge("flash_attention", {"flash_attention": word}, "both")


def _waiting_together(cores: int, processors: int) -> Iterator[Challenge]:
    for threads in sorted({cores - 1, processors} - {0, cores}):
        yield Challenge("threads", {"threads": threads, "batch_threads": cores}, "writing")
    for spins in (0, 20_000):
        yield Challenge("spin_count", {}, "writing", spin_count=spins)


def gain_of(best: Sequence[float], challenger: Sequence[float]) -> float:
    """The median of the rounds' ratios: what slows a whole round changes none."""
    return statistics.median(b / a for a, b in zip(best, challenger, strict=True))


def verdict(best: Sequence[float], challenger: Sequence[float]) -> Verdict:
    """Whether a challenger takes the place: by more than LEAST_GAIN, and faster in all rounds but one.

    unclear is one that is faster, and not clearly: then the best so far stays.
    """
    faster = sum(b > a for a, b in zip(best, challenger, strict=True))
    gain = gain_of(best, challenger)
    if gain > LEAST_GAIN and faster >= len(best) - 1 and len(best) >= FIRST_ROUNDS:
        return "wins"
    return "unclear" if gain > 1 else "loses"


@dataclass
class Tuner:
    """Measures one model.

    open_engine  an engine with these settings that nothing else changes while it runs
    progress     told what is tried now
    """

    open_engine: Callable[[Tuning], Engine]
    model: str
    progress: Callable[[str], None]
    most_seconds: float = MOST_SECONDS
    clock: Callable[[], float] = time.perf_counter
    _words: int = 64
    _tokens: int = 16
    _seed: int = field(default_factory=time.time_ns)

    async def run(self, tries: Sequence[Challenge]) -> Tuned:
        start, best = self.clock(), Tuning()
        trials: list[Trial] = []
        await self._scale()
        for number, challenge in enumerate(tries):
            if self.clock() - start > self.most_seconds:
                left = ", ".join(c.words for c in tries[number:])
                return Tuned(best, tuple(trials), (f"there was no time left for: {left}",))
            self.progress(challenge.words)
            challenger = best.changed(challenge.options, challenge.spin_count)
            trial = await self._try(challenge, best, challenger)
            trials.append(trial)
            if trial.verdict == "wins":
                best = challenger
        return Tuned(best, tuple(trials))

    async def _scale(self) -> None:
        """Makes rounds as long as this model needs to be measured, and no longer."""
        self.progress("a first look")
        async with self._open(Tuning()) as engines:
            timing = await self._ask(engines[0], "both")
            timing = await self._ask(engines[0], "both")
        self._words = min(640, max(64, round(timing.prompt_speed * READING_SECONDS)))
        self._tokens = min(96, max(8, round(timing.decoding_speed * DECODING_SECONDS)))

    async def _try(self, challenge: Challenge, best: Tuning, challenger: Tuning) -> Trial:
        """Rounds in turn, who begins changing; a challenger that is behind after the first ones is given up."""
        sides: tuple[list[float], list[float]] = ([], [])
        async with self._open(best, challenger) as engines:
            for engine in engines:
                await self._ask(engine, challenge.work)  # not counted
            for number in range(ROUNDS):
                for side in (0, 1) if number % 2 == 0 else (1, 0):
                    sides[side].append(speed(await self._ask(engines[side], challenge.work), challenge.work))
                if number + 1 >= FIRST_ROUNDS and verdict(*sides) == "loses":
                    break
        gain = gain_of(*sides)
        return Trial(challenge.setting, challenge.words, challenge.work, gain, len(sides[0]), verdict(*sides))

    def _open(self, *tunings: Tuning) -> "_Engines":
        return _Engines([self.open_engine(tuning) for tuning in tunings])

    async def _ask(self, engine: Engine, work: Work) -> Timing:
        self._seed += 1
        text = STORY if work == "writing" else text_of(self._words, seed=self._seed)
        tokens = 1 if work == "reading" else self._tokens
        return await timed(engine, ChatRequest(self.model, (Message("user", text),), EXACT, max_tokens=tokens))


def speed(timing: Timing, work: Work) -> float:
    """Tokens a second; for both kinds of work their geometric mean."""
    if work == "reading":
        return timing.prompt_speed
    if work == "writing":
        return timing.decoding_speed
    return math.sqrt(timing.prompt_speed * timing.decoding_speed)


class _Engines(AsyncExitStack):
    """Engines that are started together and ended together, whatever happens between."""

    def __init__(self, engines: list[Engine]) -> None:
        super().__init__()
        self._engines = engines

    async def __aenter__(self) -> list[Engine]:  # type: ignore[override]
        for engine in self._engines:
            self.push_async_callback(engine.close)
        try:
            for engine in self._engines:
                await engine.start()
        except BaseException:
            await self.aclose()
            raise
        return self._engines
