"""Asks an engine and gives its answer line by line or whole, the model held in memory until the last figure is told."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

from domov.api.answers import Collected
from domov.api.ollama.bodies import GenerateBody, decode_templated
from domov.api.ollama.fields import shared_fields
from domov.api.ollama.replies import Reply, line
from domov.engine.scheduler import Scheduled
from domov.engine.thoughts import OPEN, Thoughts
from domov.errors import BadRequest
from domov.types import ChatRequest, CompletionRequest, Done, Event, Message, TextDelta

Ending = Callable[[Collected], Awaitable[dict[str, Any]]]  # what the last line of an answer has beside its figures


async def nothing_more(_: Collected) -> dict[str, Any]:
    return {}


@dataclass(frozen=True)
class Asked:
    """One request on its way to an answer. thoughts: where the engine does not tell them from the answer."""

    engine: Scheduled
    request: ChatRequest | CompletionRequest
    reply: Reply
    ending: Ending = nothing_more
    thoughts: Thoughts | None = None

    async def lines(self) -> AsyncGenerator[bytes, None]:
        answer = Collected()
        async with self.engine.ready() as self.reply.load_seconds, aclosing(self._events()) as events:
            async for event in events:
                answer.add(event)
                for table in self.reply.tables(event):
                    yield line(table | await self.ending(answer) if table["done"] else table)

    async def whole(self) -> dict[str, Any]:
        answer = Collected()
        async with self.engine.ready() as self.reply.load_seconds, aclosing(self._events()) as events:
            async for event in events:
                answer.add(event)
            return self.reply.whole(answer) | await self.ending(answer)

    async def _events(self) -> AsyncGenerator[Event, None]:
        async with aclosing(self.engine.stream(self.request)) as events:  # type: ignore[type-var]
            async for event in _parted(events, self.thoughts) if self.thoughts else events:
                yield event


async def _parted(events: AsyncIterator[Event], thoughts: Thoughts) -> AsyncIterator[Event]:
    async for event in events:
        if isinstance(event, Done):
            for held in thoughts.end():
                yield held
        for part in thoughts.feed(event) if isinstance(event, TextDelta) else (event,):
            yield part


def templated(engine: Scheduled, body: GenerateBody, reply: Reply) -> Asked:
    """A first prompt. The answer ends with `context`: the tokens of prompt and answer, for the next one."""
    request = decode_templated(body)

    async def ending(answer: Collected) -> dict[str, Any]:
        said = Message("assistant", answer.text, reasoning=answer.reasoning)
        more = {"messages": (*request.messages, said), "continue_last": True} if answer.text else {}
        rendered = await engine.render(replace(request, **more))  # type: ignore[arg-type]
        return {"context": list(await engine.tokenize(rendered, special=True, first=True))}

    return Asked(engine, request, reply, nothing_more if body.images else ending)


async def continued(engine: Scheduled, body: GenerateBody, reply: Reply, *, thinks: bool) -> Asked:
    """A prompt after the tokens of an earlier prompt and answer. Raises BadRequest."""
    chat = decode_templated(body)
    if body.images:
        raise BadRequest("images don't go together with context", hint="use /api/chat")
    if thinks and body.format:
        if body.think:
            raise BadRequest("think and format don't go together with context", hint="use /api/chat")
        chat = replace(chat, thinking=False)
    rendered = await engine.render(chat)
    prompt = (*(body.context or ()), *await engine.tokenize(rendered, special=True))

    async def ending(answer: Collected) -> dict[str, Any]:
        return {"context": [*prompt, *await engine.tokenize(answer.text, special=True)]}

    request = CompletionRequest(body.model, prompt, **shared_fields(body))
    marks = thinks and chat.thinking is not False and (OPEN in rendered or body.think)
    return Asked(engine, request, reply, ending, Thoughts(rendered) if marks else None)
