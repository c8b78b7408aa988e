"""Answers under way: each a task of the server, whoever listens. Kept about every second, and told as events.

An event's number counts the pieces of the text so far; who asks for those after a number gets all since in one piece.
What ends without its end being kept (a full disk) stays here, so that it can still be read.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace

from domov.chats.records import Status, Table, Turn
from domov.chats.turns import Turns
from domov.errors import DomovError
from domov.meter.tariff import Tariff
from domov.types import Done, Event, Progress, ReasoningDelta, TextDelta, Token, Usage

WRITE_SECONDS = 1.0
SILENCE_SECONDS = 15.0  # then those who listen are told that nothing has happened

# An answer as it is made: an engine's events, and tables of what is to stand in the turn's `about`. A table with
# `progress` is what is done now and is not kept.
Made = AsyncGenerator[Event | Table, None]


@dataclass
class Live:
    """One answer under way."""

    turn: Turn  # as it was when it began
    keep: Turns
    tariff: Tariff = Tariff()
    clock: Callable[[], float] = time.monotonic
    pieces: list[tuple[str, str]] = field(default_factory=list)  # text or reasoning, and some of it
    tokens: list[Token] = field(default_factory=list)  # where figures were asked for
    about: Table = field(default_factory=dict)
    progress: Table | None = None
    usage: Usage | None = None
    joules: float | None = None
    made: int = 0  # pieces that the model has made for this task
    ending: Status = "stopped"  # what it is when it is cancelled
    closing: bool = False  # all is made: its end is being kept
    ended: Turn | None = None

    def __post_init__(self) -> None:
        self.start_seconds = self.clock()
        self.first_seconds: float | None = None
        self.last_seconds = self.start_seconds
        self.written = 0  # pieces that are kept
        self.task: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        for kind, text in (("reasoning", self.turn.reasoning), ("text", self.turn.content)):
            if text:
                self.pieces.append((kind, text))

    def take(self, event: Event | Table) -> None:
        if isinstance(event, TextDelta):
            self._add("text", event)
            self.tokens += event.tokens
        elif isinstance(event, ReasoningDelta):
            self._add("reasoning", event)
        elif isinstance(event, Progress):
            self.progress = {"stage": "reading", "fraction": event.read_tokens / max(1, event.total_tokens)}
        elif isinstance(event, Done):
            self.usage = event.usage
            if event.usage.joules is not None:
                self.joules = (self.joules or 0.0) + event.usage.joules
            self.about["finish_reason"] = event.reason
            if event.dropped:
                self.about["dropped"] = event.dropped
        elif isinstance(event, dict):
            if "progress" in event:
                self.progress = event["progress"]
                self.start_seconds = self.clock()  # waiting and loading are no speed
            else:
                self.about |= event
        self.wake()

    def _add(self, kind: str, event: TextDelta | ReasoningDelta) -> None:
        self.pieces.append((kind, event.text))
        self.made += event.pieces
        self.last_seconds = self.clock()
        if self.first_seconds is None:
            self.first_seconds, self.progress = self.last_seconds - self.start_seconds, None

    def wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def text(self, kind: str) -> str:
        return "".join(text for each, text in self.pieces if each == kind)

    def now(self) -> Turn:
        """The turn as it is by now."""
        if self.ended:
            return self.ended
        return replace(self.turn, content=self.text("text"), reasoning=self.text("reasoning"))

    def table(self) -> Table:
        """As it is told: with the number of the last event whose text is in it."""
        told = {"seq": len(self.pieces), "progress": self.progress} if self.ended is None else {}
        return self.now().table() | told

    async def events(self, after: int) -> AsyncIterator[Table]:
        """What comes after an event's number, until the end of the answer; an empty table in long pauses."""
        progress: Table | None = None
        while True:
            changed = self._changed
            for table in merged(self.pieces, after):
                yield table
            after = max(after, len(self.pieces))
            if self.ended:
                return
            if self.progress and self.progress != progress:
                progress = dict(self.progress)
                yield {"seq": after, "progress": progress}
            try:
                async with asyncio.timeout(SILENCE_SECONDS):
                    await changed.wait()
            except TimeoutError:
                yield {}

    def stats(self) -> Table | None:
        """The figures of the answer. Of one that was cut short the engine tells none: what was seen is."""
        if self.first_seconds is None and self.usage is None:
            return None
        seconds = self.last_seconds - self.start_seconds - (self.first_seconds or 0.0)
        seen = {
            "prompt_tokens": None,
            "cached_tokens": None,
            "answer_tokens": self.made,
            "tokens_per_second": (self.made - 1) / seconds if self.made > 1 and seconds > 0 else None,
        }
        told: Table = {}
        if self.usage:
            speed = self.usage.answer_tokens_per_second
            told = {
                "prompt_tokens": self.usage.prompt_tokens,
                "cached_tokens": self.usage.cached_tokens,
                "answer_tokens": self.usage.answer_tokens,
                "tokens_per_second": speed or None,
            }
        energy = {"estimated": self.tariff.estimated, "currency": self.tariff.currency}
        return seen | told | {"first_token_seconds": self.first_seconds, **self.tariff.told(self.joules), **energy}


def figure(token: Token) -> Table:
    """How likely a token was, and what else could have stood there, likeliest first."""
    others = [{"text": other.text, "logprob": _finite(other.logprob)} for other in token.alternatives]
    return {"text": token.text, "logprob": _finite(token.logprob), "alternatives": others}


def _finite(logprob: float) -> float:
    """JSON has no infinity."""
    return max(logprob, -1000.0)


def merged(pieces: list[tuple[str, str]], after: int) -> list[Table]:
    """The pieces after a number, neighbours of one kind as one event."""
    events: list[Table] = []
    for seq, (kind, text) in enumerate(pieces[after:], after + 1):
        if events and kind in events[-1]:
            events[-1]["parts"].append(text)
            events[-1]["seq"] = seq
        else:
            events.append({"seq": seq, kind: "", "parts": [text]})
    for event in events:
        kind = "text" if "text" in event else "reasoning"
        event[kind] = "".join(event.pop("parts"))
    return events


Then = Callable[[Live], None]


def nothing(live: Live) -> None:
    """What follows an answer that nothing follows."""


class Answering:
    """The answers of one server."""

    def __init__(
        self,
        tariff: Callable[[], Tariff] = Tariff,
        *,
        write_seconds: float = WRITE_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._tariff, self._write_seconds, self._clock = tariff, write_seconds, clock
        self._live: dict[str, Live] = {}

    def begin(self, keep: Turns, turn: Turn, made: Made, *, then: Then = nothing) -> Live:
        """Has an answer be made into a turn that is kept already; `then` is told when it has ended.

        What the caller of this may do holds for all of it: see `access.callers`.
        """
        live = Live(turn, keep, self._tariff())
        self._live[turn.id] = live
        live.task = asyncio.ensure_future(self._run(live, made, then))
        return live

    def of(self, turn: Turn) -> Live | None:
        return self._live.get(turn.id)

    def all(self) -> dict[str, Live]:
        """Those under way, by their turns. Taken before the turns are read, it has all that end meanwhile."""
        return dict(self._live)

    def running(self, chat: str) -> list[Live]:
        return [live for live in self._live.values() if live.turn.chat == chat and live.ended is None]

    async def stop(self, live: Live, ending: Status = "stopped") -> None:
        """Ends an answer; its text so far is kept."""
        if live.task and live.ended is None:
            live.ending = ending
            if not live.closing:
                live.task.cancel()
            await asyncio.gather(live.task, return_exceptions=True)
            if live.ended is None:  # it had not even begun
                await self._end(live, ending)

    async def close(self) -> None:
        """Ends all answers, with their texts kept: the server goes."""
        await asyncio.gather(*(self.stop(live, "interrupted") for live in list(self._live.values())))

    async def _run(self, live: Live, made: Made, then: Then) -> None:
        writing = asyncio.ensure_future(self._write_on(live))
        status: Status = "done"
        try:
            async with aclosing(made):
                async for event in made:
                    live.take(event)
        except asyncio.CancelledError:
            status = live.ending
        except DomovError as error:
            status = "failed"
            live.about["error"] = {"message": error.message, "hint": error.hint}
        except Exception as error:  # noqa: BLE001 - the boundary of a task that nobody waits for
            status = "failed"
            live.about["error"] = {"message": f"Domov failed: {type(error).__name__}", "hint": "its log says more"}
            told = {"message": "an answer of a chat failed", "exception": error}
            asyncio.get_running_loop().call_exception_handler(told)
        live.closing = True
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        await self._end(live, status)
        then(live)

    async def _end(self, live: Live, status: Status) -> None:
        about = live.turn.about | live.about
        if stats := live.stats():
            about["stats"] = stats
        about = settled(about, live.usage)
        ended = replace(live.now(), status=status, about=about)
        try:
            await asyncio.to_thread(live.keep.change, ended, moment=self._clock())
            if live.tokens:
                await asyncio.to_thread(live.keep.keep_figures, ended, [figure(token) for token in live.tokens])
            del self._live[live.turn.id]
        except DomovError as error:
            ended.about["error"] = {"message": f"this answer is not kept: {error.message}", "hint": error.hint}
        live.ended = ended
        live.wake()

    async def _write_on(self, live: Live) -> None:
        """Keeps what there is, again and again."""
        while True:
            await asyncio.sleep(self._write_seconds)
            if len(live.pieces) > live.written:
                live.written = len(live.pieces)
                with suppress(DomovError):  # a disk that is full, or a database that is busy: once more later
                    await asyncio.to_thread(live.keep.change, live.now())


def settled(about: Table, usage: Usage | None) -> Table:
    """What is kept of an answer, from what was told while it was made: how full the context is, what was left out."""
    kept = {name: value for name, value in about.items() if name not in ("size_tokens", "dropped", "turns")}
    if usage and "size_tokens" in about:
        used = usage.prompt_tokens + usage.answer_tokens
        kept["context"] = {"used_tokens": used, "size_tokens": about["size_tokens"]}
    if "dropped" in about:
        turns = about.get("turns", ())
        dropped = [turn for place in about["dropped"].messages if place < len(turns) for turn in turns[place]]
        kept["overflow"] = {"policy": about["dropped"].policy, "messages": dropped}
    return kept
