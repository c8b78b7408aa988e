"""How much memory llama.cpp sets aside for the calculation itself, beside weights and caches.

ggml's allocator lets results share memory as soon as nobody needs them; what is left at the widest place of one layer,
times the tokens of a micro-batch, is the buffer. The counts (five hidden rows beside gate, up and their product; three
beside the queries) are where that allocator ends up, read off its reservations at b11549: docs/fit.md shows them.
"""

from domov.sizing.settings import Settings
from domov.store.shape import ModelShape

VALUE_BYTES = 4
POSITIONS = 10  # token numbers, positions and cache places, in values for each token
HIDDEN_BESIDE_OUTPUT = 8


def compute_bytes(shape: ModelShape, settings: Settings) -> int:
    """The compute buffer of a model that lies whole on one device.

    On the processor it is exact to a percent for the architectures of the benchmark. Graphics drivers round up, and
    a model that is split over devices has a buffer on each.
    """
    tokens = settings.graph_tokens
    places = [
        tokens * _feed_forward_values(shape),
        tokens * _attention_values(shape, settings),
        tokens * _output_values(shape, settings),
        *([_recurrent_values(shape, settings)] if shape.recurrent else []),
    ]
    inputs = tokens * (_mask_values(shape, settings) + POSITIONS + shape.width.extra)
    return round(VALUE_BYTES * (max(places) + inputs))


def output_bytes(shape: ModelShape, settings: Settings) -> int:
    """The buffer for results: the likelihoods of all tokens, for the newest of each slot."""
    row = shape.width.vocabulary + (shape.width.hidden if settings.embeddings else 0)
    return VALUE_BYTES * row * settings.slots


def _feed_forward_values(shape: ModelShape) -> int:
    hidden = 6 if shape.recurrent and shape.architecture not in DELTA_NETS + SHORT_CONVOLUTIONS else 5
    return hidden * shape.width.hidden + shape.width.feed_forward


DELTA_NETS = ("qwen35", "qwen35moe", "qwen3next")
SHORT_CONVOLUTIONS = ("lfm2", "lfm2moe")


def _attention_values(shape: ModelShape, settings: Settings) -> int:
    w = shape.width
    if any(a.value_size == 0 for a in shape.attention):  # MLA: queries are as wide as the compressed keys
        rows = 3 * w.query + w.hidden + w.cached
    else:
        rows = 3 * (w.hidden + w.query) + 2 * w.cached
    return rows if settings.flash_attention else rows + w.heads * _seen_cells(shape, settings)


def _recurrent_values(shape: ModelShape, settings: Settings) -> int:
    """The state of every slot is copied, beside what the tokens take."""
    state = max(layer.values for layer in shape.recurrent)
    if shape.architecture in SHORT_CONVOLUTIONS:
        return settings.graph_tokens * 7 * shape.width.hidden
    return settings.graph_tokens * (5 * shape.width.hidden + shape.width.recurrent) + settings.slots * state


def _output_values(shape: ModelShape, settings: Settings) -> int:
    """Where every token has a result, all their likelihoods lie here at once."""
    if not settings.embeddings or not shape.attention:
        return 0
    return shape.width.vocabulary + HIDDEN_BESIDE_OUTPUT * shape.width.hidden


def _mask_values(shape: ModelShape, settings: Settings) -> float:
    """Which token may see which: 16-bit with flash attention, 32-bit without; one more mask for windows."""
    cells = _seen_cells(shape, settings) if shape.attention or not shape.recurrent else 0
    windows = {a.window_tokens for a in shape.attention if a.window_tokens}
    cells += max((settings.window_cells(w) for w in windows), default=0)
    return cells / 2 if settings.flash_attention else cells


def _seen_cells(shape: ModelShape, settings: Settings) -> int:
    return settings.cells if shape.attention else settings.graph_tokens
