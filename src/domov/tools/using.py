"""A model that may use tools: what it asks for is shown to the user, done if they agree, and told to it.

Looks like an engine, so that whoever asks models can ask one with tools. What a tool gives back is data from outside:
it comes as a tool's message, never as the user's.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Protocol

from domov.engine.protocol import Abilities, Engine
from domov.errors import BadRequest
from domov.tools.calls import Call, Offered, Result, arguments_of, shortened
from domov.types import (
    ChatRequest,
    CompletionRequest,
    Done,
    Embeddings,
    Event,
    Message,
    Ranking,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    Usage,
)

MOST_ROUNDS = 8  # of calls in one answer; then it has to answer from what it knows
REFUSED = "The user does not allow this call."


class Tools(Protocol):
    """Where tools are called."""

    async def offered(self) -> Sequence[Offered]: ...

    async def call(self, call: Call) -> Result: ...


@dataclass(frozen=True)
class ToolUsing:
    """
    ask   whether a call may be made; asked for each one
    tell  is told of each call, and what came of it
    """

    engine: Engine
    tools: Tools
    ask: Callable[[Call], Awaitable[bool]]
    tell: Callable[[Call, Result], None] = lambda call, result: None

    async def start(self) -> Abilities:
        return await self.engine.start()

    async def embed(self, texts: Sequence[str | tuple[int, ...]]) -> Embeddings:
        return await self.engine.embed(texts)

    async def rerank(self, query: str, documents: Sequence[str]) -> Ranking:
        return await self.engine.rerank(query, documents)

    async def close(self) -> None:
        await self.engine.close()

    async def stream(self, request: ChatRequest | CompletionRequest) -> AsyncIterator[Event]:
        """The answer, calls of tools made on its way. Raises BadRequest for what tools can't be part of."""
        if not isinstance(request, ChatRequest) or request.tools or request.json_schema is not None or request.grammar:
            raise BadRequest("tools of the user's servers are for chats without other tools, a schema or a grammar")
        known = {offered.tool.name: offered for offered in await self.tools.offered()}
        usage = Usage(0, 0)
        for left in reversed(range(MOST_ROUNDS + 1)):
            turn = _Turn()
            tools = tuple(offered.tool for offered in known.values())
            asked = replace(request, tools=tools, tool_choice="auto" if left else "none")
            async with aclosing(self.engine.stream(asked)) as events:  # type: ignore[type-var]
                async for event in events:
                    if (shown := turn.take(event)) is not None:
                        yield shown
            assert turn.done is not None
            usage = added(usage, turn.done.usage)
            calls = turn.calls if left else ()
            if not calls:
                yield replace(turn.done, usage=usage, reason="stop" if turn.calls else turn.done.reason)
                return
            results = [Message("tool", (await self._result(c, known)).text, tool_call_id=c.id) for c in calls]
            request = replace(request, messages=(*request.messages, Message("assistant", turn.text, calls), *results))

    async def _result(self, asked: ToolCall, known: dict[str, Offered]) -> Result:
        """What the model is told of its call, made or not."""
        offered, arguments = known.get(asked.name), arguments_of(asked.arguments)
        if offered is None or arguments is None:
            wrong = f"there is no tool {asked.name}" if offered is None else "the arguments are no JSON object"
            return Result(f"Error: {wrong}", failed=True)
        call = Call(offered, arguments)
        result = await self.tools.call(call) if await self.ask(call) else Result(REFUSED, failed=True)
        self.tell(call, result)
        return replace(result, text=shortened(result.text))


class _Turn:
    """One answer of the model, put together."""

    def __init__(self) -> None:
        self.text = ""
        self.done: Done | None = None
        self._calls: dict[int, ToolCall] = {}

    def take(self, event: Event) -> Event | None:
        """The event as it is passed on; calls of tools and the end are not."""
        if isinstance(event, ToolCallDelta):
            before = self._calls.get(event.index, ToolCall("", "", ""))
            name, id = event.name or before.name, event.id or before.id
            self._calls[event.index] = ToolCall(id, name, before.arguments + event.arguments)
            return None
        if isinstance(event, Done):
            self.done = event
            return None
        self.text += event.text if isinstance(event, TextDelta) else ""
        return event

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        return tuple(self._calls[index] for index in sorted(self._calls))


def added(first: Usage, second: Usage) -> Usage:
    """What both took; the second's prompt has the first's in it, so it counts as read before where it was."""
    return Usage(
        first.prompt_tokens + second.prompt_tokens,
        first.answer_tokens + second.answer_tokens,
        first.cached_tokens + second.cached_tokens,
        first.prompt_seconds + second.prompt_seconds,
        first.answer_seconds + second.answer_seconds,
        first.drafted_tokens + second.drafted_tokens,
        first.accepted_tokens + second.accepted_tokens,
    )
