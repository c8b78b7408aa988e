"""The fields that OpenAI's chats and completions share, llama.cpp's extra ones among them, and what they mean."""

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from domov.api.values import seconds_of
from domov.types import Adapter, Overflow, Priority, Sampling

Int31 = Annotated[int, Field(ge=0, lt=2**31)]
MOST_CHOICES = 128


class StreamOptions(BaseModel):
    include_usage: bool = False


class LoraScale(BaseModel):
    id: Int31
    scale: float = 1.0


class TextBody(BaseModel):
    """A request for text. Numbers are held to what native code can take by the engine, which names the field."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False)

    model: str
    stream: bool = False
    stream_options: StreamOptions | None = None
    n: Annotated[int, Field(ge=1, le=MOST_CHOICES)] | None = None
    stop: str | Annotated[list[str], Field(max_length=64)] | None = None
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = None
    grammar: Annotated[str, Field(max_length=1 << 20)] | None = None
    # how the next token is chosen
    temperature: Annotated[float, Field(ge=0, le=5)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    top_k: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    min_p: Annotated[float, Field(ge=0, le=1)] | None = None
    typical_p: float | None = None
    top_n_sigma: float | None = None
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    repeat_penalty: float | None = None
    repeat_last_n: int | None = None
    dry_multiplier: float | None = None
    dry_base: float | None = None
    dry_allowed_length: int | None = None
    dry_penalty_last_n: int | None = None
    dry_sequence_breakers: list[str] | None = None
    xtc_probability: float | None = None
    xtc_threshold: float | None = None
    dynatemp_range: float | None = None
    dynatemp_exponent: float | None = None
    mirostat: int | None = None
    mirostat_tau: float | None = None
    mirostat_eta: float | None = None
    samplers: list[str] | None = None
    logit_bias: dict[str, float | Literal[False]] | list[tuple[int | str, float | Literal[False]]] | None = None
    banned_strings: list[str] | None = None
    ignore_eos: bool = False
    # how Domov treats it
    lora: list[LoraScale] | None = None
    keep_alive: float | str | None = None
    priority: Priority = "interactive"
    overflow: Overflow | None = None
    conversation: Annotated[str, Field(max_length=200)] | None = None
    private: bool = False
    return_progress: bool = False

    @field_validator("logit_bias", mode="before")
    @classmethod
    def _tokens_are_numbers(cls, value: Any) -> Any:
        return value or None


def sampling_of(body: TextBody) -> Sampling:
    same = {name for name in Sampling.__dataclass_fields__ if name in TextBody.model_fields}
    given = {name: getattr(body, name) for name in same - {"samplers", "dry_sequence_breakers", "logit_bias"}}
    return Sampling(
        **given,
        samplers=None if body.samplers is None else tuple(body.samplers),
        dry_sequence_breakers=None if body.dry_sequence_breakers is None else tuple(body.dry_sequence_breakers),
        logit_bias=_biases(body),
        banned_texts=tuple(body.banned_strings or ()),
        ignore_end=body.ignore_eos,
    )


def _biases(body: TextBody) -> tuple[tuple[int | str, float], ...]:
    if not body.logit_bias:
        return ()
    pairs = list(body.logit_bias.items()) if isinstance(body.logit_bias, dict) else body.logit_bias
    return tuple((_token(token), float("-inf") if bias is False else bias) for token, bias in pairs)


def _token(token: int | str) -> int | str:
    """A number, also where JSON made a text of it."""
    return int(token) if isinstance(token, str) and re.fullmatch(r"\d{1,9}", token) else token


def shared_fields(body: TextBody) -> dict[str, Any]:
    """What every kind of request has, as the arguments of its class."""
    stop = [body.stop] if isinstance(body.stop, str) else body.stop or []
    return {
        "sampling": sampling_of(body),
        "stop": tuple(text for text in stop if text),
        "grammar": body.grammar or None,
        "adapters": None if body.lora is None else tuple(Adapter(x.id, x.scale) for x in body.lora),
        "overflow": body.overflow,
        "priority": body.priority,
        "keep_alive_seconds": seconds_of(body.keep_alive),
        "conversation": body.conversation,
        "private": body.private,
        "progress": body.return_progress,
    }
