"""How a request is put to a worker: in one call, or in several where llama-server alone can't do it.

`extra` is what the caller adds to every call that makes text, such as the slot to use.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from domov.engine.avoiding import MOST_WAYS_BACK, Avoiding, Piece, Step
from domov.engine.client import Client
from domov.engine.fill import FAMILIES, find_marks, fill_prompt
from domov.engine.thoughts import Thoughts
from domov.engine.traits import Traits
from domov.engine.wire_chat import ChatReader, Lines, chat_fields, progress_of, template_fields, token_of, usage_of
from domov.engine.wire_completion import CompletionReader, Prompt, completion_fields
from domov.engine.wire_sampling import few
from domov.engine.wire_tools import CallReader, allowed_tools, held_by_us
from domov.engine.wire_vectors import token_fields
from domov.errors import BadRequest
from domov.types import ChatRequest, CompletionRequest, Done, Event, Progress, TextDelta, Usage

Extra = Mapping[str, Any]


def answer(
    client: Client, traits: Traits, request: ChatRequest | CompletionRequest, extra: Extra
) -> AsyncIterator[Event]:
    """The events of the answer. Raises BadRequest, ContextOverflow, and what `client` raises."""
    if any(request.sampling.banned_texts):
        return _avoiding(client, traits, request, extra)
    if isinstance(request, CompletionRequest):
        return _completion(client, traits, request, extra)
    words = request.json_schema is None
    reader = ChatReader(CallReader(words=words) if held_by_us(request, traits) else None)
    return client.stream("/v1/chat/completions", {**chat_fields(request, traits), **extra}, reader)


async def rendered(client: Client, traits: Traits, request: ChatRequest) -> str:
    """The prompt that the model's template makes."""
    return str((await client.post("/apply-template", template_fields(request, traits)))["prompt"])


async def tokens_of(client: Client, text: str, *, special: bool, first: bool = False) -> list[int]:
    return list((await client.post("/tokenize", token_fields(text, special=special, first=first)))["tokens"])


async def _completion(
    client: Client, traits: Traits, request: CompletionRequest, extra: Extra
) -> AsyncIterator[Event]:
    prompt = await _prompt_around_gap(client, request) if request.suffix is not None else None
    fields = completion_fields(request, traits, prompt=prompt)
    reader = CompletionReader(alternatives=request.top_logprobs)
    events = client.stream("/completion", {**fields, **extra}, reader)
    async with aclosing(events):  # type: ignore[type-var]
        async for event in events:
            yield event


async def _prompt_around_gap(client: Client, request: CompletionRequest) -> Prompt:
    texts = {text for family in FAMILIES for text in family if text}
    marks = find_marks({text: await tokens_of(client, text, special=True) for text in texts})
    if marks is None:
        raise BadRequest("this model was not trained to fill a gap", hint="choose a model for code, or leave out suffix")
    before = request.prompt
    return fill_prompt(
        marks,
        before=await tokens_of(client, before, special=False) if isinstance(before, str) else before,
        after=await tokens_of(client, request.suffix or "", special=False),
        files=[await tokens_of(client, f"{name}\n{text}", special=False) for name, text in request.context],
        start=await tokens_of(client, "", special=False, first=True),
    )


async def _avoiding(
    client: Client, traits: Traits, request: ChatRequest | CompletionRequest, extra: Extra
) -> AsyncIterator[Event]:
    """An answer without the request's banned texts."""
    _check_avoidable(request)
    start, thoughts = await _start(client, traits, request)
    state = Avoiding(request.sampling.banned_texts, request.stop, request.max_tokens)
    plain = CompletionRequest(
        request.model,
        tuple(start),
        request.sampling,
        top_logprobs=request.top_logprobs,
        adapters=request.adapters,
        progress=request.progress,
    )
    fields = {**completion_fields(plain, traits), **extra, "return_tokens": True}
    usage: Usage | None = None
    while True:
        step, reason = state.step(), "stop"
        async with aclosing(client.stream("/completion", _fields_of(fields, start, step), _Pieces())) as pieces:  # type: ignore[type-var]
            async for piece in pieces:
                if isinstance(piece, Done):
                    usage, reason = _sum(usage, piece.usage), piece.reason
                elif isinstance(piece, Progress):
                    if usage is None and not state.ways_back:
                        yield piece
                elif isinstance(piece, _Found) and not state.take(piece.piece):
                    reason = "back"
                    break
                for delta in state.show():
                    for event in thoughts.feed(delta):
                        yield event
        ended = reason == "stop" or (reason == "length" and not step.forbidden) or state.stop_text is not None
        if ended or state.ways_back > MOST_WAYS_BACK or state.step().max_tokens == 0:
            break
    for delta in state.show(all_of_it=True):
        for event in thoughts.feed(delta):
            yield event
    for event in thoughts.end():
        yield event
    whole = replace(usage or Usage(len(start), 0), answer_tokens=state.tokens)
    done_for = "stop" if state.stop_text is not None or reason == "stop" else "length"
    yield Done("stop" if done_for == "stop" else "length", whole, stop_text=state.stop_text)
