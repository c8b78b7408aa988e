"""What llama.cpp's own server has beside OpenAI's routes: tokens, templates and filling a gap.

Source: llama.cpp tools/server/README.md, /tokenize, /detokenize, /apply-template, /infill. `model` may be left out
while one model only is loaded.
"""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from domov.api.answers import Collected
from domov.api.openai.answers import sse, timings_table
from domov.api.openai.fields import Int31, TextBody, shared_fields
from domov.errors import BadRequest
from domov.types import CompletionRequest, Done, Event, Progress, TextDelta, Usage


class TokenizeBody(BaseModel):
    model: str = ""
    content: str
    parse_special: bool = True
    with_pieces: bool = False
    add_special: bool = False


class DetokenizeBody(BaseModel):
    model: str = ""
    tokens: Annotated[list[Int31], Field(max_length=1 << 20)]


class OtherFile(BaseModel):
    filename: str = ""
    text: str


class InfillBody(TextBody):
    model_config = ConfigDict(extra="allow", allow_inf_nan=False)
    model: str = ""
    input_prefix: str
    input_suffix: str
    input_extra: Annotated[list[OtherFile], Field(max_length=256)] = []
    prompt: str = ""
    n_predict: Annotated[int, Field(ge=-1, lt=2**31)] = -1


def decode_infill(body: InfillBody) -> CompletionRequest:
    if body.prompt:
        raise BadRequest("a prompt after the gap's mark is not supported", hint="leave prompt out of /infill")
    if body.n not in (None, 1):
        raise BadRequest("one gap is filled once", hint="leave n out of /infill")
    return CompletionRequest(
        body.model,
        body.input_prefix,
        **shared_fields(body),
        suffix=body.input_suffix,
        context=tuple((other.filename, other.text) for other in body.input_extra),
        max_tokens=None if body.n_predict < 0 else body.n_predict,
    )


def infill_table(text: str, done: Done, *, model: str) -> dict[str, Any]:
    usage: Usage = done.usage
    by = "word" if done.stop_text else "limit" if done.reason == "length" else "eos"
    return {
        "content": text,
        "stop": True,
        "model": model,
        "tokens_predicted": usage.answer_tokens,
        "tokens_evaluated": usage.prompt_tokens,
        "stop_type": by,
        "stopping_word": done.stop_text or "",
        "timings": timings_table(usage),
    }


def whole_infill(answer: Collected, *, model: str) -> dict[str, Any]:
    return infill_table(answer.text, answer.done, model=model)


def infill_bytes(event: Event, *, model: str) -> bytes:
    if isinstance(event, TextDelta):
        return sse({"content": event.text, "stop": False})
    if isinstance(event, Progress):
        told = {"total": event.total_tokens, "cache": event.cached_tokens, "processed": event.read_tokens}
        return sse({"content": "", "stop": False, "prompt_progress": told})
    return sse(infill_table("", event, model=model)) if isinstance(event, Done) else b""
