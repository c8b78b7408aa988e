"""An engine without a model, for tests: of Domov, and of programs that use it.

It answers with the words of the last message, one at a time, and obeys what it is asked: max_tokens, stop, and
the size of its context. A word counts as a token.
"""

import asyncio
import math
import zlib
from collections.abc import AsyncIterator, Sequence

from domov.engine.protocol import Abilities
from domov.errors import BadRequest, ContextOverflow
from domov.types import (
    ChatRequest,
    CompletionRequest,
    Done,
    Embeddings,
    Event,
    Ranking,
    StopReason,
    TextDelta,
    Usage,
)


class FakeEngine:
    def __init__(self, *, context_tokens: int = 1024, seconds_per_token: float = 0.0) -> None:
        self.context_tokens, self.seconds_per_token = context_tokens, seconds_per_token
        self.running = 0  # answers under way

    async def start(self) -> Abilities:
        return Abilities(self.context_tokens, local=True, slots=1 << 16, embeds=True, reranks=True)

    async def stream(self, request: ChatRequest | CompletionRequest) -> AsyncIterator[Event]:
        if isinstance(request, ChatRequest) and not request.messages:
            raise BadRequest("there are no messages")
        prompt = len(_texts(request).split())
        if prompt > self.context_tokens:
            raise ContextOverflow(prompt_tokens=prompt, context_tokens=self.context_tokens)
        words, reason = _answer(request, self.context_tokens - prompt)
        self.running += 1
        try:
            for number, word in enumerate(words):
                await asyncio.sleep(self.seconds_per_token)
                yield TextDelta(word if number == 0 else f" {word}")
        finally:
            self.running -= 1
        yield Done(reason, Usage(prompt, len(words), answer_seconds=self.seconds_per_token * len(words)))

    async def embed(self, texts: Sequence[str | tuple[int, ...]]) -> Embeddings:
        """Unit vectors in the plane: the same text, the same direction."""
        lengths = [len(text.split()) if isinstance(text, str) else len(text) for text in texts]
        angles = [float(zlib.crc32(repr(text).encode())) for text in texts]
        return Embeddings(tuple((math.cos(a), math.sin(a)) for a in angles), sum(lengths))

    async def rerank(self, query: str, documents: Sequence[str]) -> Ranking:
        """The share of the query's words that a document has."""
        words = set(query.split())
        scores = tuple(len(words & set(d.split())) / max(1, len(words)) for d in documents)
        return Ranking(scores, sum(len(d.split()) for d in documents))

    async def close(self) -> None:
        return None


def _last_text(request: ChatRequest | CompletionRequest) -> str:
    return request.messages[-1].text if isinstance(request, ChatRequest) else _texts(request)


def _texts(request: ChatRequest | CompletionRequest) -> str:
    if isinstance(request, ChatRequest):
        return " ".join(message.text for message in request.messages)
    return request.prompt if isinstance(request.prompt, str) else " ".join(map(str, request.prompt))


def _answer(request: ChatRequest | CompletionRequest, room: int) -> tuple[list[str], StopReason]:
    text = "{}" if request.json_schema is not None else _last_text(request)
    for stop in request.stop:
        text = text.partition(stop)[0]
    words = text.split()
    most = min(room, len(words) if request.max_tokens is None else request.max_tokens)
    return words[:most], "length" if len(words) > most else "stop"
