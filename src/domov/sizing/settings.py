"""How a model is loaded: the settings that its memory and speed depend on, in llama.cpp's terms."""

from dataclasses import dataclass

from domov.errors import BadOption
from domov.sizing.cache import BYTES_PER_VALUE

# A worker reads so many tokens of a prompt at once; llama.cpp's compute buffers are made for them.
BATCH_TOKENS = MICRO_BATCH_TOKENS = 512
PADDING_TOKENS = 256  # llama.cpp rounds caches up to it


@dataclass(frozen=True, slots=True)
class Settings:
    context_tokens: int  # of each slot
    slots: int = 1  # conversations at the same time, each with a cache of its own
    cache_type: str = "f16"
    flash_attention: bool = True
    batch_tokens: int = BATCH_TOKENS
    micro_batch_tokens: int = MICRO_BATCH_TOKENS
    embeddings: bool = False  # every token of a text gives a result, not only the last
    projector_bytes: int = 0  # of what is loaded beside the model, on the first device

    def __post_init__(self) -> None:
        if self.cache_type not in BYTES_PER_VALUE:
            raise BadOption(f"unknown cache type: {self.cache_type}", hint=f"one of {', '.join(BYTES_PER_VALUE)}")
        if min(self.context_tokens, self.slots, self.batch_tokens, self.micro_batch_tokens) < 1:
            raise BadOption("context, slots and batches are at least 1")

    @property
    def cells(self) -> int:
        """Tokens that the cache of one slot has room for."""
        return padded(self.context_tokens)

    @property
    def graph_tokens(self) -> int:
        """Tokens in the largest calculation that llama.cpp reserves memory for."""
        return min(self.micro_batch_tokens, self.batch_tokens, self.cells * self.slots)

    def window_cells(self, window_tokens: int) -> int:
        """As `cells`, for layers that see only a window (src/llama-kv-cache-iswa.cpp)."""
        return min(self.cells, padded(window_tokens + self.graph_tokens))


def padded(tokens: int) -> int:
    return -(-tokens // PADDING_TOKENS) * PADDING_TOKENS
