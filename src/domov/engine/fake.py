"""An engine without a model, for tests: of Domov, and of programs that use it.

It answers with the words of the last message, each with the spaces before it, one at a time, and obeys what it is
asked: max_tokens, stop, banned texts, log-probabilities, the size of its context. A word counts as a token. Where a
tool must be called it calls the first one allowed, without arguments.
"""

import asyncio
import math
import re
import zlib
from collections.abc import AsyncIterator, Sequence
from itertools import islice

from domov.engine.protocol import Abilities
from domov.engine.traits import Traits
from domov.engine.wire_chat import chat_fields
from domov.engine.wire_completion import completion_fields
from domov.engine.wire_errors import to_json
from domov.engine.wire_tools import allowed_tools
from domov.engine.wire_vectors import embedding_fields, ranking_fields
from domov.errors import BadRequest, ContextOverflow
from domov.types import (
    ChatRequest,
    CompletionRequest,
    Done,
    Embeddings,
    Event,
    Progress,
    Ranking,
    StopReason,
    TextDelta,
    Token,
    ToolCallDelta,
    Usage,
)


class FakeEngine:
    def __init__(self, *, context_tokens: int = 1024, seconds_per_token: float = 0.0) -> None:
        self.context_tokens, self.seconds_per_token = context_tokens, seconds_per_token
        self.running = 0  # answers under way

    async def start(self) -> Abilities:
        return Abilities(self.context_tokens, local=True, slots=1 << 16, embeds=True, reranks=True)

    async def stream(self, request: ChatRequest | CompletionRequest) -> AsyncIterator[Event]:
        _check(request, Traits(self.context_tokens))
        prompt = len(_texts(request).split())
        if prompt > self.context_tokens:
            raise ContextOverflow(prompt_tokens=prompt, context_tokens=self.context_tokens)
        if request.progress:
            yield Progress(prompt, prompt, 0)
        usage = Usage(prompt, 0)
        if isinstance(request, ChatRequest) and request.tool_choice != "auto" and (tools := allowed_tools(request)):
            yield ToolCallDelta(0, "call_0", tools[0].name, "{}")
            yield Done("tool_calls", usage)
            return
        words, reason, stop_text = _answer(request, self.context_tokens - prompt)
        self.running += 1
        try:
            for word in words:
                await asyncio.sleep(self.seconds_per_token)
                yield TextDelta(word, () if request.top_logprobs is None else (_token(word, request.top_logprobs),))
        finally:
            self.running -= 1
        seconds = self.seconds_per_token * len(words)
        yield Done(reason, Usage(prompt, len(words), answer_seconds=seconds), stop_text=stop_text)

    async def embed(self, texts: Sequence[str | tuple[int, ...]]) -> Embeddings:
        """Unit vectors in the plane: the same text, the same direction."""
        embedding_fields(texts, Traits(self.context_tokens))
        lengths = [len(text.split()) if isinstance(text, str) else len(text) for text in texts]
        angles = [float(zlib.crc32(repr(text).encode())) for text in texts]
        return Embeddings(tuple((math.cos(a), math.sin(a)) for a in angles), sum(lengths))

    async def rerank(self, query: str, documents: Sequence[str]) -> Ranking:
        """The share of the query's words that a document has."""
        ranking_fields(query, documents)
        words = set(query.split())
        scores = tuple(len(words & set(d.split())) / max(1, len(words)) for d in documents)
        return Ranking(scores, sum(len(d.split()) for d in documents))

    async def tokenize(self, text: str, *, special: bool = False, first: bool = False) -> tuple[int, ...]:
        """A number for each character."""
        return tuple(map(ord, text))

    async def detokenize(self, tokens: Sequence[int]) -> str:
        try:
            return "".join(map(chr, tokens))
        except (ValueError, OverflowError) as error:
            raise BadRequest("no such token") from error

    async def render(self, request: ChatRequest) -> str:
        return "".join(f"{m.role}: {m.text}\n" for m in request.messages)

    async def close(self) -> None:
        return None


def _check(request: ChatRequest | CompletionRequest, traits: Traits) -> None:
    """Refuses what the real engine refuses."""
    if isinstance(request, ChatRequest):
        to_json(chat_fields(request, traits))
        return
    to_json(completion_fields(request, traits))
    if request.suffix is not None:
        raise BadRequest("the fake engine fills no gaps")


def _last_text(request: ChatRequest | CompletionRequest) -> str:
    return request.messages[-1].text if isinstance(request, ChatRequest) else _texts(request)


def _texts(request: ChatRequest | CompletionRequest) -> str:
    if isinstance(request, ChatRequest):
        return " ".join(message.text for message in request.messages)
    return request.prompt if isinstance(request.prompt, str) else " ".join(map(str, request.prompt))


def _answer(request: ChatRequest | CompletionRequest, room: int) -> tuple[list[str], StopReason, str | None]:
    text = "{}" if request.json_schema is not None else _last_text(request)
    if any(request.sampling.banned_texts):
        text = re.sub("|".join(map(re.escape, request.sampling.banned_texts)), "", text, flags=re.IGNORECASE)
    first = min((stop for stop in request.stop if stop and stop in text), key=text.index, default=None)
    words = re.findall(r"\s*\S+", (text.partition(first)[0] if first else text).strip())
    most = min(room, len(words) if request.max_tokens is None else request.max_tokens)
    if len(words) > most:
        return words[:most], "length", None
    return words, "stop", first


def _token(text: str, alternatives: int) -> Token:
    """A token as sure as can be, and others that are not."""
    others = tuple(Token(f"{text}{n}", n, -float(n), f"{text}{n}".encode()) for n in islice(range(30), alternatives))
    return Token(text, 0, 0.0, text.encode(), others)
