"""What every engine is, whether its model runs here, in a worker elsewhere or in the cloud."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from domov.types import ChatRequest, Event


@dataclass(frozen=True, slots=True)
class Abilities:
    context_tokens: int
    local: bool  # nothing that it is sent leaves this machine


class Engine(Protocol):
    """Runs one model.

    A stream is zero or more deltas and then one Done; or it raises a DomovError. Closing the iterator stops the
    work within a token or two. After WorkerDied the next call starts afresh.
    """

    async def start(self) -> Abilities:
        """Makes the model ready, if it is not. Raises WorkerDied, BadModelFile or EngineUnavailable."""
        ...

    def stream(self, request: ChatRequest) -> AsyncIterator[Event]:
        """The answer, as it is made. Raises ContextOverflow, BadRequest, and what `start` raises."""
        ...

    async def close(self) -> None:
        """Ends everything that belongs to it. It may be started again."""
        ...
