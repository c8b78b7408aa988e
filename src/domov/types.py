"""The one inner language: a ChatRequest goes in, Events come out.

A dialect in `api/` turns its JSON into a ChatRequest and each Event into its own bytes; an engine turns a
ChatRequest into Events. Nothing between them knows JSON.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

Role = Literal["system", "user", "assistant"]
StopReason = Literal["stop", "length"]


@dataclass(frozen=True, slots=True)
class Message:
    role: Role
    text: str


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen. None leaves it to the model's or the engine's default."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class ChatRequest:
    model: str
    messages: tuple[Message, ...]
    sampling: Sampling = field(default_factory=Sampling)
    max_tokens: int | None = None  # of the answer; None: until the model stops or the context is full
    stop: tuple[str, ...] = ()
    json_schema: dict[str, Any] | None = None  # the answer must match it; {} is any JSON object


@dataclass(frozen=True, slots=True)
class TextDelta:
    text: str


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    text: str


@dataclass(frozen=True, slots=True)
class Usage:
    """Measured by the engine. `cached_tokens` is the part of the prompt that it had read before."""

    prompt_tokens: int
    answer_tokens: int
    cached_tokens: int = 0
    prompt_seconds: float = 0.0
    answer_seconds: float = 0.0

    @property
    def answer_tokens_per_second(self) -> float:
        return self.answer_tokens / self.answer_seconds if self.answer_seconds else 0.0


@dataclass(frozen=True, slots=True)
class Done:
    """The last event of every answer that was not cut short by an error."""

    reason: StopReason
    usage: Usage


Event = TextDelta | ReasoningDelta | Done
