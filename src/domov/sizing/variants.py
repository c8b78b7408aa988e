"""Every variant of a model on a machine: memory, speed and quality of each quantization, before any is fetched.

Pure. The sizes follow from one header and llama-quantize's rules (`store.recipe`).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from domov.hardware.machine import Machine
from domov.sizing.plan import Plan, Wishes, make_plan
from domov.store.gguf import Header
from domov.store.recipe import retyped
from domov.store.shape import ModelShape, shape_of

QUANTIZATIONS = ("F16", "Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q3_K_M", "Q2_K")
SMALL_PARAMETERS = 1_500_000_000  # below, fewer bits cost more quality
BEST_FIRST = ("Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q3_K_M", "Q2_K")
# In words, after llama.cpp's published perplexities of 7-billion models; a measured figure comes from `domov evaluate`.
QUALITY = {
    "F32": "as made",
    "F16": "as made",
    "BF16": "as made",
    "Q8_0": "as good as made",
    "Q6_K": "hardly any loss",
    "Q5_K_M": "very little loss",
    "Q4_K_M": "little loss, usual",
    "Q3_K_M": "a loss that shows",
    "Q2_K": "a large loss",
    "MXFP4": "as made",
}
SMALL_QUALITY = {"Q4_K_M": "some loss", "Q3_K_M": "a large loss", "Q2_K": "mostly nonsense"}


@dataclass(frozen=True, slots=True)
class Variant:
    quantization: str
    file_bytes: int  # without the tokenizer: some MB
    quality: str
    plan: Plan
    published: bool = False  # the file that the name stands for


def variants(header: Header, machine: Machine, wishes: Wishes, *, name: str) -> Iterator[Variant]:
    """One for each of QUANTIZATIONS, and first the file itself where it is another. Raises BadModelFile, BadOption."""
    own = shape_of(header, name=name)
    if own.quantization not in (*QUANTIZATIONS, "F32", "unknown"):
        yield variant(own, machine, wishes, published=True)
    for quantization in QUANTIZATIONS:
        published = own.quantization == quantization
        shape = own if published else shape_of(retyped(header, quantization), name=name)
        yield variant(shape, machine, wishes, published=published)


def variant(shape: ModelShape, machine: Machine, wishes: Wishes, *, published: bool = False) -> Variant:
    return Variant(
        quantization=shape.quantization,
        file_bytes=shape.weights_bytes,
        quality=quality(shape.quantization, shape.parameters),
        plan=make_plan(shape, machine, wishes),
        published=published,
    )


def quality(quantization: str, parameters: int) -> str:
    """What a quantization costs, in words; empty where nothing is known."""
    small = SMALL_QUALITY.get(quantization) if parameters < SMALL_PARAMETERS else None
    return small or QUALITY.get(quantization, "")


def best(rows: list[Variant]) -> Variant | None:
    """The most precise variant that fits, of those that cost memory for something: F16 is no better than Q8_0."""
    fitting = {v.quantization: v for v in rows if v.plan.verdict in ("fits", "tight")}
    return next((fitting[q] for q in BEST_FIRST if q in fitting), next(iter(fitting.values()), None))


def alternatives(rows: list[Variant], wishes: Wishes) -> list[str]:
    """What somebody can do whose wish does not fit, best first."""
    found = best(rows)
    advice = []
    if found and rows[0].plan.verdict in ("no", "disk"):
        advice.append(f"take {found.quantization}: {found.quality}")
    if not found:
        if wishes.slots > 1:
            advice.append(f"fewer conversations at the same time than {wishes.slots} (--slots 1)")
        if wishes.context_tokens > 2048:
            advice.append(f"a shorter context than {wishes.context_tokens} tokens (--context 2048)")
        if wishes.cache_type == "f16":
            advice.append("an 8-bit attention cache (--cache q8_0): half the memory, hardly any loss")
        advice.append("a smaller model: `domov fit` alone shows which run here")
    return advice
