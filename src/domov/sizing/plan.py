"""With what settings a model is loaded on this machine.

Pure: the machine and the model come in as figures. So far one conversation at a time, on the processor or
wherever llama.cpp puts the layers by itself.
"""

from dataclasses import dataclass

from domov.errors import BadOption
from domov.sizing.cache import cache_bytes
from domov.store.shape import ModelShape

LEAST_CONTEXT_TOKENS = 512
# Beside weights and cache: compute buffers and the process itself (SmolLM2-135M: 160 MB measured).
OVERHEAD_BYTES = 300_000_000


@dataclass(frozen=True, slots=True)
class Plan:
    context_tokens: int  # of one conversation
    slots: int  # conversations at the same time
    threads: int
    weights_bytes: int
    cache_bytes: int

    @property
    def needed_bytes(self) -> int:
        """A rough figure for the whole: weights, cache and OVERHEAD_BYTES."""
        return self.weights_bytes + self.cache_bytes + OVERHEAD_BYTES


def make_plan(
    shape: ModelShape, *, free_bytes: int, cores: int, most_context_tokens: int = 0, threads: int = 0, slots: int = 1
) -> Plan:
    """The largest context that fits, up to what the model was trained for.

    free_bytes           memory that may be used, in all
    cores                physical cores that may be used
    most_context_tokens  a limit on the context; 0: none
    threads              0: one for each core

    The context never falls below LEAST_CONTEXT_TOKENS: an estimate is no reason to refuse.
    Raises BadOption for a negative number.
    """
    if min(free_bytes, cores, most_context_tokens, threads) < 0:
        raise BadOption("a plan takes no negative numbers")
    context = min(shape.trained_context_tokens, most_context_tokens or shape.trained_context_tokens)
    room = free_bytes - shape.weights_bytes - OVERHEAD_BYTES
    while context > LEAST_CONTEXT_TOKENS and slots * cache_bytes(shape.attention, context_tokens=context) > room:
        context = max(LEAST_CONTEXT_TOKENS, context // 2)
    return Plan(
        context_tokens=context,
        slots=slots,
        threads=threads or max(1, cores),
        weights_bytes=shape.weights_bytes,
        cache_bytes=slots * cache_bytes(shape.attention, context_tokens=context),
    )
