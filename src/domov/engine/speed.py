"""How fast a model answers, as who asks sees it: by the clock on this side, whatever the engine says of itself.

A figure is the median of a few rounds with the lowest and the highest. All that is measured is something with `stream`:
a worker here, or a server anywhere.
"""

import asyncio
import random
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from domov.errors import BadInput, Broken
from domov.types import ChatRequest, Done, Event, Message, ReasoningDelta, Sampling, TextDelta, Usage

STORY = "Tell me a long story about a house by the sea."
# Common words: a token each in most vocabularies.
WORDS = (
    "the house by the sea was old and small with a red door that people knew from far away and said in winter its "
    "light could be seen on the water all night for one who came home late from work or waited there until morning"
)
EXACT = Sampling(temperature=0.0, ignore_end=True)
TRIAL_WORDS = 100
WARM_UP_TOKENS = 8
LEAST_ROUNDS = 2

T = TypeVar("T")


class Speaker(Protocol):
    def stream(self, request: ChatRequest) -> AsyncIterator[Event]: ...


@dataclass(frozen=True, slots=True)
class Figure:
    """What several rounds gave."""

    samples: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.samples)

    @property
    def lowest(self) -> float:
        return min(self.samples)

    @property
    def highest(self) -> float:
        return max(self.samples)


@dataclass(frozen=True, slots=True)
class Timing:
    first_token_seconds: float
    decoding_seconds: float  # from the first token to the last
    usage: Usage

    @property
    def prompt_speed(self) -> float:
        """Tokens read for each second until the first word; those that were known before do not count."""
        return (self.usage.prompt_tokens - self.usage.cached_tokens) / self.first_token_seconds

    @property
    def decoding_speed(self) -> float:
        """Tokens a second after the first, which is the prompt's work. Raises Broken for an answer too short."""
        if self.usage.answer_tokens < 2 or self.decoding_seconds <= 0:
            raise Broken(f"an answer of {self.usage.answer_tokens} tokens is too short to measure")
        return (self.usage.answer_tokens - 1) / self.decoding_seconds


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured. No figure takes much longer than figure_seconds."""

    prompt_tokens: tuple[int, ...] = (128, 512, 2048)
    answer_tokens: int = 128
    clients: int = 4
    rounds: int = 5
    figure_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class PromptSpeed:
    prompt_tokens: int  # as the server counts them
    tokens_per_second: Figure
    first_token_seconds: Figure


@dataclass(frozen=True, slots=True)
class Report:
    prompts: tuple[PromptSpeed, ...]
    first_token_seconds: Figure  # of a short question
    decoding: Figure  # tokens a second of one client
    clients: int
    together: Figure  # tokens a second of all of them
    notes: tuple[str, ...] = ()


async def timed(speaker: Speaker, request: ChatRequest) -> Timing:
    """One answer by the clock. Raises what the speaker raises, and Broken for one without a word."""
    start, moments, usage = time.perf_counter(), [], Usage(0, 0)
    async for event in speaker.stream(request):
        if isinstance(event, TextDelta | ReasoningDelta):
            moments.append(time.perf_counter())
        elif isinstance(event, Done):
            usage = event.usage
    if not moments:
        raise Broken("the model answered without a word: there is nothing to measure")
    return Timing(moments[0] - start, moments[-1] - moments[0], usage)


def text_of(words: int, *, seed: int) -> str:
    """Words without sense that have no beginning in common with those of another seed."""
    chosen = random.Random(seed).choices(WORDS.split(), k=words)
    return f"{seed}: {' '.join(chosen)}"


@dataclass
class Measuring:
    """Measures one model.

    progress  told what is measured now
    """

    speaker: Speaker
    model: str
    effort: Effort
    progress: Callable[[str], None]
    _notes: list[str] = field(default_factory=list)
    _seed: int = field(default_factory=lambda: random.randrange(1 << 30))  # unlike those of an earlier run

    async def run(self) -> Report:
        self.progress("warming up")
        await timed(self.speaker, self._question(STORY, WARM_UP_TOKENS))
        prompts = await self._prompts()
        self.progress("writing, one client")
        alone = await self._rounds(self._alone)
        self.progress(f"writing, {self.effort.clients} clients")
        together = await self._rounds(self._together)
        return Report(
            prompts=tuple(prompts),
            first_token_seconds=Figure(tuple(t.first_token_seconds for t in alone)),
            decoding=Figure(tuple(t.decoding_speed for t in alone)),
            clients=self.effort.clients,
            together=Figure(tuple(together)),
            notes=tuple(self._notes),
        )

    async def _prompts(self) -> list[PromptSpeed]:
        self.progress("reading, a trial")
        trial = await timed(self.speaker, self._unseen(TRIAL_WORDS))
        tokens_per_word = (trial.usage.prompt_tokens or TRIAL_WORDS) / TRIAL_WORDS
        speed = trial.prompt_speed
        found: list[PromptSpeed] = []
        for length in self.effort.prompt_tokens:
            if speed > 0 and length / speed > self.effort.figure_seconds:
                self._notes.append(f"a prompt of {length} tokens was left out: about {length / speed:.0f} s each time")
                break
            self.progress(f"reading, {length} tokens")
            words = max(1, round(length / tokens_per_word))
            try:
                timings = await self._rounds(lambda words=words: timed(self.speaker, self._unseen(words)))  # type: ignore[misc]
            except BadInput as error:  # longer than its context
                self._notes.append(f"a prompt of {length} tokens was refused: {error.message}")
                break
            found.append(_prompt_speed(timings))
            speed = found[-1].tokens_per_second.median
        return found

    async def _alone(self) -> Timing:
        return await timed(self.speaker, self._question(STORY, self.effort.answer_tokens))

    async def _together(self) -> float:
        start = time.perf_counter()
        questions = [
            self._question(f"{STORY} Its number is {number}.", self.effort.answer_tokens)
            for number in range(self.effort.clients)
        ]
        answers = await asyncio.gather(*(timed(self.speaker, question) for question in questions))
        return sum(answer.usage.answer_tokens for answer in answers) / (time.perf_counter() - start)

    async def _rounds(self, once: Callable[[], Awaitable[T]]) -> list[T]:
        start = time.perf_counter()
        found: list[T] = []
        while len(found) < self.effort.rounds:
            if len(found) >= LEAST_ROUNDS and time.perf_counter() - start > self.effort.figure_seconds:
                break
            found.append(await once())
        return found

    def _unseen(self, words: int) -> ChatRequest:
        self._seed += 1
        return self._question(text_of(words, seed=self._seed), 1)

    def _question(self, text: str, tokens: int) -> ChatRequest:
        return ChatRequest(self.model, (Message("user", text),), EXACT, max_tokens=tokens)


def _prompt_speed(timings: list[Timing]) -> PromptSpeed:
    return PromptSpeed(
        prompt_tokens=round(statistics.median(t.usage.prompt_tokens for t in timings)),
        tokens_per_second=Figure(tuple(t.prompt_speed for t in timings)),
        first_token_seconds=Figure(tuple(t.first_token_seconds for t in timings)),
    )
