"""Who uses which of a worker's slots, in what order, and what the worker has read in each.

A slot holds one conversation's attention cache. A request gets the free slot that shares the longest prefix with it;
where a saved state shares more, that is restored into the slot first, and what the slot held is saved before it is
lost. Interactive requests pass those of a batch, which also leave one slot free for them.
"""

import asyncio
import contextlib
import heapq
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from domov.engine.fill import asks_to_fill
from domov.engine.states import State, States, remove, shared_prefix
from domov.errors import Busy, DomovError
from domov.types import ChatRequest, CompletionRequest, Incident, Priority

# Shorter prefixes are read faster than they are looked after; about four characters are a token.
LEAST_CHARACTERS = 2048
GAIN_CHARACTERS = 1024
IDLE_SAVE_SECONDS = 20.0
FIRST_GUESS_SECONDS = 5.0

# Raises DomovError for what the worker refuses, ConnectionError where there is none any more.
Call = Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]


@dataclass
class Slot:
    number: int
    text: str = ""  # what the worker has read there, as `prefix_of` writes it
    conversation: str | None = None
    private: bool = False
    saved: bool = True
    used: int = 0  # grows with each use of any slot


@dataclass(order=True)
class Waiting:
    rank: int
    number: int
    turn: "asyncio.Future[None]" = field(compare=False)


class Slots:
    def __init__(
        self,
        count: int,
        call: Call,
        *,
        queue: int,
        context_tokens: int,
        states: States | None,
        happened: Callable[[Incident], None] = lambda what: None,
    ) -> None:
        """
        count           slots of the worker
        call            sends one order to the worker: path and body
        queue           requests that may wait; more are told to come back
        context_tokens  of one slot
        states          where states are kept; None: nowhere
        happened        is told of each state that is saved or restored
        """
        self._slots, self._call, self._queue = [Slot(n) for n in range(count)], call, queue
        self._states, self._context_tokens, self._happened = states, context_tokens, happened
        self._free = list(self._slots)
        self._promised = 0  # of the free ones, to requests whose turn has come
        self._waiting: list[Waiting] = []
        self._numbers = itertools.count(1)
        self._mean_seconds = FIRST_GUESS_SECONDS
        self._saving: asyncio.TimerHandle | None = None
        self._saves: set[asyncio.Task[None]] = set()

    @property
    def running(self) -> int:
        return len(self._slots) - len(self._free)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @asynccontextmanager
    async def take(self, request: ChatRequest | CompletionRequest) -> AsyncIterator[int]:
        """A slot for this request, for as long as it runs. Raises Busy where the queue is full."""
        # Suggestions come with every key: looking for a state and keeping one each time would cost more than it brings.
        text, fills = prefix_of(request), asks_to_fill(request)
        await self._turn(request.priority)
        slot = self._choose(text)
        self._free.remove(slot)
        self._promised -= 1
        start = time.monotonic()
        try:
            await self._prepare(slot, text, restores=not fills)
            slot.text, slot.saved, slot.used = text, fills, next(self._numbers)
            slot.conversation, slot.private = request.conversation, request.private
            yield slot.number
        except DomovError:  # refused: the slot holds something else
            slot.text, slot.saved = "", True
            raise
        finally:
            self._free.append(slot)
            self._mean_seconds += 0.2 * (time.monotonic() - start - self._mean_seconds)
            self._wake()
            self._save_when_idle()

    async def _turn(self, priority: Priority) -> None:
        """Waits until a slot is free for a request of this priority."""
        rank = 0 if priority == "interactive" else 1
        ahead = sum(waiting.rank <= rank for waiting in self._waiting)
        if not ahead and self._admits(rank):
            self._promised += 1
            return
        if ahead >= self._queue:
            seconds = max(1, round(self._mean_seconds * (1 + ahead / len(self._slots))))
            raise Busy(f"{ahead} requests are waiting already", retry_seconds=seconds)
        waiting = Waiting(rank, next(self._numbers), asyncio.get_running_loop().create_future())
        heapq.heappush(self._waiting, waiting)
        try:
            await waiting.turn
        except asyncio.CancelledError:
            if waiting in self._waiting:
                self._waiting.remove(waiting)
                heapq.heapify(self._waiting)
            elif not waiting.turn.cancelled():  # its turn had come: it passes to the next
                self._promised -= 1
                self._wake()
            raise

    def _admits(self, rank: int) -> bool:
        kept_free = 1 if rank and len(self._slots) > 1 else 0
        return len(self._free) - self._promised > kept_free

    def _wake(self) -> None:
        """Lets the first in the queue go if there is a slot for it."""
        while self._waiting and self._admits(self._waiting[0].rank):
            waiting = heapq.heappop(self._waiting)
            if not waiting.turn.done():
                self._promised += 1
                waiting.turn.set_result(None)

    def _choose(self, text: str) -> Slot:
        """The free slot unused for longest, unless another one saves more reading than it loses."""
        oldest = min(self._free, key=lambda s: s.used)
        nearest = max(self._free, key=lambda s: shared_prefix(s.text, text))
        shared = shared_prefix(nearest.text, text)
        gained, lost = shared - shared_prefix(oldest.text, text), len(nearest.text) - shared
        return nearest if gained > lost else oldest

    async def _prepare(self, slot: Slot, text: str, *, restores: bool) -> None:
        """Brings back what the worker has read of this text before, if that is more than the slot holds."""
        shared = shared_prefix(slot.text, text)
        if shared < len(slot.text):
            await _to_its_end(self._save(slot))  # the worker goes on with it, whoever leaves
        if self._states is None or not restores or len(text) < LEAST_CHARACTERS:
            return
        state, shared_with_state = self._states.nearest(text, most_tokens=self._context_tokens)
        if state is None or shared_with_state < shared + GAIN_CHARACTERS:
            return
        try:
            await self._call(f"/slots/{slot.number}?action=restore", {"filename": state.path.name})
        except DomovError:  # of another build after all, damaged, or gone meanwhile
            remove(state.path)
        else:
            self._states.touch(state)
            self._happened("state_restored")

    async def _save(self, slot: Slot) -> None:
        """Keeps what the slot holds, if it is worth it; a disk that has no room costs nothing but that."""
        if self._states is None or slot.saved or slot.private or len(slot.text) < LEAST_CHARACTERS:
            return
        slot.saved = True
        path = self._states.new_path()
        kept = False
        try:
            told = await self._call(f"/slots/{slot.number}?action=save", {"filename": path.name})
            if not slot.private:  # forgotten meanwhile
                self._states.keep(State(path, slot.text, int(told["n_saved"]), slot.conversation))
                kept = True
                self._happened("state_saved")
        except (DomovError, OSError, KeyError):
            pass
        finally:
            if not kept:
                remove(path)

    async def save_all(self) -> None:
        """Keeps what all idle slots hold."""
        for slot in list(self._free):
            if slot not in self._free or len(self._free) == self._promised:
                continue
            self._free.remove(slot)
            try:
                await self._save(slot)
            finally:
                self._free.append(slot)
                self._wake()

    async def forget(self, conversation: str) -> None:
        """Has the worker itself forget what it has read of a conversation; what runs or is being saved is not kept."""
        for slot in self._slots:
            if slot.conversation != conversation:
                continue
            if slot in self._free:
                slot.text, slot.conversation, slot.saved = "", None, True
                await self._call(f"/slots/{slot.number}?action=erase", {})
            else:
                slot.private = True

    def close(self) -> None:
        """Tells everybody who waits that this worker has ended."""
        if self._saving is not None:
            self._saving.cancel()
        for waiting in self._waiting:
            if not waiting.turn.done():
                waiting.turn.set_exception(ConnectionError("the worker has ended"))
        self._waiting.clear()

    def _save_when_idle(self) -> None:
        if self._saving is not None:
            self._saving.cancel()
        if self._states is not None:
            self._saving = asyncio.get_running_loop().call_later(IDLE_SAVE_SECONDS, self._start_saving)

    def _start_saving(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            task = asyncio.ensure_future(self.save_all())
            self._saves.add(task)
            task.add_done_callback(self._saves.discard)


async def _to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Waits for the work even where the waiting is cancelled; only then is it over."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    finally:
        if not task.done():
            await asyncio.wait([task])


def prefix_of(request: ChatRequest | CompletionRequest) -> str:
    """A text that is the start of another's where the one prompt is the start of the other.

    Everything that comes before the first message in a prompt, or changes what the model makes of it, comes first.
    """
    if isinstance(request, CompletionRequest):
        return f"{request.adapters!r}\n{request.context!r}\n{request.prompt!s}"
    words = [f"{request.adapters!r}{request.tools!r}{request.thinking!r}"]
    words += [
        f"\n{m.role}\n{m.text}{m.tool_calls!r}{[sha256(x.content).hexdigest() for x in m.media]}"
        for m in request.messages
    ]
    return "".join(words)
