"""The fields that Ollama's requests share, and what they mean.

Unknown fields are ignored; known ones that Domov can't honour are refused. Source: Ollama's api/types.go and
docs/api.md, version 0.33.
"""

import base64
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from domov.api.values import decoded, seconds_of
from domov.errors import BadRequest
from domov.types import Media, Sampling

MODEL_NAMES = Annotated[str, Field(max_length=4096)]
# The first bytes of the kinds of pictures that llama.cpp reads.
PICTURES = ((b"\x89PNG", "image/png"), (b"\xff\xd8", "image/jpeg"), (b"GIF8", "image/gif"), (b"BM", "image/bmp"))


class Body(BaseModel):
    """A null is as good as a field that is left out, as for Go."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, value: Any) -> Any:
        return {key: one for key, one in value.items() if one is not None} if isinstance(value, dict) else value


class Options(Body):
    """How the next token is chosen. The engine holds each number to its range and names it.

    What is not here says how a model is loaded (num_ctx, num_batch, num_gpu, num_thread and so on), or is gone from
    Ollama too; Domov's own settings decide that.
    """

    num_predict: Annotated[int, Field(ge=-2, lt=2**31)] | None = None
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = None
    stop: str | Annotated[list[str], Field(max_length=64)] | None = None
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    typical_p: float | None = None
    repeat_last_n: int | None = None
    repeat_penalty: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    mirostat: int | None = None
    mirostat_tau: float | None = None
    mirostat_eta: float | None = None


class Named(Body):
    """A request about one model, called `model`, or `name` as it was once."""

    model: MODEL_NAMES = ""
    name: MODEL_NAMES = ""

    @property
    def called(self) -> str:
        """Raises BadRequest where there is no name."""
        if not (self.model or self.name):
            raise BadRequest("model is required")
        return self.model or self.name


class TextBody(Body):
    """A request for text."""

    model: MODEL_NAMES
    stream: bool = True
    format: Literal["", "json"] | dict[str, Any] | None = None
    options: Options | None = None
    think: bool | Literal["", "low", "medium", "high", "max"] | None = None
    keep_alive: float | str | None = None
    truncate: bool | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None


def refuse_unsupported(body: BaseModel, unsupported: tuple[str, ...]) -> None:
    """Raises BadRequest, naming the field, for one that would change the answer and can't be honoured."""
    for field in unsupported:
        if (body.model_extra or {}).get(field):
            raise BadRequest(f"{field} is not supported", hint=f"leave {field} out")


def shared_fields(body: TextBody) -> dict[str, Any]:
    """What every kind of request for text has, as the arguments of its class."""
    options = body.options or Options()
    stop = [options.stop] if isinstance(options.stop, str) else options.stop or []
    if body.top_logprobs is not None and not body.logprobs:
        raise BadRequest("top_logprobs needs logprobs")
    unlimited = options.num_predict is None or options.num_predict < 0
    return {
        "sampling": sampling_of(options),
        "stop": tuple(text for text in stop if text),
        "max_tokens": None if unlimited else options.num_predict,
        "json_schema": {} if body.format == "json" else body.format or None,
        "top_logprobs": (body.top_logprobs or 0) if body.logprobs else None,
        "keep_alive_seconds": seconds_of(None if body.keep_alive == "" else body.keep_alive),
    }


def chat_fields(body: TextBody) -> dict[str, Any]:
    """What requests for text have that go through the model's template."""
    effort = body.think if isinstance(body.think, str) and body.think else None
    return {
        **shared_fields(body),
        "overflow": "stop" if body.truncate is False else None,
        "thinking": None if body.think in (None, "") else bool(body.think),
        "template_values": {"reasoning_effort": effort} if effort else {},
    }


def sampling_of(options: Options) -> Sampling:
    names = Sampling.__dataclass_fields__.keys() & Options.model_fields.keys()
    return Sampling(**{name: getattr(options, name) for name in names})


def picture(text: str) -> Media:
    """A picture as Ollama's clients send it: base64 alone. Raises BadRequest."""
    content = decoded(text, "images")
    for start, media_type in PICTURES:
        if content.startswith(start):
            return Media("image", content, media_type)
    if content[:4] == b"RIFF" and content[8:12] == b"WAVE":
        return Media("audio", content, "audio/wav")
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        raise BadRequest("images: WebP is not understood", hint="send it as PNG or JPEG")
    shown = base64.b64encode(content[:6]).decode()
    raise BadRequest(f"images: not a picture of a known kind, it begins {shown}", hint="send PNG, JPEG, GIF or BMP")
