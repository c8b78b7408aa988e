"""The one inner language: a request goes in, Events come out.

A dialect in `api/` turns its JSON into a request and each Event into its own bytes; an engine turns a request into
Events. Nothing between them knows JSON, but for schemas and the arguments of tools, which are JSON by nature.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

Role = Literal["system", "user", "assistant", "tool"]
StopReason = Literal["stop", "length", "tool_calls"]
Priority = Literal["interactive", "batch"]
Overflow = Literal["drop_oldest", "keep_ends", "stop"]
Task = Literal["chat", "completion", "embedding", "reranking"]
Incident = Literal["state_saved", "state_restored", "worker_died"]
Leaving = Literal["evicted", "expired", "asked"]
Outcome = Literal["answered", "refused", "busy", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class Media:
    """A picture or a sound inside a message, as the bytes of its file."""

    kind: Literal["image", "audio"]
    content: bytes
    media_type: str  # image/png, audio/wav, ...


@dataclass(frozen=True, slots=True)
class ToolCall:
    id: str
    name: str
    arguments: str  # JSON as the model wrote it, valid or not


@dataclass(frozen=True, slots=True)
class Message:
    role: Role
    content: str | tuple[str | Media, ...]
    tool_calls: tuple[ToolCall, ...] = ()  # of an assistant
    tool_call_id: str | None = None  # of a tool's result
    reasoning: str = ""  # what an assistant thought before it answered; templates decide whether it is shown again

    @property
    def text(self) -> str:
        """What can be read of it: pictures and sounds left out."""
        parts = (self.content,) if isinstance(self.content, str) else self.content
        return "".join(part for part in parts if isinstance(part, str))

    @property
    def media(self) -> tuple[Media, ...]:
        return () if isinstance(self.content, str) else tuple(p for p in self.content if isinstance(p, Media))


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen. None leaves it to the model's or the engine's default.

    Names and ranges are llama.cpp's (tools/server/README.md).
    """

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    typical_p: float | None = None
    top_n_sigma: float | None = None
    repeat_penalty: float | None = None
    repeat_last_n: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    dry_multiplier: float | None = None
    dry_base: float | None = None
    dry_allowed_length: int | None = None
    dry_penalty_last_n: int | None = None
    dry_sequence_breakers: tuple[str, ...] | None = None
    xtc_probability: float | None = None
    xtc_threshold: float | None = None
    dynatemp_range: float | None = None
    dynatemp_exponent: float | None = None
    mirostat: int | None = None
    mirostat_tau: float | None = None
    mirostat_eta: float | None = None
    samplers: tuple[str, ...] | None = None  # their order
    logit_bias: tuple[tuple[int | str, float], ...] = ()  # of tokens, or of texts; -inf forbids
    banned_texts: tuple[str, ...] = ()  # never written: the answer goes back and takes another way
    seed: int | None = None
    ignore_end: bool = False  # write on after the model wanted to stop


@dataclass(frozen=True, slots=True)
class Tool:
    name: str
    description: str
    parameters: dict[str, Any]  # JSON schema of an object


@dataclass(frozen=True, slots=True)
class Adapter:
    """A LoRA adapter that the model was loaded with, by its place, and how strongly it acts on this request."""

    index: int
    scale: float


@dataclass(frozen=True, slots=True)
class Request:
    """What every request for text has. What is left out is the model's or the engine's default."""

    model: str
    max_tokens: int | None = field(default=None, kw_only=True)  # of the answer; None: until the model stops
    stop: tuple[str, ...] = field(default=(), kw_only=True)
    json_schema: dict[str, Any] | None = field(default=None, kw_only=True)  # {} is any JSON object
    grammar: str | None = field(default=None, kw_only=True)  # GBNF
    top_logprobs: int | None = field(default=None, kw_only=True)  # alternatives told for each token; None: no figures
    adapters: tuple[Adapter, ...] | None = field(default=None, kw_only=True)  # None: as loaded
    overflow: Overflow | None = field(default=None, kw_only=True)  # None: the setting's
    priority: Priority = field(default="interactive", kw_only=True)
    keep_alive_seconds: float | None = field(default=None, kw_only=True)  # 0: unload after it; negative: never
    conversation: str | None = field(default=None, kw_only=True)  # saved state is deleted together with it
    private: bool = field(default=False, kw_only=True)  # nothing of it is kept on disk
    progress: bool = field(default=False, kw_only=True)  # whether Progress events are wanted


@dataclass(frozen=True, slots=True)
class ChatRequest(Request):
    messages: tuple[Message, ...]
    sampling: Sampling = field(default_factory=Sampling)
    tools: tuple[Tool, ...] = field(default=(), kw_only=True)
    tool_choice: str = field(default="auto", kw_only=True)  # auto, none, required, or =NAME of the one to call
    parallel_tool_calls: bool | None = field(default=None, kw_only=True)
    thinking: bool | None = field(default=None, kw_only=True)  # None: as the model's template has it
    thinking_tokens: int | None = field(default=None, kw_only=True)  # budget of the reasoning
    template_values: dict[str, Any] = field(default_factory=dict, kw_only=True)  # more that the template may ask for
    continue_last: bool = field(default=False, kw_only=True)  # write on the last message, an assistant's


@dataclass(frozen=True, slots=True)
class CompletionRequest(Request):
    """Text written on, verbatim: no template. With a suffix the gap before it is filled (fill-in-the-middle)."""

    prompt: str | tuple[int, ...]  # text, or token numbers
    sampling: Sampling = field(default_factory=Sampling)
    suffix: str | None = field(default=None, kw_only=True)
    context: tuple[tuple[str, str], ...] = field(default=(), kw_only=True)  # other files for filling: (name, text)


@dataclass(frozen=True, slots=True)
class Token:
    """One token with its log-probability, and the likeliest ones in its place."""

    text: str
    number: int
    logprob: float
    content: bytes  # a token may be part of a character
    alternatives: tuple["Token", ...] = ()


@dataclass(frozen=True, slots=True)
class TextDelta:
    text: str
    tokens: tuple[Token, ...] = ()  # when log-probabilities were asked for
    pieces: int = 1  # of the model's that it is made of: tokens, or nearly so


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    text: str
    pieces: int = 1


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A piece of a tool call. Id and name come with the first piece of each index, arguments add up."""

    index: int
    id: str | None
    name: str | None
    arguments: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How much of the prompt has been read, before the first word of the answer."""

    read_tokens: int  # those that had been read before included
    total_tokens: int
    cached_tokens: int


@dataclass(frozen=True, slots=True)
class Usage:
    """Measured by the engine. `cached_tokens` is the part of the prompt that it had read before."""

    prompt_tokens: int
    answer_tokens: int
    cached_tokens: int = 0
    prompt_seconds: float = 0.0
    answer_seconds: float = 0.0
    drafted_tokens: int = 0  # proposed by speculation
    accepted_tokens: int = 0  # and found right
    joules: float | None = None  # that the machine drew for it; None: not known

    @property
    def answer_tokens_per_second(self) -> float:
        return self.answer_tokens / self.answer_seconds if self.answer_seconds else 0.0


@dataclass(frozen=True, slots=True)
class Dropped:
    """What did not fit into the context and was left out of the prompt."""

    policy: Overflow
    messages: tuple[int, ...]  # their places in the request, from 0


@dataclass(frozen=True, slots=True)
class Done:
    """The last event of every answer that was not cut short by an error."""

    reason: StopReason
    usage: Usage
    dropped: Dropped | None = None
    stop_text: str | None = None  # of the request's `stop`, the one that ended the answer


Event = TextDelta | ReasoningDelta | ToolCallDelta | Progress | Done


def pieces_of(event: Event) -> int:
    """How many of the model's pieces an event is made of."""
    return event.pieces if isinstance(event, TextDelta | ReasoningDelta) else 1


@dataclass(frozen=True, slots=True)
class Spent:
    """What one request to one model took, told when it has ended, however it did."""

    model: str
    task: Task
    outcome: Outcome
    seconds: float  # from asking to the end, waiting and loading included
    first_seconds: float | None = None  # from asking to the first piece of the answer
    usage: Usage | None = None  # None: the engine did not come to tell
    pieces: int = 0  # of the answer, also where it was cut short: about one a token
    joules: float | None = None  # that the machine drew for it; None: not known

    @property
    def tokens(self) -> int:
        """Read and written; of an answer that was cut short the pieces, which are all that is known."""
        return self.usage.prompt_tokens + self.usage.answer_tokens if self.usage else self.pieces


@dataclass(frozen=True, slots=True)
class ModelLoaded:
    model: str
    seconds: float | None  # None: it could not be loaded


@dataclass(frozen=True, slots=True)
class ModelLeft:
    model: str
    reason: Leaving


@dataclass(frozen=True, slots=True)
class ModelNoted:
    """What happened to a loaded model beside its answers."""

    model: str
    what: Incident


Happening = Spent | ModelLoaded | ModelLeft | ModelNoted


@dataclass(frozen=True, slots=True)
class Embeddings:
    vectors: tuple[tuple[float, ...], ...]  # one for each text, of unit length
    tokens: int  # read in all


@dataclass(frozen=True, slots=True)
class Ranking:
    scores: tuple[float, ...]  # one for each document, in their order; larger is nearer
    tokens: int
