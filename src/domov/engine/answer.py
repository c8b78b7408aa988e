"""How a request is put to a worker: in one call, or in several where llama-server alone can't do it.

`extra` is what the caller adds to every call that makes text, such as the slot to use. Everything here raises
BadRequest and ContextOverflow, and aiohttp's errors where the worker ends.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from domov.engine.connection import Connection
from domov.engine.fill import Marks, fill_prompt, find_marks, mark_texts, split_at_line, told_marks
from domov.engine.rewriting import check_rewritable, rewritten
from domov.engine.thoughts import Thoughts
from domov.engine.together import Together
from domov.engine.wire_chat import ChatReader, chat_fields, template_fields
from domov.engine.wire_completion import CompletionReader, completion_fields
from domov.engine.wire_tools import CallReader, held_by_us
from domov.engine.wire_vectors import embedding_fields, token_fields
from domov.errors import BadRequest, ContextOverflow
from domov.store.gguf import read_header
from domov.types import ChatRequest, CompletionRequest, Event, TextDelta

MARKS = 4  # tokens that a model may want around every text


async def answer(
    connection: Connection, request: ChatRequest | CompletionRequest, extra: Mapping[str, Any]
) -> AsyncIterator[Event]:
    """The events of the answer."""
    async with aclosing(await _events(connection, request, extra)) as events:  # type: ignore[type-var]
        async for event in events:
            if event.__class__ is not TextDelta or event.text or event.tokens:
                yield event


async def _events(
    connection: Connection, request: ChatRequest | CompletionRequest, extra: Mapping[str, Any]
) -> AsyncIterator[Event]:
    traits = connection.traits
    if any(request.sampling.banned_texts):
        return await _without_banned(connection, request, extra)
    if isinstance(request, CompletionRequest):
        if request.json_schema:
            await _check_schema(connection, request.json_schema)
        prompt = await _around_gap(connection, request) if request.suffix is not None else None
        fields = completion_fields(request, traits, prompt=prompt)
        reader = CompletionReader(alternatives=request.top_logprobs)
        return connection.events("/completion", {**fields, **extra}, Together(reader))
    fields = chat_fields(request, traits)
    calls = CallReader(words=request.json_schema is None) if held_by_us(request, traits) else None
    return connection.events("/v1/chat/completions", {**fields, **extra}, Together(ChatReader(calls)))


async def _check_schema(connection: Connection, schema: Mapping[str, Any]) -> None:
    """Raises BadRequest for what is no schema: /completion leaves such a one out in silence, the chat's routes tell."""
    form = {"type": "json_schema", "json_schema": {"schema": schema}}
    await connection.ask("/apply-template", {"messages": [{"role": "user", "content": "?"}], "response_format": form})


async def rendered(connection: Connection, request: ChatRequest) -> str:
    """The prompt that the model's template makes."""
    return str((await connection.ask("/apply-template", template_fields(request, connection.traits)))["prompt"])


async def tokens_of(connection: Connection, text: str, *, special: bool, first: bool = False) -> list[int]:
    """first: with what the model wants at the start of every prompt."""
    return list((await connection.ask("/tokenize", token_fields(text, special=special, first=first)))["tokens"])


async def vectors_of(connection: Connection, texts: Sequence[str | tuple[int, ...]]) -> Any:
    """What /v1/embeddings answers. Raises ContextOverflow for a text that is too long, which llama-server calls a
    fault of its own."""
    fields = embedding_fields(texts, connection.traits)
    context_tokens = connection.traits.context_tokens
    for text in texts:
        if len(text.encode("utf-8", "replace") if isinstance(text, str) else text) + MARKS <= context_tokens:
            continue  # no token is shorter than a byte
        tokens = await tokens_of(connection, text, special=True, first=True) if isinstance(text, str) else text
        if len(tokens) > context_tokens:
            raise ContextOverflow(prompt_tokens=len(tokens), context_tokens=context_tokens)
    return await connection.ask("/v1/embeddings", fields)


async def _without_banned(
    connection: Connection, request: ChatRequest | CompletionRequest, extra: Mapping[str, Any]
) -> AsyncIterator[Event]:
    check_rewritable(request)
    thoughts = None
    if isinstance(request, ChatRequest):
        prompt = await rendered(connection, request)
        start = await tokens_of(connection, prompt, special=True, first=True)
        thoughts = Thoughts(prompt) if connection.traits.marks_thoughts else None
    elif request.suffix is not None:
        start = await _around_gap(connection, request)
    elif isinstance(request.prompt, str):
        start = await tokens_of(connection, request.prompt, special=True, first=True)
    else:
        start = list(request.prompt)
    return rewritten(connection, request, start, thoughts, extra)


async def _gap_marks(connection: Connection) -> Marks | None:
    """What marks a gap for this worker's model; looked up once, in its vocabulary and then in its file's header."""
    if connection.gap_marks is None:
        found = find_marks({text: await tokens_of(connection, text, special=True) for text in mark_texts()})
        if found is None:
            header = await asyncio.to_thread(read_header, connection.model)
            found = told_marks(header.metadata)
        connection.gap_marks = (found,)
    return connection.gap_marks[0]


async def _around_gap(connection: Connection, request: CompletionRequest) -> list[int]:
    marks = await _gap_marks(connection)
    if marks is None:
        raise BadRequest(
            "this model was not trained to fill a gap", hint="choose a model for code, or leave out suffix"
        )
    before, line = (request.prompt, "") if marks.middle is None else split_at_line(request.prompt)
    return fill_prompt(
        marks,
        before=await tokens_of(connection, before, special=False) if isinstance(before, str) else before,
        line=await tokens_of(connection, line, special=False) if line else (),
        after=await tokens_of(connection, request.suffix or "", special=False),
        files=[await tokens_of(connection, f"{name}\n{text}", special=False) for name, text in request.context],
        start=await tokens_of(connection, "", special=False, first=True),
    )
