"""The two ways in are told the same: each row of the table against the real engine."""

from dataclasses import fields, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import xllamacpp

from domov.engine.launch import Endpoint, Launch
from domov.engine.parameters import Member, Parameter, arguments, batches, parameters
from domov.engine.worker import apply
from domov.errors import BadOption
from domov.options import AdapterFile, ModelOptions

CHANGED = {
    "chat_template": "{{ messages[0]['content'] }}",
    "slots": 3,
    "shared_cache": True,
    "batch_threads": 7,
    "cache_type": "q8_0",
    "value_cache_type": "q4_0",
    "flash_attention": "on",
    "gpu_layers": 4,
    "cpu_expert_layers": 2,
    "batch_tokens": 256,
    "micro_batch_tokens": 128,
    "rope_scaling": "yarn",
    "rope_factor": 4.0,
    "original_context_tokens": 2048,
    "mmproj": "/mmproj.gguf",
    "adapters": (AdapterFile("/a.gguf", 0.5), AdapterFile("/b.gguf")),
    "prompt_cache_mib": 77,
    "pooling": "mean",
}
SPECULATIONS = {
    "ngram": {"speculation": "ngram", "ngram_tokens": 9, "draft_tokens": 11},
    "draft": {"speculation": "draft", "draft_model": "/d.gguf", "draft_tokens": 5, "draft_probability": 0.25},
    "mtp": {"speculation": "mtp", "draft_tokens": 2},
}
TASKS = {"embedding": {"task": "embedding", "pooling": "last"}, "reranking": {"task": "reranking"}}


def launch(**options: Any) -> Launch:
    states, slots = "/states" if options else None, options.pop("slots", 1)
    return Launch(
        "/m.gguf", Endpoint("/s"), 512, 2, 1, slots=slots, slot_save_path=states, options=ModelOptions(**options)
    )


LAUNCHES = {
    "plain": launch(),
    **{name: launch(**CHANGED, **more) for name, more in SPECULATIONS.items()},
    **{name: launch(**more) for name, more in TASKS.items()},
    "two cards": replace(launch(gpu_layers=33), layers_per_gpu=(20, 13)),
}


@cache
def engine_binary() -> bytes:
    """The library that holds llama.cpp, with the names of its command line's options among its texts."""
    (library,) = (p for p in Path(xllamacpp.__file__).parent.glob("xllamacpp*") if p.suffix in (".so", ".pyd"))
    return library.read_bytes()


def read_back(common: Any, parameter: Parameter) -> Any:
    value = common
    for name in parameter.attribute.split("."):
        value = getattr(value, name)
    return value


@pytest.mark.parametrize("name", LAUNCHES)
def test_xllamacpp_takes_every_value_as_it_is(name: str) -> None:
    common = xllamacpp.CommonParams()
    apply(common, LAUNCHES[name], xllamacpp)
    for parameter in parameters(LAUNCHES[name]):
        value, meant = read_back(common, parameter), parameter.attribute_value
        if parameter.attribute == "speculative.types":
            assert [v.name for v in value] == [m.name for m in meant]
        elif parameter.attribute == "lora_adapters":
            assert [(a.path, a.scale) for a in value] == [("/a.gguf", 0.5), ("/b.gguf", 1.0)]
        elif parameter.attribute == "tensor_split":
            assert tuple(value) == meant
        elif isinstance(meant, Member):
            known = getattr(xllamacpp, meant.enumeration)
            assert known(value).name == meant.name, parameter
        else:
            assert value == meant, parameter


@pytest.mark.parametrize("name", LAUNCHES)
def test_llama_server_knows_every_option(name: str) -> None:
    for parameter in parameters(LAUNCHES[name]):
        assert b"\0" + parameter.flag.encode() + b"\0" in engine_binary(), parameter.flag


@pytest.mark.parametrize("name", LAUNCHES)
def test_both_ways_say_the_same(name: str) -> None:
    for parameter in parameters(LAUNCHES[name]):
        own, told = parameter.attribute_value, parameter.arguments
        if isinstance(own, Member):
            word = {"auto": "AUTO", "on": "ENABLED", "off": "DISABLED"}.get(parameter.value, parameter.value.upper())
            assert own.name.endswith(f"_{word}")
        elif parameter.own is None:
            assert told == ((parameter.flag,) if own is True else (parameter.flag, str(own)))


def test_what_is_written_differently_is_the_same_by_hand() -> None:
    line = " ".join(arguments(LAUNCHES["draft"]))
    own = {p.attribute: p.attribute_value for p in parameters(LAUNCHES["draft"])}
    assert "--rope-scale 4.0" in line and own["rope_freq_scale"] == 0.25
    assert "--lora-scaled /a.gguf:0.5,/b.gguf:1.0" in line
    assert "--slot-save-path /states" in line and own["slot_save_path"] == "/states/"
    assert "--n-cpu-moe 2" in line
    assert own["tensor_buft_overrides"] == ",".join(
        rf"blk\.{n}\.ffn_(up|down|gate|gate_up)_(ch|)exps=CPU" for n in (0, 1)
    )
    assert "--spec-type draft-simple" in line
    assert [m.name for m in own["speculative.types"]] == ["COMMON_SPECULATIVE_TYPE_DRAFT_SIMPLE"]


def test_every_option_of_a_model_reaches_the_engine() -> None:
    plain = set(arguments(launch()))
    for f in fields(ModelOptions):
        if f.name in ("context_tokens", "threads", "slots"):
            continue  # decided before: they stand in Launch itself
        options = {**CHANGED, **SPECULATIONS["draft"], **SPECULATIONS["ngram"], "task": "embedding"}
        alone: dict[str, Any] = {f.name: options[f.name]} if f.name in options else {}
        alone |= {"rope_scaling": "yarn"} if f.name in ("rope_factor", "original_context_tokens") else {}
        alone |= {"speculation": "ngram"} if f.name in ("ngram_tokens", "draft_tokens") else {}
        alone |= SPECULATIONS["draft"] if f.name in ("draft_model", "draft_probability") else {}
        assert alone, f"{f.name} has no value here"
        assert set(arguments(launch(**alone))) - plain, f.name


def test_each_slot_has_the_whole_context_unless_they_share_one() -> None:
    def context(**options: Any) -> int:
        return int(next(p.value for p in parameters(launch(**options)) if p.attribute == "n_ctx"))

    assert (context(slots=3), context(slots=3, shared_cache=True)) == (3 * 512, 512)


def test_a_text_to_embed_is_read_in_one_piece() -> None:
    assert batches(launch(task="embedding")) == (512, 512)
    assert batches(launch(batch_tokens=64)) == (64, 64)


@pytest.mark.parametrize("path", ["/a,b.gguf", "/a:b.gguf"])
def test_a_path_that_llama_server_would_split_is_refused(path: str) -> None:
    with pytest.raises(BadOption, match="comma or colon"):
        arguments(launch(adapters=(AdapterFile(path),)))
