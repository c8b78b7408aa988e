"""What every engine is, whether its model runs here, in a worker elsewhere or in the cloud."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from domov.types import ChatRequest, CompletionRequest, Embeddings, Event, Ranking


@dataclass(frozen=True, slots=True)
class Abilities:
    context_tokens: int  # of one conversation
    local: bool  # nothing that it is sent leaves this machine
    slots: int = 1  # conversations at the same time
    chats: bool = True
    embeds: bool = False
    reranks: bool = False
    sees: bool = False
    hears: bool = False


class Engine(Protocol):
    """Runs one model.

    A stream is zero or more deltas and then one Done; or it raises a DomovError. Closing the iterator stops the
    work within a token or two. After WorkerDied the next call starts afresh. What an engine is not able to do it
    refuses with BadRequest.
    """

    async def start(self) -> Abilities:
        """Makes the model ready, if it is not. Raises WorkerDied, BadModelFile or EngineUnavailable."""
        ...

    def stream(self, request: ChatRequest | CompletionRequest) -> AsyncIterator[Event]:
        """The answer, as it is made. Raises ContextOverflow, BadRequest, and what `start` raises."""
        ...

    async def embed(self, texts: Sequence[str | tuple[int, ...]]) -> Embeddings:
        """A vector for each text (or its token numbers), of unit length. Raises what `stream` raises."""
        ...

    async def rerank(self, query: str, documents: Sequence[str]) -> Ranking:
        """How well each document answers the query. Raises what `stream` raises."""
        ...

    async def close(self) -> None:
        """Ends everything that belongs to it. It may be started again."""
        ...


@runtime_checkable
class Tokenizer(Protocol):
    """What an engine with a model of its own can tell about that model's tokens."""

    async def tokenize(self, text: str, *, special: bool = False, first: bool = False) -> tuple[int, ...]:
        """The token numbers of a text.

        special  read `<|im_end|>` and its like as the tokens that they name
        first    with what the model wants at the start of every prompt
        """
        ...

    async def detokenize(self, tokens: Sequence[int]) -> str: ...

    async def render(self, request: ChatRequest) -> str:
        """The prompt that the model's template makes of the messages."""
        ...
