"""A worker that is up: one HTTP session to it, its slots, and the ways to ask it something."""

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import aiohttp

from domov.engine.adapting import Adapting, Threads
from domov.engine.fill import Marks
from domov.engine.launch import Endpoint, Launch
from domov.engine.paced import CONNECT_SECONDS, posted
from domov.engine.process import WorkerProcess
from domov.engine.slots import Slots
from domov.engine.states import States
from domov.engine.traits import Traits, read_traits
from domov.engine.wire_errors import error_of, from_json, to_json
from domov.errors import Broken
from domov.types import Done, Event, Incident, Overflow, Progress, pieces_of

ORDER_SECONDS = 120  # for an order that is carried out at once, the saving of a large cache to a slow disk included
LAST_PIECES = 8  # of an answer whose length is known, that are read as they come
GOODBYE_SECONDS = 30  # for all the slots of a worker that is to end
NO_LIMIT = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS)
Response = aiohttp.ClientResponse


@dataclass(frozen=True, slots=True)
class Care:
    """How a gateway looks after the worker of one model.

    queue            requests that may wait for a slot
    overflow         what to do with a conversation that outgrows the context, where a request does not say
    silence_seconds  after so long a worker that should stream is given up; busy ones send a sign every few seconds
    states           where attention caches are kept; None: nowhere
    adapting         who decides on its threads while it calculates; None: nobody
    happened         is told what happens beside the answers
    """

    queue: int = 64
    overflow: Overflow = "drop_oldest"
    silence_seconds: float = 60.0
    states: States | None = None
    adapting: Adapting | None = None
    happened: Callable[[Incident], None] = lambda what: None


class Reader(Protocol):
    """Turns the bytes of a streamed answer into events. Raises what an error among them means."""

    def feed(self, received: bytes) -> Iterator[Event]: ...


class Connection:
    """Lives as long as its worker. Raises aiohttp's errors where that ends; the engine says what they mean."""

    def __init__(self, worker: WorkerProcess, launch: Launch, care: Care) -> None:
        self.worker, self.model, self._adapting = worker, Path(launch.model), care.adapting
        self.lost = False  # it has ended by itself
        self._silence_seconds = care.silence_seconds
        self._session = _session(worker.endpoint)
        self.traits = Traits(launch.context_tokens, launch.slots)  # until the worker has been asked
        self.gap_marks: tuple[Marks | None] | None = None  # None: not looked up yet; see `answer`
        self.slots = Slots(
            launch.slots,
            self.order,
            queue=care.queue,
            context_tokens=launch.context_tokens,
            states=care.states if launch.slot_save_path else None,
            happened=care.happened,
        )
        if self._adapting is not None:
            most = Threads(launch.threads, launch.options.batch_threads or launch.threads)
            self._adapting.join(worker, most=most)

    def _calculating(self) -> AbstractContextManager[None]:
        """While the worker has something to calculate."""
        return self._adapting.calculating(self.worker) if self._adapting else nullcontext()

    async def learn(self) -> None:
        """Asks the worker what its model can do. Raises Broken for an answer that makes no sense."""
        props, models, adapters = [await self._get(path) for path in ("/props", "/v1/models", "/lora-adapters")]
        try:
            self.traits = read_traits(props, models, adapters)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise Broken(f"the worker did not say what its model can do: {error}") from error

    async def _get(self, path: str) -> Any:
        async with self._session.get(path, timeout=aiohttp.ClientTimeout(total=ORDER_SECONDS)) as response:
            return from_json(await response.read())

    def _post(self, path: str, body: bytes, limit: aiohttp.ClientTimeout) -> AbstractAsyncContextManager[Response]:
        if self._session.closed:  # another request found the worker dead, between two calls of this one
            raise ConnectionError("the worker has ended")
        return self._session.post(path, data=body, timeout=limit)

    async def events(self, path: str, fields: Mapping[str, Any], reader: Reader) -> AsyncIterator[Event]:
        """What a streamed answer says. Raises what its errors mean, and BadRequest for fields that JSON can't hold."""
        body = to_json(fields)
        with self._calculating():
            async with posted(self.worker.endpoint, path, body, silence_seconds=self._silence_seconds) as answer:
                if answer.status != 200:
                    raise error_of(from_json(await answer.read()))
                pieces, most = 0, _most_pieces(fields)
                async for received in answer.pieces():
                    for event in reader.feed(received):
                        yield event
                        pieces += pieces_of(event)
                        answer.flows = pieces < most and not isinstance(event, Done | Progress)

    async def ask(self, path: str, fields: Mapping[str, Any]) -> Any:
        """The answer to a question that takes as long as it takes. Raises as `events` does."""
        body = to_json(fields)
        with self._calculating():
            async with self._post(path, body, NO_LIMIT) as response:
                answer = from_json(await response.read())
                if response.status != 200:
                    raise error_of(answer)
                return answer

    async def order(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The answer to an order that takes no time to speak of.

        Raises what its error means, and ConnectionError where the worker does not answer.
        """
        limit = aiohttp.ClientTimeout(total=ORDER_SECONDS)
        try:
            async with self._post(path, to_json(body), limit) as response:
                answer: dict[str, Any] = from_json(await response.read())
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ConnectionError(f"the worker does not answer: {error}") from error
        if response.status != 200:
            raise error_of(answer)
        return answer

    async def close(self) -> None:
        """Ends the worker; what its slots hold is kept first, unless it does not answer for GOODBYE_SECONDS."""
        try:
            if self.worker.alive:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.slots.save_all(), GOODBYE_SECONDS)
        finally:
            await self.drop()

    async def drop(self) -> None:
        """Ends the worker at once."""
        self.slots.close()
        if self._adapting is not None:
            self._adapting.leave(self.worker)
        try:
            await self._session.close()
        finally:
            await self.worker.end()


def _most_pieces(fields: Mapping[str, Any]) -> float:
    """Up to which piece of an answer there is no hurry: its end, where it is known, should not be late."""
    tokens = fields.get("n_predict", fields.get("max_tokens"))
    return tokens - LAST_PIECES if isinstance(tokens, int) and tokens > 0 else math.inf


def _session(endpoint: Endpoint) -> aiohttp.ClientSession:
    # llama-server closes a connection after a streamed answer: never keep one.
    connector: aiohttp.BaseConnector
    if endpoint.socket:
        base, connector = "http://worker", aiohttp.UnixConnector(endpoint.socket, force_close=True, limit=0)
    else:
        base, connector = f"http://127.0.0.1:{endpoint.port}", aiohttp.TCPConnector(force_close=True, limit=0)
    return aiohttp.ClientSession(
        base_url=base,
        connector=connector,
        timeout=NO_LIMIT,
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {endpoint.key}"},
    )
