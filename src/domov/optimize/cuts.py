"""What pruning takes away: from a wish to the sizes that a model shall have. Pure."""

from dataclasses import dataclass, replace

from domov.errors import BadInput, BadOption, Refused
from domov.optimize.architecture import Architecture
from domov.store.recipe import tensor_bytes
from domov.units import human_bytes

BLOCK, SMALL_BLOCK = 256, 32  # K-quants, and the others, need rows of so many values
NEAR = 0.02  # of all channels: so far a wish may be rounded to whole blocks of 256
NARROWEST = 0.25  # of the channels: `--fit` goes no further


@dataclass(frozen=True, slots=True)
class Cuts:
    layers: int = 0  # to leave out
    width: float = 0.0  # share of the feed-forward channels to leave out
    heads: int = 0  # heads of keys to leave out in each layer, with those that ask them
    size_bytes: int | None = None  # the file's, instead of the three

    @property
    def words(self) -> str:
        parts = [f"{self.layers} layers" if self.layers else "", f"{100 * self.width:g} % of the channels"]
        parts = [parts[0], parts[1] if self.width else "", f"{self.heads} heads of keys" if self.heads else ""]
        return ", ".join(part for part in parts if part) or f"to {human_bytes(self.size_bytes or 0)}"


def sizes_wanted(a: Architecture, cuts: Cuts, *, kind: str, rest_bytes: int) -> Architecture:
    """The sizes of the pruned model. Raises BadOption, BadInput or Refused for what can't be.

    kind        the type that its matrices will have
    rest_bytes  of the file, beside the matrices
    """
    if cuts.size_bytes is not None:
        return _fitting(a, cuts.size_bytes, kind=kind, rest_bytes=rest_bytes)
    if not (cuts.layers or cuts.width or cuts.heads):
        raise BadOption("say what to leave out: --layers N, --width 10%, --heads N, or --fit SIZE")
    if not 0 <= cuts.layers <= a.layers - 2:
        raise BadOption(f"{cuts.layers} layers can't be left out of {a.layers}", hint="the first and the last stay")
    if cuts.layers and a.gemma:
        raise BadInput(
            f"layers of {a.name} can't be left out: one in six sees the whole text, by its number",
            hint="prune its width: --width 10%",
        )
    if cuts.heads and a.name == "qwen2":
        raise BadInput(
            "heads of qwen2 can't be left out: llama.cpp loads it with all of them alone", hint="--width 10%"
        )
    if not 0 <= cuts.heads < a.kv_heads:
        raise BadOption(f"{cuts.heads} heads of keys can't be left out of {a.kv_heads}")
    if not 0 <= cuts.width < 1:
        raise BadOption(f"the width can't lose {100 * cuts.width:g} %")
    kept = a.kv_heads - cuts.heads
    channels = rounded(a.feed_forward, a.feed_forward * (1 - cuts.width)) if cuts.width else a.feed_forward
    heads = a.heads // a.kv_heads * kept
    return replace(a, layers=a.layers - cuts.layers, feed_forward=channels, heads=heads, kv_heads=kept)


def rounded(channels: int, wish: float) -> int:
    """The nearest number of channels that whole blocks make: of 256 if the wish allows it, else of 32."""
    large = round(wish / BLOCK) * BLOCK
    if channels % BLOCK == 0 and 0 < large < channels and abs(large - wish) <= NEAR * channels:
        return large
    small = max(SMALL_BLOCK, round(wish / SMALL_BLOCK) * SMALL_BLOCK)
    return min(small, max(1, channels - 1)) if channels <= SMALL_BLOCK else min(small, channels - SMALL_BLOCK)


def file_bytes(a: Architecture, *, kind: str, rest_bytes: int) -> int:
    return tensor_bytes(a.matrix_parameters, kind) + rest_bytes


def _fitting(a: Architecture, size: int, *, kind: str, rest_bytes: int) -> Architecture:
    """By channels alone: they cost least (docs/smaller.md)."""
    least = -(-round(NARROWEST * a.feed_forward) // SMALL_BLOCK) * SMALL_BLOCK
    choices = [replace(a, feed_forward=n) for n in range(least, a.feed_forward, SMALL_BLOCK)]
    fitting = [one for one in choices if file_bytes(one, kind=kind, rest_bytes=rest_bytes) <= size]
    if not choices or not fitting:
        smallest = file_bytes(choices[0] if choices else a, kind=kind, rest_bytes=rest_bytes)
        raise Refused(
            f"pruning channels alone makes it {human_bytes(smallest)} at least",
            hint="quantize it instead (domov shrink --fit): at such sizes that costs less; or add --layers",
        )
    return fitting[-1]


def hint_of_blocks(a: Architecture) -> str | None:
    """What to know before quantizing, where the channels are no whole blocks any more."""
    if a.feed_forward % BLOCK == 0:
        return None
    return (
        f"{a.feed_forward} channels are no multiple of {BLOCK}: K-quants give blocks of 32 to the matrices after them"
    )


def label_of(cuts: Cuts) -> str:
    """What a pruned model is called: `without-4-layers`, `narrower-10`, `fit-200mb`."""
    if cuts.size_bytes:
        return f"fit-{human_bytes(cuts.size_bytes).lower().replace(' ', '')}"
    parts = [f"without-{cuts.layers}-layers"] if cuts.layers else []
    parts += [f"narrower-{100 * cuts.width:g}"] if cuts.width else []
    return "-".join([*parts, *([f"without-{cuts.heads}-heads"] if cuts.heads else [])]) or "pruned"
