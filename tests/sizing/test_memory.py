"""One number by hand arithmetic for each architecture, then laws."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domov.errors import BadOption
from domov.sizing.memory import memory
from domov.sizing.settings import Settings
from domov.store import blueprint
from domov.store.recipe import retyped
from domov.store.shape import ModelShape, shape_of

KIB, MIB = 1 << 10, 1 << 20


def shape(name: str, quantization: str = "Q4_K_M") -> ModelShape:
    return shape_of(retyped(blueprint.header(blueprint.load()[name]), quantization), name=name)


@pytest.mark.parametrize(
    ("name", "context_tokens", "expected_bytes"),
    [
        ("smollm2:135m", 256, 256 * 30 * 3 * 64 * 2 * 2),
        ("tinyllama:1.1b", 2048, 2048 * 22 * 4 * 64 * 2 * 2),  # 44 MiB
        ("mistral:7b", 8192, 8192 * 32 * 8 * 128 * 2 * 2),  # 1 GiB
        ("qwen3:0.6b", 1024, 1024 * 28 * 8 * 128 * 2 * 2),  # heads of 128, not 1024 / 16
        ("qwen2.5-coder:1.5b", 1024, 1024 * 28 * 2 * 128 * 2 * 2),
        ("codegemma:2b", 1024, 1024 * 18 * 1 * 256 * 2 * 2),
        # 26 layers, one in six sees all: 4 of them; the others 512 + 512 tokens
        ("gemma3:1b", 8192, (4 * 8192 + 22 * 1024) * 256 * 2 * 2),
        ("gpt-oss:20b", 8192, (12 * 8192 + 12 * 768) * 8 * 64 * 2 * 2),  # 128 + 512 rounded up to 768
        # 42 layers, the last 18 use others' caches: 20 windows of heads of 256, 4 whole of heads of 512
        ("gemma4:e4b", 8192, (20 * 1024 * 256 + 4 * 8192 * 512) * 2 * 2 * 2),
        ("olmoe:7b", 1024, 1024 * 16 * 16 * 128 * 2 * 2),
        ("qwen3-coder:30b", 1024, 1024 * 48 * 4 * 128 * 2 * 2),
        ("deepseek-v2-lite:16b", 1024, 1024 * 27 * 576 * 2),  # MLA: keys alone, the values are part of them
        ("granite4-h:350m", 1024, 1024 * 4 * 4 * 64 * 2 * 2),  # 4 of 32 layers attend
        ("lfm2:350m", 1024, 1024 * 6 * 8 * 64 * 2 * 2),
        ("qwen3.5:4b", 1024, 1024 * 8 * 4 * 256 * 2 * 2),  # every fourth layer
        ("minilm:22m", 512, 0),  # it reads a text at once
    ],
)
def test_attention_caches_by_hand(name: str, context_tokens: int, expected_bytes: int) -> None:
    assert memory(shape(name), Settings(context_tokens)).cache_bytes == expected_bytes


def test_recurrent_states_by_hand() -> None:
    # Mamba-2: 3 steps of 1536 + 2 x 128 values, and 128 x 1536 values; 28 layers; 32-bit
    assert memory(shape("granite4-h:350m"), Settings(1024)).state_bytes == 28 * 4 * (3 * 1792 + 128 * 1536)
    assert memory(shape("lfm2:350m"), Settings(1024, slots=3)).state_bytes == 3 * 10 * 4 * 2 * 1024
    assert memory(shape("qwen3.5:4b"), Settings(1024)).state_bytes == 24 * 4 * (3 * 8192 + 128 * 4096)


def test_tinyllamas_compute_buffer_by_hand() -> None:
    # 512 tokens x (5 x 2048 hidden + 3 x 5632 feed-forward + 2048 / 2 mask + 10) x 4 bytes: 55 MiB
    assert memory(shape("tinyllama:1.1b"), Settings(2048)).compute_bytes == 512 * 4 * (10240 + 16896 + 1024 + 10)


def test_without_flash_attention_every_head_looks_at_every_token() -> None:
    m = memory(shape("mistral:7b"), Settings(8192, flash_attention=False))
    assert m.compute_bytes == 512 * 4 * (32 * 8192 + 8192 + 6 * 4096 + 2 * 1024 + 10)


def test_heads_that_foresee_several_tokens_are_not_loaded() -> None:
    plan = blueprint.load()["qwen3:0.6b"]
    header = blueprint.header(plan)
    header.metadata["qwen3.nextn_predict_layers"] = 1
    found = shape_of(header, name="x")
    assert len(found.layers) == 27
    assert found.weights_bytes < sum(t.size_bytes for t in header.tensors)


def test_of_a_mixture_only_the_experts_used_are_read() -> None:
    found = shape("qwen3-coder:30b")
    assert found.read_parameters == pytest.approx(3.0e9, rel=0.1)
    assert found.expert_bytes > 0.9 * sum(layer.weights_bytes for layer in found.layers)


SETTINGS = st.builds(
    Settings,
    st.integers(1, 1 << 20),
    slots=st.integers(1, 64),
    cache_type=st.sampled_from(["f16", "q8_0", "q4_0"]),
    flash_attention=st.booleans(),
)


@given(name=st.sampled_from(sorted(blueprint.load())), settings=SETTINGS)
def test_more_context_and_more_slots_never_take_less(name: str, settings: Settings) -> None:
    found = shape(name)
    less = memory(found, settings)
    more = Settings(2 * settings.context_tokens, settings.slots + 1, settings.cache_type, settings.flash_attention)
    assert memory(found, more).cache_bytes >= less.cache_bytes >= 0
    assert memory(found, more).state_bytes >= less.state_bytes


def test_settings_that_cannot_be_are_refused() -> None:
    for wrong in ({"cache_type": "q3_x"}, {"slots": 0}, {"batch_tokens": -1}):
        with pytest.raises(BadOption):
            Settings(512, **wrong)
