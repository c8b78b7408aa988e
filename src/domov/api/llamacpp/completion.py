"""POST /completion in llama.cpp's own form: a text written on, one or several, whole or as it is made.

Unknown fields are ignored; known ones that Domov can't honour are refused. Source: llama.cpp tools/server/README.md.
"""

from dataclasses import dataclass, field, replace
from typing import Annotated, Any

from pydantic import BaseModel, Field

from domov.api.answers import Collected
from domov.api.openai.answers import several, sse
from domov.api.openai.fields import MOST_CHOICES, Int31, TextBody, shared_fields
from domov.api.openai.native import infill_table
from domov.engine.protocol import Tokenizer
from domov.errors import BadRequest
from domov.types import CompletionRequest, Done, Event, Progress, TextDelta, Token

Table = dict[str, Any]
MOST_TEXTS = 256  # between the tokens of one prompt: each is asked of the model
Pieces = Annotated[list[Int31 | str], Field(min_length=1)]  # tokens, and texts between them
# Fields that would change the answer, with the values that ask for nothing.
UNSUPPORTED: dict[str, tuple[Any, ...]] = {
    "return_tokens": (None, False),
    "post_sampling_probs": (None, False),
    "n_indent": (None, 0),
    "min_keep": (None, 0),
}


class PromptObject(BaseModel):
    prompt_string: str
    multimodal_data: list[Any] | None = None


Prompt = str | Pieces | PromptObject


class CompletionBody(TextBody):
    model: str = ""
    prompt: Prompt | Annotated[list[Prompt], Field(min_length=1)]
    n_predict: Annotated[int, Field(ge=-1, lt=2**31)] = -1
    n_cmpl: Annotated[int, Field(ge=1, le=MOST_CHOICES)] = 1
    n_probs: Annotated[int, Field(ge=0, le=20)] = 0
    json_schema: dict[str, Any] | None = None
    response_fields: Annotated[list[str], Field(max_length=64)] | None = None


def prompts_of(body: CompletionBody) -> list[Prompt]:
    """A list of texts is several prompts; one in which there are tokens is one."""
    if not isinstance(body.prompt, list):
        return [body.prompt]
    if any(isinstance(part, int) for part in body.prompt):
        return [[part for part in body.prompt if isinstance(part, int | str)]]
    return [part for part in body.prompt if not isinstance(part, int)]


def is_several(body: CompletionBody) -> bool:
    """Whether the answer is a list."""
    return body.n_cmpl > 1 or (isinstance(body.prompt, list) and not any(isinstance(part, int) for part in body.prompt))


async def decode(body: CompletionBody, tokenizer: Tokenizer) -> list[CompletionRequest]:
    """One request for each answer, those to the same prompt after each other. Raises BadRequest."""
    for name, harmless in UNSUPPORTED.items():
        if (body.model_extra or {}).get(name) not in harmless:
            raise BadRequest(f"{name} is not supported", hint=f"leave {name} out")
    if body.n not in (None, 1):
        raise BadRequest("n is not of this request", hint="use n_cmpl")
    prompts = prompts_of(body)
    if len(prompts) * body.n_cmpl > MOST_CHOICES:
        raise BadRequest(f"more than {MOST_CHOICES} answers in one request")
    shared = CompletionRequest(
        body.model,
        "",
        **shared_fields(body),
        max_tokens=None if body.n_predict < 0 else body.n_predict,
        json_schema=body.json_schema,
        top_logprobs=body.n_probs or None,
    )
    requests = [replace(shared, prompt=await _verbatim(prompt, tokenizer)) for prompt in prompts]
    made = (one for request in requests for one in several(request, body.n_cmpl))
    return [one for one in made if isinstance(one, CompletionRequest)]


async def _verbatim(prompt: Prompt, tokenizer: Tokenizer) -> str | tuple[int, ...]:
    """A text, or the tokens of what is put together of tokens and texts."""
    if isinstance(prompt, PromptObject):
        if prompt.multimodal_data:
            raise BadRequest("multimodal_data is not supported", hint="send pictures to /v1/chat/completions")
        return prompt.prompt_string
    if isinstance(prompt, str):
        return prompt
    if sum(isinstance(part, str) for part in prompt) > MOST_TEXTS:
        raise BadRequest(f"more than {MOST_TEXTS} texts among the tokens of one prompt")
    tokens: list[int] = []
    for part in prompt:
        first = not tokens
        tokens += [part] if isinstance(part, int) else await tokenizer.tokenize(part, special=True, first=first)
    return tuple(tokens)


@dataclass(frozen=True)
class Answers:
    """How the answers to one body are told. given: its fields, for `generation_settings`."""

    model: str
    context_tokens: int
    requests: list[CompletionRequest]
    given: Table
    probabilities: bool
    fields: list[str] | None
    counts: dict[int, int] = field(default_factory=dict)

    def encode(self, index: int, event: Event) -> bytes:
        """One event of an answer as server-sent events."""
        if isinstance(event, TextDelta):
            table: Table = {"index": index, "content": event.text, "tokens": [], "stop": False, "id_slot": -1}
            return sse(table | self._figures(event.tokens))
        if isinstance(event, Progress):
            told = {"total": event.total_tokens, "cache": event.cached_tokens, "processed": event.read_tokens}
            return sse({"index": index, "content": "", "tokens": [], "stop": False, "prompt_progress": told})
        return sse(self._last(index, "", event)) if isinstance(event, Done) else b""

    def whole(self, index: int, answer: Collected) -> Table:
        return chosen(self._last(index, answer.text, answer.done) | self._figures(answer.tokens), self.fields)

    def _last(self, index: int, text: str, done: Done) -> Table:
        prompt, usage = self.requests[index].prompt, done.usage
        return {
            "index": index,
            "tokens": [],
            "id_slot": -1,
            **infill_table(text, done, model=self.model),
            "prompt": prompt if isinstance(prompt, str) else "",
            "truncated": False,
            "tokens_cached": usage.cached_tokens,
            "generation_settings": {**self.given, "n_ctx": self.context_tokens, "model": self.model},
        }

    def _figures(self, tokens: list[Token] | tuple[Token, ...]) -> Table:
        if not self.probabilities:
            return {}
        rows = [_figure(token) | {"top_logprobs": [_figure(other) for other in token.alternatives]} for token in tokens]
        return {"completion_probabilities": rows}


def answers_of(body: CompletionBody, requests: list[CompletionRequest], *, model: str, context_tokens: int) -> Answers:
    given = {k: v for k, v in body.model_dump(exclude_unset=True).items() if k not in ("prompt", "response_fields")}
    return Answers(model, context_tokens, requests, given, bool(body.n_probs), body.response_fields)


def chosen(table: Table, fields: list[str] | None) -> Table:
    """The fields that are wanted; `a/b` is the field b of a, called b. What there is not is left out."""
    if not fields:
        return table
    found: Table = {}
    for name in fields:
        *outer, last = name.split("/")
        inner: Any = table
        for key in outer:
            inner = inner.get(key) if isinstance(inner, dict) else None
        if isinstance(inner, dict) and last in inner:
            found[last] = inner[last]
    return found


def _figure(token: Token) -> Table:
    return {"id": token.number, "token": token.text, "bytes": list(token.content), "logprob": token.logprob}
