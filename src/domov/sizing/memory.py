"""The memory that a model takes when it is loaded with some settings, by purpose.

Pure: what llama.cpp will allocate, from the model's header alone. Which device it lies on is `offload`'s matter.
"""

from dataclasses import dataclass, replace

from domov.sizing.cache import cache_bytes, state_bytes
from domov.sizing.compute import compute_bytes, output_bytes
from domov.sizing.settings import Settings
from domov.store.shape import Layer, ModelShape

# A worker beside its buffers: Python, llama.cpp's code and its lists of tokens (docs/fit.md: 40 to 50 MB measured).
PROCESS_BYTES = 50_000_000


@dataclass(frozen=True, slots=True)
class Memory:
    weights_bytes: int
    cache_bytes: int  # attention caches of all slots
    state_bytes: int  # recurrent layers' states of all slots
    compute_bytes: int
    output_bytes: int

    @property
    def buffers_bytes(self) -> int:
        """All that llama.cpp allocates, the mapped file included."""
        return self.weights_bytes + self.cache_bytes + self.state_bytes + self.compute_bytes + self.output_bytes

    @property
    def needed_bytes(self) -> int:
        return self.buffers_bytes + PROCESS_BYTES


def memory(shape: ModelShape, settings: Settings) -> Memory:
    """What the whole model takes, on however many devices."""
    layers = layers_of(shape)
    return Memory(
        weights_bytes=shape.weights_bytes,
        cache_bytes=sum(layer_cache_bytes(shape, layer, settings) for layer in layers),
        state_bytes=settings.slots * state_bytes([y.recurrent for y in layers if y.recurrent]),
        compute_bytes=compute_bytes(shape, settings),
        output_bytes=output_bytes(shape, settings),
    )


def layers_of(shape: ModelShape) -> tuple[Layer, ...]:
    """The model's layers; where only their attention is known, the weights shared out among them."""
    if shape.layers:
        return shape.layers
    share = shape.weights_bytes // max(1, len(shape.attention))
    return tuple(Layer(share, attention=a) for a in shape.attention)


def layer_cache_bytes(shape: ModelShape, layer: Layer, settings: Settings) -> int:
    """The attention cache of one layer, for all slots."""
    attention = layer.attention
    if attention is None:
        return 0
    if not settings.flash_attention:  # values are kept transposed, and as wide as the widest layer's
        widest = max(a.kv_heads * a.value_size for a in shape.attention)
        attention = replace(attention, value_size=widest // max(1, attention.kv_heads))
    window = attention.window_tokens
    cells = settings.window_cells(window) if window else settings.cells
    whole = replace(attention, window_tokens=None)
    return settings.slots * cache_bytes([whole], context_tokens=cells, dtype=settings.cache_type)
