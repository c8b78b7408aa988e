"""How the next token is chosen, in llama-server's words; every number is held to what native code can take.

Pure. Ranges and names: llama.cpp tools/server/server-schema.cpp and README.md, POST /completion.
"""

import math
from collections.abc import Iterable
from typing import Any

from domov.engine.bounds import check_grammar, check_schema
from domov.engine.traits import Traits
from domov.errors import BadRequest
from domov.types import Request, Sampling

# Finite, and small enough that no float or 32-bit number overflows on the way.
RANGES: dict[str, tuple[float, float]] = {
    "temperature": (0, 100),
    "top_p": (0, 1),
    "top_k": (0, 2**31 - 1),
    "min_p": (0, 1),
    "typical_p": (0, 1),
    "top_n_sigma": (-1, 100),
    "repeat_penalty": (0, 100),
    "repeat_last_n": (-1, 2**31 - 1),
    "presence_penalty": (-100, 100),
    "frequency_penalty": (-100, 100),
    "dry_multiplier": (0, 100),
    "dry_base": (0, 100),
    "dry_allowed_length": (0, 2**31 - 1),
    "dry_penalty_last_n": (-1, 2**31 - 1),
    "xtc_probability": (0, 1),
    "xtc_threshold": (0, 1),
    "dynatemp_range": (0, 100),
    "dynatemp_exponent": (-100, 100),
    "mirostat": (0, 2),
    "mirostat_tau": (0, 100),
    "mirostat_eta": (0, 100),
}
# llama.cpp makes a buffer of this many tokens: 2^31 of them are 8 GB. -1 is the whole context.
WINDOWS = ("repeat_last_n", "dry_penalty_last_n")
SAMPLERS = ("penalties", "dry", "top_n_sigma", "top_k", "typ_p", "top_p", "min_p", "xtc", "temperature")
OTHER_NAMES = {"typical_p": "typ_p", "typical": "typ_p", "temp": "temperature", "top-k": "top_k", "top-p": "top_p"}
MOST_TOKENS = 2**31 - 1
MOST_LOGPROBS = 100
MOST_TEXTS = 256  # stop texts, sequence breakers, biases by text


def sampling_fields(sampling: Sampling, traits: Traits) -> dict[str, Any]:
    """Only what was asked for. Raises BadRequest, naming the field, for a number that means nothing."""
    fields: dict[str, Any] = {}
    for name, (least, most) in RANGES.items():
        if (value := getattr(sampling, name)) is not None:
            fields[name] = in_range(name, value, least, most)
    for name in WINDOWS:
        if name in fields:
            whole = traits.context_tokens
            fields[name] = whole if fields[name] < 0 else min(fields[name], whole)
    if sampling.seed is not None:
        fields["seed"] = sampling.seed % 2**32  # llama.cpp's seeds have 32 bits
    if sampling.ignore_end:
        fields["ignore_eos"] = True
    if sampling.samplers is not None:
        fields["samplers"] = [_sampler(name) for name in sampling.samplers]
    if sampling.dry_sequence_breakers:
        fields["dry_sequence_breakers"] = few("dry_sequence_breakers", sampling.dry_sequence_breakers)
    if sampling.logit_bias:
        fields["logit_bias"] = [_bias(token, bias, traits) for token, bias in sampling.logit_bias]
    return fields


def answer_fields(request: Request, traits: Traits) -> dict[str, Any]:
    """What every kind of request for text shares, but for the names that the two routes give differently."""
    fields: dict[str, Any] = {"stream": True, "cache_prompt": True}
    if request.progress:
        fields["return_progress"] = True
    if request.max_tokens is not None:
        fields["n_predict"] = in_range("max_tokens", request.max_tokens, 0, MOST_TOKENS)
    if stop := [text for text in request.stop if text]:
        fields["stop"] = few("stop", stop)
    if request.grammar is not None and request.json_schema is not None:
        raise BadRequest("a grammar and a JSON schema can't hold the same answer", hint="leave one of them out")
    if request.json_schema is not None:
        check_schema(request.json_schema, what="the schema")
    if request.grammar:
        check_grammar(request.grammar)
        fields["grammar"] = request.grammar
    if request.top_logprobs is not None:
        in_range("top_logprobs", request.top_logprobs, 0, MOST_LOGPROBS)
    if request.adapters is not None:
        fields["lora"] = [_adapter(a.index, a.scale, traits) for a in request.adapters]
    return fields


def in_range(name: str, value: float, least: float, most: float) -> float:
    if not least <= value <= most:  # nor is NaN; math.isfinite fails for large integers
        raise BadRequest(f"{name} is {value}: it goes from {least:g} to {most:g}")
    return value


def few(name: str, texts: Iterable[str], *, most: int = MOST_TEXTS) -> list[str]:
    listed = list(texts)
    if len(listed) > most:
        raise BadRequest(f"{name} has {len(listed)} texts: at most {most}")
    return listed


def token_in_range(number: int, traits: Traits) -> int:
    if number < 0 or (traits.vocabulary and number >= traits.vocabulary):
        raise BadRequest(f"no such token: {number}; the model has {traits.vocabulary}")
    return number


def _sampler(name: str) -> str:
    known = OTHER_NAMES.get(name, name)
    if known not in SAMPLERS:
        raise BadRequest(f"no such sampler: {name[:40]}", hint=f"they are {', '.join(SAMPLERS)}")
    return known


def _bias(token: int | str, bias: float, traits: Traits) -> list[Any]:
    if isinstance(token, int):
        token_in_range(token, traits)
    if bias == -math.inf:
        return [token, False]  # forbidden
    return [token, in_range("logit_bias", bias, -1000, 1000)]


def _adapter(index: int, scale: float, traits: Traits) -> dict[str, Any]:
    if not 0 <= index < traits.adapters:
        raise BadRequest(f"no such adapter: {index}; the model was loaded with {traits.adapters}")
    return {"id": index, "scale": in_range("the scale of an adapter", scale, -100, 100)}
