"""What the fields of a request for text mean, by hand."""

import math
from typing import Any

import pytest
from pydantic import ValidationError

from domov.api.kobold.fields import GenerateBody, decode, samplers_of, without_effect
from domov.errors import BadRequest
from domov.types import CompletionRequest


def asked(**fields: Any) -> CompletionRequest:
    return decode(GenerateBody.model_validate({"prompt": "Hi", **fields}), seed=7)


def test_what_is_left_out_is_koboldcpps_default() -> None:
    request = asked()
    sampling = request.sampling
    assert (request.prompt, request.max_tokens, request.stop, request.top_logprobs) == ("Hi", 1536, (), None)
    assert (sampling.temperature, sampling.top_k, sampling.top_p, sampling.min_p, sampling.typical_p) == (
        0.7,
        100,
        0.9,
        0.0,
        1.0,
    )
    assert (sampling.repeat_penalty, sampling.repeat_last_n, sampling.presence_penalty) == (1.0, 320, 0.0)
    assert (sampling.dry_base, sampling.dry_allowed_length, sampling.dry_penalty_last_n) == (1.75, 2, 320)
    assert (sampling.xtc_threshold, sampling.xtc_probability, sampling.top_n_sigma) == (0.2, 0.0, -1.0)
    assert (sampling.mirostat, sampling.mirostat_tau, sampling.mirostat_eta) == (0, 5.0, 0.1)
    assert sampling.seed == 7 and not sampling.ignore_end


# What KoboldAI Lite sends if nothing was set.
LITE: dict[str, Any] = {
    "n": 1,
    "max_context_length": 8192,
    "max_length": 512,
    "rep_pen": 1.07,
    "rep_pen_range": 360,
    "rep_pen_slope": 0.7,
    "temperature": 0.75,
    "top_p": 0.92,
    "top_k": 100,
    "top_a": 0,
    "typical": 1,
    "tfs": 1,
    "sampler_order": [6, 0, 1, 3, 4, 2, 5],
    "memory": "",
    "trim_stop": True,
    "genkey": "KCPP9485",
    "min_p": 0,
    "dynatemp_range": 0,
    "dynatemp_exponent": 1,
    "smoothing_factor": 0,
    "smoothing_curve": 1,
    "nsigma": 0,
    "banned_tokens": [],
    "render_special": False,
    "logprobs": False,
    "replace_instruct_placeholders": True,
    "presence_penalty": 0,
    "logit_bias": {},
    "adaptive_target": -1,
    "adaptive_decay": 0.9,
    "quiet": True,
    "stop_sequence": ["{{[INPUT]}}", "{{[OUTPUT]}}"],
    "use_default_badwordsids": False,
    "bypass_eos": False,
}


def test_what_koboldai_lite_sends_is_understood() -> None:
    request = asked(**LITE)
    assert request.max_tokens == 512 and request.sampling.repeat_penalty == 1.07
    assert without_effect(GenerateBody.model_validate({"prompt": "", **LITE})) == ["rep_pen_slope"]


def test_the_order_of_the_samplers_is_told_in_llama_cpps_words() -> None:
    assert samplers_of([6, 0, 1, 3, 4, 2, 5]) == (
        "dry",
        "penalties",
        "top_k",
        "typ_p",
        "top_p",
        "min_p",
        "temperature",
        "top_n_sigma",
        "xtc",
    )
    assert samplers_of([5, 6])[:4] == ("dry", "temperature", "top_n_sigma", "penalties")
    assert samplers_of([]) == samplers_of([6, 0, 1, 3, 4, 2, 5])
    for wrong in ([7], [0, 0], [-1]):
        with pytest.raises(BadRequest, match="sampler_order"):
            samplers_of(wrong)


@pytest.mark.parametrize(
    ("field", "value", "harmless"),
    [
        ("top_a", 0.1, 0),
        ("tfs", 0.9, 1),
        ("smoothing_factor", 0.2, 0),
        ("adaptive_target", 0.5, -1),
        ("bypass_eos", True, False),
        ("render_special", True, False),
        ("images", ["aGk="], []),
        ("audio", ["aGk="], []),
        ("reasoning_effort", "low", "high"),
        ("n", 2, 1),
    ],
)
def test_what_would_be_silently_wrong_is_refused(field: str, value: Any, harmless: Any) -> None:
    with pytest.raises(BadRequest, match=f"^{field} is not supported"):
        asked(**{field: value})
    assert asked(**{field: harmless}) == asked() == asked(**{field: None})


def test_fields_that_are_wrong_together_only() -> None:
    assert asked(negative_prompt="bad", guidance_scale=1) == asked(guidance_scale=2)
    with pytest.raises(BadRequest, match="negative_prompt"):
        asked(negative_prompt="bad", guidance_scale=2)
    assert asked(grammar_retain_state=True) == asked()
    with pytest.raises(BadRequest, match="grammar_retain_state"):
        asked(grammar='root ::= "a"', grammar_retain_state=True)


def test_what_has_no_effect_is_named() -> None:
    def named(**fields: Any) -> list[str]:
        return without_effect(GenerateBody.model_validate({"prompt": "", **fields}))

    assert named() == named(rep_pen_slope=0.7) == named(rep_pen=1.1, rep_pen_slope=0.7, rep_pen_range=0) == []
    assert named(rep_pen=1.1, rep_pen_slope=0.7) == ["rep_pen_slope"]
    assert named(mirostat=2, rep_pen=1.1, dry_multiplier=0.8) == ["rep_pen", "dry_multiplier"]


def test_a_grammar_may_be_a_schema_written_as_json() -> None:
    assert asked(grammar='root ::= "a"').grammar == 'root ::= "a"'
    request = asked(grammar='{"type": "object"}')
    assert (request.grammar, request.json_schema) == (None, {"type": "object"})
    assert asked(grammar="[1]").grammar == "[1]"


def test_banned_texts_have_two_names_and_banned_numbers_another() -> None:
    assert asked(banned_strings=["a", ""]).sampling.banned_texts == ("a",)
    assert asked(banned_tokens=["b"], banned_strings=["a"]).sampling.banned_texts == ("b",)
    assert asked(custom_token_bans="3, 17,x").sampling.logit_bias == ((3, -math.inf), (17, -math.inf))
    assert asked(logit_bias={"2": -20, "word": 1.5}).sampling.logit_bias == ((2, -20), ("word", 1.5))


def test_an_end_can_be_forbidden_by_two_names() -> None:
    assert asked(ban_eos_token=True).sampling.ignore_end and asked(use_default_badwordsids=True).sampling.ignore_end


def test_what_clients_write_otherwise() -> None:
    assert asked(temp=0).sampling.temperature == 0  # koboldapi's name
    assert asked(dry_sequence_breakers='["\\n", ":"]').sampling.dry_sequence_breakers == ("\n", ":")  # SillyTavern's
    assert asked(stop_sequence="end").stop == ("end",) and asked(stop_sequence=["", "x"]).stop == ("x",)
    assert asked(max_length="12", temperature="0.5").max_tokens == 12
    with pytest.raises(BadRequest, match="dry_sequence_breakers"):
        asked(dry_sequence_breakers="{}")


@pytest.mark.parametrize("seed", [-1, 0, -5])
def test_a_seed_that_names_none_is_a_chance(seed: int) -> None:
    assert asked(sampler_seed=seed).sampling.seed == 7
    assert asked(sampler_seed=11).sampling.seed == 11


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_length": -1},
        {"max_length": 2**31},
        {"max_context_length": 0},
        {"rep_pen_range": -1},
        {"temperature": math.nan},
        {"top_k": "many"},
        {"top_p": []},
        {"sampler_order": "6,0"},
        {"stop_sequence": [1]},
        {"logit_bias": {"1": math.inf}},
        {"prompt": {}},
        {"memory": 3},
        {"genkey": "k" * 201},
    ],
)
def test_values_of_the_wrong_kind_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        asked(**wrong)
