"""Our predictions beside llama.cpp's own: its dry run, and what it has told on others' graphics cards."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.dry_run import Forecast, parse_breakdown
from benchmarks.fit import MIB, WORST, second_opinion
from domov.engine.allocated import parse_log
from domov.hardware.machine import described
from domov.sizing.memory import memory
from domov.sizing.offload import place
from domov.sizing.settings import Settings
from domov.store import blueprint
from domov.store.models import Model
from domov.store.recipe import retyped
from domov.store.shape import shape_of
from tests.sizing.test_allocated import hollow
from tests.sizing.test_memory import shape

# Larger than this machine's memory: nothing is allocated.
LARGE = ("llama2:70b", "gpt-oss:20b", "gemma3:4b", "qwen3.5:9b")
CONTEXTS = (Settings(8192), Settings(2048, slots=4), Settings(8192, flash_attention=False))


@pytest.mark.parametrize("name", LARGE)
def test_llama_cpp_s_dry_run_says_the_same(name: str, starter: Model, tmp_path: Path) -> None:
    file = hollow(name, tmp_path, starter.path)
    for settings in CONTEXTS:
        opinion = second_opinion(name, file, settings)
        m, forecast = opinion.predicted, opinion.forecast
        assert abs(opinion.error) <= WORST / 5, settings
        assert m.weights_bytes // MIB == pytest.approx(forecast.model_mib, abs=1)
        assert (m.cache_bytes + m.state_bytes) // MIB == pytest.approx(forecast.context_mib, abs=1)
    file.unlink()


# ipex-llm, docs/mddocs/Quickstart/llama_cpp_quickstart.md: Mistral 7B Q4_K_M on an Intel Arc A770.
ARC = """
load_tensors:   CPU_Mapped model buffer size =    70.31 MiB
load_tensors:        SYCL0 model buffer size =  4095.05 MiB
llama_kv_cache_init:      SYCL0 KV buffer size =   128.00 MiB
llama_init_from_model:  SYCL_Host  output buffer size =     0.12 MiB
llama_init_from_model:      SYCL0 compute buffer size =   164.01 MiB
llama_init_from_model:  SYCL_Host compute buffer size =    20.01 MiB
"""


def test_a_card_of_another_maker_took_what_is_predicted() -> None:
    settings = Settings(1024, flash_attention=False, batch_tokens=1024, micro_batch_tokens=1024)
    first = replace(blueprint.load()["mistral:7b"], vocabulary=32_000)  # its version 0.1
    model = shape_of(retyped(blueprint.header(first), "Q4_K_M"), name="mistral")
    card, ram = place(model, settings, described("16 GB GPU, 32 GB RAM")).shares
    told = parse_log(ARC.splitlines())
    assert card.weights_bytes == pytest.approx(told.bytes_of("weights", device="SYCL0"), rel=0.001)
    assert ram.weights_bytes == pytest.approx(told.bytes_of("weights", device="CPU_Mapped"), rel=0.001)
    assert card.cache_bytes == told.bytes_of("cache")
    # An older build (early 2025), whose graphs were made otherwise: our buffer is the larger one.
    assert told.bytes_of("compute", device="SYCL0") <= card.compute_bytes <= 1.4 * told.bytes_of("compute")


# A build of 2025 with gpt-oss 20B on an NVIDIA card: 12 layers see the whole context of 131,072 tokens, 12 a window.
GPT_OSS_CACHES_MIB = (3072.00, 18.00)


def test_windows_take_on_a_card_what_is_predicted() -> None:
    m = memory(shape("gpt-oss:20b"), Settings(131_072, batch_tokens=2048))
    assert m.cache_bytes == sum(GPT_OSS_CACHES_MIB) * MIB


# common/fit.cpp's table, as it is printed for two cards (llama.cpp, pull request 15860 and later).
BREAKDOWN = """
common_memory_breakdown_print: | memory breakdown [MiB] | total    free    self   model   context   compute    unaccounted |
common_memory_breakdown_print: |   - CUDA0 (RTX 4090)   | 24080 = 9436 + (14193 = 13169 +      38 +     985) +         451 |
common_memory_breakdown_print: |   - CUDA1 (RTX 4090)   | 24080 = 9868 + (13756 = 13169 +      38 +     548) +        -456 |
common_memory_breakdown_print: |   - Host               |                   72 =     0 +      57 +      15                |
"""  # noqa: E501


def test_a_breakdown_is_read_device_by_device() -> None:
    assert parse_breakdown(BREAKDOWN.splitlines()) == [
        Forecast("CUDA0", 13169, 38, 985),
        Forecast("CUDA1", 13169, 38, 548),
        Forecast("Host", 0, 57, 15),
    ]
    assert parse_breakdown(["nothing"]) == []
