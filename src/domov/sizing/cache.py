"""How much memory a model's attention cache takes, and the states of its recurrent layers.

Pure arithmetic: no disk, no GPU, no network. Weights and compute buffers are added in `plan`.
"""

from collections.abc import Sequence

from domov.errors import BadOption
from domov.store.shape import Attention, Recurrent

# ggml block formats: 32 values share one 2-byte scale (and in q4_1 and q5_1 one 2-byte minimum).
BYTES_PER_VALUE = {
    "f32": 4.0,
    "f16": 2.0,
    "bf16": 2.0,
    "q8_0": 34 / 32,
    "q5_1": 24 / 32,
    "q5_0": 22 / 32,
    "q4_1": 20 / 32,
    "q4_0": 18 / 32,
}


def cache_bytes(layers: Sequence[Attention], *, context_tokens: int, dtype: str = "f16", window_room: int = 0) -> int:
    """Memory for the keys and values of one full conversation.

    context_tokens  tokens it may hold
    dtype           a key of BYTES_PER_VALUE
    window_room     tokens that a window is given beside its own; llama.cpp gives one micro-batch

    Recurrent layers are not attention: leave them out of `layers`. Not counted: llama.cpp rounds contexts and
    windows up to 256 tokens (src/llama-kv-cache-iswa.cpp); `settings.Settings` does that before.

    Raises BadOption for a dtype that is not in the table.
    """
    if dtype not in BYTES_PER_VALUE:
        raise BadOption(f"unknown cache type: {dtype}", hint=f"one of {', '.join(BYTES_PER_VALUE)}")
    values = sum(
        layer.kv_heads
        * (layer.key_size + layer.value_size)
        * min(context_tokens, layer.window_tokens + window_room if layer.window_tokens else context_tokens)
        for layer in layers
    )
    return int(values * BYTES_PER_VALUE[dtype])


def state_bytes(layers: Sequence[Recurrent]) -> int:
    """Memory for the states of the recurrent layers of one conversation: 32-bit, whatever the cache type."""
    return 4 * sum(layer.values for layer in layers)
