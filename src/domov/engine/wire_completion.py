"""A text written on, in llama-server's words: the body of a request, and the events in what comes back.

Pure. Source: llama.cpp tools/server/README.md, POST /completion.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from domov.engine.fill import asks_to_fill
from domov.engine.traits import Traits
from domov.engine.wire_chat import Lines, progress_of, token_of, usage_of
from domov.engine.wire_sampling import answer_fields, sampling_fields, token_in_range
from domov.errors import BadRequest
from domov.types import CompletionRequest, Done, Event, TextDelta

LEAST_MOVED_TOKENS = 32  # in a row; shorter pieces are read as fast as they are moved


def completion_fields(request: CompletionRequest, traits: Traits, *, prompt: list[int] | None = None) -> dict[str, Any]:
    """The body of a streaming request. prompt: what is sent instead of the request's own. Raises BadRequest."""
    if isinstance(request.prompt, tuple):
        for number in request.prompt:
            token_in_range(number, traits)
    own = request.prompt if isinstance(request.prompt, str) else list(request.prompt)
    fields: dict[str, Any] = {"prompt": own if prompt is None else prompt}
    if fields["prompt"] == []:
        raise BadRequest("the prompt is empty")
    fields |= sampling_fields(request.sampling, traits) | answer_fields(request, traits)
    if request.json_schema is not None:
        fields["json_schema"] = request.json_schema or {"type": "object"}
    if asks_to_fill(request):
        fields |= _moving_along(request)
    if request.top_logprobs is not None:
        fields["n_probs"] = max(1, request.top_logprobs)
    return fields


def _moving_along(request: CompletionRequest) -> dict[str, Any]:
    """Has the text after the gap, read for the last suggestion, moved along instead of read anew with every key.

    Its keys and values were calculated after a slightly shorter text, so a suggestion may differ from one that is read
    anew. Who gives a seed wants the same each time: then all is read anew.
    """
    return {"n_cache_reuse": LEAST_MOVED_TOKENS} if request.sampling.seed is None else {"cache_prompt": False}


class CompletionReader:
    """Turns the bytes of an answer, as they come, into events."""

    def __init__(self, *, alternatives: int | None = None) -> None:
        self._lines = Lines()
        self._alternatives = alternatives

    def feed(self, received: bytes) -> Iterator[Event]:
        """The events that are complete. Raises what an error among them means."""
        for chunk in self._lines.feed(received):
            if progress := chunk.get("prompt_progress"):
                yield progress_of(progress)
            elif chunk["stop"]:
                yield from self._last(chunk)
            else:
                yield self._delta(chunk)

    def _delta(self, chunk: dict[str, Any]) -> TextDelta:
        tokens = tuple(token_of(entry) for entry in chunk.get("completion_probabilities") or ())
        if self._alternatives == 0:  # llama-server tells no figures when none are wanted: one was asked for
            tokens = tuple(replace(token, alternatives=()) for token in tokens)
        return TextDelta(chunk["content"], tokens)

    def _last(self, chunk: dict[str, Any]) -> Iterator[Event]:
        if chunk["content"]:
            yield self._delta(chunk)
        timings = chunk.get("timings") or {}
        # llama-server counts the prompt in `tokens_evaluated`, and what of it was in the cache in the timings
        usage = usage_of(chunk["tokens_evaluated"], chunk["tokens_predicted"], timings.get("cache_n", 0), timings)
        yield Done(
            "length" if chunk["stop_type"] == "limit" else "stop", usage, stop_text=chunk.get("stopping_word") or None
        )
