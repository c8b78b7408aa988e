"""Runs the flow of `avoiding`: asks the model for an answer, takes it back where it goes wrong, and asks again."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from domov.engine.avoiding import MOST_WAYS_BACK, Avoiding, Piece, Step
from domov.engine.connection import Connection
from domov.engine.thoughts import Thoughts
from domov.engine.wire_completion import CompletionReader, completion_fields
from domov.engine.wire_sampling import few
from domov.engine.wire_tools import allowed_tools
from domov.errors import BadRequest
from domov.types import ChatRequest, CompletionRequest, Done, Event, Progress, StopReason, TextDelta, Usage

MOST_BANNED = 1024  # writers' lists of worn-out phrases are long


async def rewritten(
    connection: Connection,
    request: ChatRequest | CompletionRequest,
    start: Sequence[int],
    thoughts: Thoughts | None,
    extra: Mapping[str, Any],
) -> AsyncIterator[Event]:
    """The events of an answer without the request's banned texts.

    start     the tokens of the prompt
    thoughts  what tells reasoning from the answer; None: there is none
    """
    flow = _Flow(connection, request, start, thoughts, extra)
    while flow.goes_on:
        async with aclosing(flow.ask()) as events:  # type: ignore[type-var]
            async for event in events:
                yield event
    for event in flow.end():
        yield event


def check_rewritable(request: ChatRequest | CompletionRequest) -> None:
    """A grammar and a parser start anew with every call, so that they would not hold an answer in pieces."""
    few("banned texts", request.sampling.banned_texts, most=MOST_BANNED)
    clash = {"json_schema": request.json_schema is not None, "grammar": bool(request.grammar)}
    if isinstance(request, ChatRequest):
        clash |= {
            "tools": bool(allowed_tools(request)),
            "images or sounds": any(message.media for message in request.messages),
            "a budget of reasoning": bool(request.thinking_tokens),
        }
    for name in (name for name, asked in clash.items() if asked):
        raise BadRequest(f"banned texts can't be combined with {name}", hint="leave one of them out")


class _Flow:
    def __init__(
        self,
        connection: Connection,
        request: ChatRequest | CompletionRequest,
        start: Sequence[int],
        thoughts: Thoughts | None,
        extra: Mapping[str, Any],
    ) -> None:
        plain = CompletionRequest(
            request.model,
            tuple(start),
            request.sampling,
            top_logprobs=request.top_logprobs,
            adapters=request.adapters,
            progress=request.progress,
        )
        self._fields = {**completion_fields(plain, connection.traits), **extra, "return_tokens": True}
        self._alternatives = request.top_logprobs
        self._connection, self._start = connection, list(start)
        self._state = Avoiding(request.sampling.banned_texts, request.stop, request.max_tokens)
        self._thoughts = thoughts
        self._usage = Usage(len(start), 0)
        self._asked = False
        self._reason: StopReason | None = None

    @property
    def goes_on(self) -> bool:
        return self._reason is None

    async def ask(self) -> AsyncIterator[Event]:
        """One call, until it ends or goes wrong."""
        step = self._state.step()
        reader = _PieceReader(alternatives=self._alternatives)
        went_wrong = False
        async with aclosing(self._connection.events("/completion", self._body(step), reader)) as events:  # type: ignore[type-var]
            async for event in events:
                if isinstance(event, Done):
                    self._usage = _sum(self._usage, event.usage, first=not self._asked)
                    self._ended(event.reason, step)
                elif isinstance(event, Progress):
                    if not self._asked:
                        yield event
                elif went_wrong := not self._state.take(reader.piece):
                    break
                else:
                    for shown in self._shown():
                        yield shown
        self._asked = True
        if self._state.stop_text is not None:
            self._reason = "stop"
        elif went_wrong and self._state.ways_back > MOST_WAYS_BACK:
            self._reason = "length"

    def end(self) -> Iterator[Event]:
        """What was held back, and Done."""
        yield from self._shown(all_of_it=True)
        if self._thoughts:
            yield from self._thoughts.end()
        usage = replace(self._usage, answer_tokens=self._state.tokens)
        yield Done(self._reason or "stop", usage, stop_text=self._state.stop_text)

    def _shown(self, *, all_of_it: bool = False) -> Iterator[Event]:
        for delta in self._state.show(all_of_it=all_of_it):
            yield from self._thoughts.feed(delta) if self._thoughts else (delta,)

    def _body(self, step: Step) -> dict[str, Any]:
        bias = [*self._fields.get("logit_bias", ()), *([token, False] for token in step.forbidden)]
        body = {**self._fields, "prompt": [*self._start, *step.written], "logit_bias": bias}
        return body if step.max_tokens is None else {**body, "n_predict": step.max_tokens}

    def _ended(self, reason: StopReason, step: Step) -> None:
        """A call that was for the one token after a way back ends by its length: then the answer goes on."""
        left = self._state.step().max_tokens
        if reason == "stop" or not step.forbidden or left == 0:
            self._reason = reason


class _PieceReader(CompletionReader):
    """Remembers of each delta the tokens that it was made of."""

    piece = Piece(TextDelta(""), "", 0)  # of the delta that came last
    _told = 0  # tokens so far

    def _delta(self, chunk: dict[str, Any]) -> TextDelta:
        delta = super()._delta(chunk)
        count, self._told = chunk["tokens_predicted"] - self._told, chunk["tokens_predicted"]
        tokens = chunk.get("tokens") or ()
        # Of a character made by several tokens only the last number is told: its text stands for all of them.
        self.piece = Piece(delta, tokens[0] if count == 1 and tokens else delta.text, max(0, count))
        return delta


def _sum(before: Usage, call: Usage, *, first: bool) -> Usage:
    return replace(
        before,
        cached_tokens=call.cached_tokens if first else before.cached_tokens,
        prompt_seconds=before.prompt_seconds + call.prompt_seconds,
        answer_seconds=before.answer_seconds + call.answer_seconds,
        drafted_tokens=before.drafted_tokens + call.drafted_tokens,
        accepted_tokens=before.accepted_tokens + call.accepted_tokens,
    )
