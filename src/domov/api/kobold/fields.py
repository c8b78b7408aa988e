"""The body of a request for text, and what its fields mean.

Unknown fields are ignored. Known ones that would change the answer and that no engine here can honour are refused,
unless they say what happens anyway. What is left out is KoboldCpp's default, not llama.cpp's. Source: KoboldCpp's
API documentation (kcpp_docs) and koboldcpp.py, version 1.117.
"""

import re
from collections.abc import Iterator
from typing import Annotated, Any

import orjson
from pydantic import AliasChoices, Field

from domov.api.ollama.fields import MODEL_NAMES, Body
from domov.errors import BadRequest
from domov.types import CompletionRequest, Sampling

Int31 = Annotated[int, Field(ge=0, lt=2**31)]
USUAL_MAX_LENGTH = 1536
LOGPROBS = 10  # alternatives told of each token
# KoboldAI's numbers of samplers. 1 is top-a and 3 tail-free sampling, which have no place here.
ORDER = (6, 0, 1, 3, 4, 2, 5)
SAMPLERS = {0: ("top_k",), 2: ("top_p", "min_p"), 4: ("typ_p",), 5: ("temperature", "top_n_sigma"), 6: ("penalties",)}
UNLIMITED_EFFORTS = ("", "high", "max")


class GenerateBody(Body):
    """The engine holds each number of the sampling to its range and names it."""

    prompt: str
    memory: str = ""
    model: MODEL_NAMES = ""
    max_context_length: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    max_length: Int31 = USUAL_MAX_LENGTH
    genkey: Annotated[str, Field(max_length=200)] = ""
    stop_sequence: str | list[str] = []
    trim_stop: bool = True
    logprobs: bool = False
    replace_instruct_placeholders: bool = True
    quiet: Any = None
    # how the next token is chosen
    temperature: Annotated[float, Field(validation_alias=AliasChoices("temperature", "temp"))] = 0.7
    top_k: int = 100
    top_p: float = 0.9
    min_p: float = 0.0
    typical: float = 1.0
    nsigma: float = 0.0
    rep_pen: float = 1.0
    rep_pen_range: Int31 = 320
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    mirostat: int = 0
    mirostat_tau: float = 5.0
    mirostat_eta: float = 0.1
    dynatemp_range: float = 0.0
    dynatemp_exponent: float = 1.0
    dry_multiplier: float = 0.0
    dry_base: float = 1.75
    dry_allowed_length: int = 2
    dry_penalty_last_n: int = 320
    dry_sequence_breakers: str | list[str] = []
    xtc_threshold: float = 0.2
    xtc_probability: float = 0.0
    sampler_order: Annotated[list[int], Field(max_length=64)] = list(ORDER)
    sampler_seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] = -1
    logit_bias: dict[str, float] = {}
    custom_token_bans: Annotated[str, Field(max_length=1 << 16)] = ""
    banned_tokens: list[str] | None = None
    banned_strings: list[str] | None = None
    ban_eos_token: bool = False
    use_default_badwordsids: bool = False
    grammar: Annotated[str, Field(max_length=1 << 20)] = ""
    # without effect, or refused where they would have one
    rep_pen_slope: float = 1.0
    top_a: float = 0.0
    tfs: float = 1.0
    smoothing_factor: float = 0.0
    adaptive_target: float = -1.0
    negative_prompt: str = ""
    guidance_scale: float = 1.0
    grammar_retain_state: bool = False
    bypass_eos: bool = False
    render_special: bool = False
    reasoning_effort: str = ""
    images: list[Any] = []
    audio: list[Any] = []
    n: int = 1


def decode(body: GenerateBody, *, seed: int) -> CompletionRequest:
    """The request that a body means, its prompt not yet fitted into a context.

    seed  what is taken where the body names none

    Raises BadRequest, naming the field, for what can't be honoured.
    """
    for field, why in _refused(body):
        raise BadRequest(f"{field} is not supported: {why}", hint=f"leave {field} out")
    schema = _schema(body.grammar)
    stop = [body.stop_sequence] if isinstance(body.stop_sequence, str) else body.stop_sequence
    return CompletionRequest(
        body.model,
        body.memory + body.prompt,
        _sampling(body, seed),
        max_tokens=body.max_length,
        stop=tuple(text for text in stop if text),
        json_schema=schema,
        grammar=body.grammar if schema is None and body.grammar else None,
        top_logprobs=LOGPROBS if body.logprobs else None,
    )


def without_effect(body: GenerateBody) -> list[str]:
    """The fields that ask for something which does not happen, and which the answer is told without."""
    penalized = body.rep_pen != 1 and body.rep_pen_range > 0
    named = {
        "rep_pen_slope": penalized and body.rep_pen_slope != 1,
        "rep_pen": body.mirostat in (1, 2) and penalized,
        "dry_multiplier": body.mirostat in (1, 2) and body.dry_multiplier > 0,
    }
    return [name for name, asked in named.items() if asked]


def _refused(body: GenerateBody) -> Iterator[tuple[str, str]]:
    gone = "llama.cpp has no such sampler"
    if body.top_a > 0:
        yield "top_a", gone
    if body.tfs != 1:
        yield "tfs", gone
    if body.smoothing_factor > 0:
        yield "smoothing_factor", gone
    if body.adaptive_target > 0:
        yield "adaptive_target", gone
    if body.negative_prompt and body.guidance_scale != 1:
        yield "negative_prompt", "answers are not guided by a second prompt"
    yield from _refused_beside_samplers(body)


def _refused_beside_samplers(body: GenerateBody) -> Iterator[tuple[str, str]]:
    if body.grammar and body.grammar_retain_state:
        yield "grammar_retain_state", "a grammar begins anew with each answer"
    if body.bypass_eos:
        yield "bypass_eos", "an answer ends where the model ends it; ban_eos_token keeps it from ending"
    if body.render_special:
        yield "render_special", "special tokens are not shown as text"
    if body.images or body.audio:
        yield "images" if body.images else "audio", "a verbatim prompt is text; /v1/chat/completions takes pictures"
    if body.reasoning_effort.strip().lower() not in UNLIMITED_EFFORTS:
        yield "reasoning_effort", "in a verbatim prompt thoughts are text like any other"
    if body.n != 1:
        yield "n", "one request has one answer"


def _sampling(body: GenerateBody, seed: int) -> Sampling:
    same = Sampling.__dataclass_fields__.keys() & GenerateBody.model_fields.keys()
    given = {name: getattr(body, name) for name in same - {"logit_bias", "dry_sequence_breakers"}}
    banned = body.banned_strings if body.banned_tokens is None else body.banned_tokens
    return Sampling(
        **given,
        typical_p=body.typical,
        top_n_sigma=body.nsigma if body.nsigma > 0 else -1.0,
        repeat_penalty=body.rep_pen,
        repeat_last_n=body.rep_pen_range,
        dry_sequence_breakers=_breakers(body.dry_sequence_breakers),
        samplers=samplers_of(body.sampler_order),
        logit_bias=_biases(body),
        banned_texts=tuple(text for text in banned or () if text),
        seed=body.sampler_seed if body.sampler_seed > 0 else seed,
        ignore_end=body.ban_eos_token or body.use_default_badwordsids,
    )


def samplers_of(order: list[int]) -> tuple[str, ...]:
    """llama.cpp's names in KoboldAI's order. DRY comes first and XTC last, whatever the order, as in KoboldCpp."""
    unknown = [number for number in order if number not in ORDER]
    if unknown or len(set(order)) != len(order):
        raise BadRequest(f"sampler_order can't be {order[:12]}", hint="it has each of the numbers 0 to 6 once")
    return ("dry", *(name for number in order or ORDER for name in SAMPLERS.get(number, ())), "xtc")


def _breakers(given: str | list[str]) -> tuple[str, ...]:
    """A list, or as SillyTavern sends it a list written as JSON. None: llama.cpp's own."""
    if isinstance(given, list):
        return tuple(given)
    try:
        parsed = orjson.loads(given or "[]")
    except orjson.JSONDecodeError:
        parsed = None
    if not isinstance(parsed, list) or not all(isinstance(text, str) for text in parsed):
        raise BadRequest("dry_sequence_breakers is no list of texts")
    return tuple(parsed)


def _biases(body: GenerateBody) -> tuple[tuple[int | str, float], ...]:
    """By the numbers of tokens; a key that is no number stands for a text. Banned ones can't come at all."""
    biases = [(int(k) if re.fullmatch(r"[0-9]{1,9}", k) else k, bias) for k, bias in body.logit_bias.items()]
    banned = re.findall(r"[0-9]{1,9}", body.custom_token_bans)
    return (*biases, *((int(number), float("-inf")) for number in banned))


def _schema(grammar: str) -> dict[str, Any] | None:
    """The JSON schema that may stand in place of a grammar."""
    try:
        parsed = orjson.loads(grammar or "null")
    except orjson.JSONDecodeError:
        return None
    return parsed if isinstance(parsed, dict) else None
