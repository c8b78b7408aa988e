import pytest

from domov.errors import BadOption
from domov.sizing.cache import cache_bytes
from domov.store.shape import Attention

QWEN3_0_6B = [Attention(kv_heads=8, key_size=128, value_size=128)] * 28  # config.json: head_dim 128, not 64


def test_qwen3_takes_112_kib_a_token() -> None:
    # 28 layers x 8 heads x (128 + 128) values x 2 bytes
    assert cache_bytes(QWEN3_0_6B, context_tokens=1) == 114_688


def test_an_8_bit_cache_takes_34_bytes_for_32_values() -> None:
    assert cache_bytes(QWEN3_0_6B, context_tokens=32, dtype="q8_0") == 28 * 8 * 256 * 34


def test_a_window_stops_growing() -> None:
    window = [Attention(kv_heads=1, key_size=64, value_size=64, window_tokens=512)]
    assert cache_bytes(window, context_tokens=512) == cache_bytes(window, context_tokens=100_000)


def test_an_unknown_type_is_named() -> None:
    with pytest.raises(BadOption, match="q3_x"):
        cache_bytes(QWEN3_0_6B, context_tokens=1, dtype="q3_x")
