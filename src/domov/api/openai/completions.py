"""POST /v1/completions: prompts written on verbatim, as texts or tokens, several at once if asked.

Source: OpenAI's API reference, completions (legacy). An answer has 16 tokens unless max_tokens says otherwise.
"""

from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import Field

from domov.api.answers import Collected
from domov.api.openai.answers import END, dropped_table, in_order, several, sse, timings_table, total, usage_table
from domov.api.openai.fields import MOST_CHOICES, Int31, TextBody, shared_fields
from domov.errors import BadRequest
from domov.types import CompletionRequest, Done, Event, Progress, TextDelta, Token, Usage

IGNORED = frozenset(("user",))
Tokens = Annotated[list[Int31], Field(min_length=1)]
USUAL_MAX_TOKENS = 16


class CompletionBody(TextBody):
    model: str = ""  # KoboldCpp's clients name none here: SillyTavern
    prompt: str | Tokens | Annotated[list[str], Field(min_length=1)] | Annotated[list[Tokens], Field(min_length=1)]
    suffix: str | None = None
    max_tokens: Annotated[int, Field(ge=0, lt=2**31)] | None = None
    logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    echo: bool = False
    best_of: int | None = None
    json_schema: dict[str, Any] | None = None


def decode(body: CompletionBody) -> list[CompletionRequest]:
    """One request for each choice, those to the same prompt after each other. Raises BadRequest."""
    if body.best_of not in (None, 1, body.n):
        raise BadRequest("best_of is not supported", hint="leave best_of out, and choose among n yourself")
    if body.echo and body.logprobs is not None:
        raise BadRequest("the log-probabilities of a prompt are not told", hint="leave out echo or logprobs")
    prompts = prompts_of(body)
    if len(prompts) * (body.n or 1) > MOST_CHOICES:
        raise BadRequest(f"more than {MOST_CHOICES} answers in one request")
    requests = [
        CompletionRequest(
            body.model,
            prompt,
            **shared_fields(body),
            max_tokens=USUAL_MAX_TOKENS if body.max_tokens is None else body.max_tokens,
            suffix=body.suffix,
            top_logprobs=body.logprobs,
            json_schema=body.json_schema,
        )
        for prompt in prompts
    ]
    return [one for request in requests for one in several(request, body.n or 1) if isinstance(one, CompletionRequest)]


def prompts_of(body: CompletionBody) -> list[str | tuple[int, ...]]:
    if isinstance(body.prompt, str):
        return [body.prompt]
    if all(isinstance(part, int) for part in body.prompt):
        return [tuple(part for part in body.prompt if isinstance(part, int))]
    return [part if isinstance(part, str) else tuple(part) for part in body.prompt if not isinstance(part, int)]


@dataclass(frozen=True)
class Stream:
    """What every chunk of one answer repeats, and what they add up to."""

    id: str
    created: int
    model: str
    include_usage: bool
    prompts: int
    echoes: list[str]  # what comes before each choice
    logprobs: bool = False
    usages: dict[int, Usage] = field(default_factory=dict)  # by choice
    begun: dict[int, int] = field(default_factory=dict)  # characters so far, by choice

    def body(self, choices: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
        body = {"id": self.id, "object": "text_completion", "created": self.created, "model": self.model}
        return {**body, "choices": choices, **more}

    def choice(self, index: int, text: str, tokens: list[Token], reason: str | None) -> dict[str, Any]:
        start = self.begun.get(index, 0)
        self.begun[index] = start + len(text)
        logprobs = logprobs_table(tokens, start=start) if self.logprobs else None
        return {"index": index, "text": text, "logprobs": logprobs, "finish_reason": reason}

    def encode(self, index: int, event: Event) -> bytes:
        echo = self.echoes[index] if index not in self.begun else ""
        first = sse(self.body([self.choice(index, echo, [], None)])) if echo else b""
        if isinstance(event, TextDelta):
            return first + sse(self.body([self.choice(index, event.text, list(event.tokens), None)]))
        if isinstance(event, Progress):
            told = {"total": event.total_tokens, "cache": event.cached_tokens, "processed": event.read_tokens}
            return first + sse(self.body([self.choice(index, "", [], None)], prompt_progress=told))
        if isinstance(event, Done):
            self.usages[index] = event.usage
            last = self.choice(index, "", [], event.reason)
            timings = timings_table(event.usage)
            return first + sse(self.body([last], timings=timings, **dropped_table(event.dropped)))
        return first  # a completion has no reasoning and calls no tools

    def last(self) -> bytes:
        if not self.include_usage:
            return END
        usage = total(in_order(self.usages), prompts=self.prompts)
        return sse(self.body([], usage=usage_table(usage), timings=timings_table(usage))) + END

    def whole(self, answers: list[Collected]) -> dict[str, Any]:
        usage = total([answer.done.usage for answer in answers], prompts=self.prompts)
        choices = [
            self.choice(index, self.echoes[index] + answer.text, answer.tokens, answer.done.reason)
            for index, answer in enumerate(answers)
        ]
        return self.body(choices, usage=usage_table(usage), timings=timings_table(usage))


def logprobs_table(tokens: list[Token], *, start: int) -> dict[str, Any]:
    """OpenAI's older form: lists side by side. start: characters before the first token."""
    offsets = [start]
    for token in tokens:
        offsets.append(offsets[-1] + len(token.text))
    return {
        "tokens": [token.text for token in tokens],
        "token_logprobs": [token.logprob for token in tokens],
        "top_logprobs": [{other.text: other.logprob for other in token.alternatives} for token in tokens],
        "text_offset": offsets[:-1],
    }
