"""An engine without a model, for tests: of Domov, and of programs that use it.

It answers with the words of the last message, one at a time, and obeys what it is asked: max_tokens, stop, and
the size of its context. A word counts as a token.
"""

import asyncio
from collections.abc import AsyncIterator

from domov.engine.protocol import Abilities
from domov.errors import BadRequest, ContextOverflow
from domov.types import ChatRequest, Done, Event, StopReason, TextDelta, Usage


class FakeEngine:
    def __init__(self, *, context_tokens: int = 1024, seconds_per_token: float = 0.0) -> None:
        self.context_tokens, self.seconds_per_token = context_tokens, seconds_per_token
        self.running = 0  # answers under way

    async def start(self) -> Abilities:
        return Abilities(self.context_tokens, local=True)

    async def stream(self, request: ChatRequest) -> AsyncIterator[Event]:
        if not request.messages:
            raise BadRequest("there are no messages")
        prompt = sum(len(message.text.split()) for message in request.messages)
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

    async def close(self) -> None:
        return None


def _answer(request: ChatRequest, room: int) -> tuple[list[str], StopReason]:
    text = "{}" if request.json_schema is not None else request.messages[-1].text
    for stop in request.stop:
        text = text.partition(stop)[0]
    words = text.split()
    most = min(room, len(words) if request.max_tokens is None else request.max_tokens)
    return words[:most], "length" if len(words) > most else "stop"
