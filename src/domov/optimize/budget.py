"""Which type each tensor should have, so that a model of a given size loses least. Pure.

A loss is what a tensor in a type is expected to add to the model's divergence; losses of tensors add up as long as they
are small. The choice walks down the lower hull of each tensor's (bytes, loss): always the step that saves most for its
bytes, which is optimal but for the last step.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Option:
    kind: str
    size_bytes: int
    loss: float


@dataclass(frozen=True, slots=True)
class Choice:
    types: Mapping[str, str]
    size_bytes: int
    loss: float


def hull(options: Sequence[Option]) -> list[Option]:
    """Those that are best for some price of a byte, the smallest first."""
    kept: list[Option] = []
    for option in sorted(options, key=lambda o: (o.size_bytes, o.loss)):
        if kept and option.loss >= kept[-1].loss:
            continue
        while len(kept) > 1 and _gain(kept[-2], option) >= _gain(kept[-2], kept[-1]):
            kept.pop()
        kept.append(option)
    return kept


def _gain(smaller: Option, larger: Option) -> float:
    """How much loss each byte more takes away."""
    return (smaller.loss - larger.loss) / max(1, larger.size_bytes - smaller.size_bytes)


def frontier(tensors: Mapping[str, Sequence[Option]]) -> list[Choice]:
    """Every choice on the way from the smallest model to the best one."""
    hulls = {name: hull(options) for name, options in tensors.items()}
    steps = [
        (_gain(small, large), name, large)
        for name, options in hulls.items()
        for small, large in zip(options, options[1:], strict=False)
    ]
    chosen = {name: options[0] for name, options in hulls.items()}
    found = [_choice(chosen)]
    for _, name, option in sorted(steps, key=lambda step: -step[0]):
        before, last = chosen[name], found[-1]
        chosen[name] = option
        types = {**last.types, name: option.kind}
        size = last.size_bytes + option.size_bytes - before.size_bytes
        found.append(Choice(types, size, last.loss + option.loss - before.loss))
    return found


def _choice(chosen: Mapping[str, Option]) -> Choice:
    types = {name: option.kind for name, option in chosen.items()}
    return Choice(types, sum(o.size_bytes for o in chosen.values()), sum(o.loss for o in chosen.values()))


def best_within(choices: Sequence[Choice], size_bytes: int) -> Choice | None:
    """The one that loses least of those that are not larger; None where all are."""
    return min((c for c in choices if c.size_bytes <= size_bytes), key=lambda c: c.loss, default=None)


def smallest_within(choices: Sequence[Choice], loss: float) -> Choice | None:
    return min((c for c in choices if c.loss <= loss), key=lambda c: c.size_bytes, default=None)


def thinned(choices: Sequence[Choice], *, count: int) -> list[Choice]:
    """So many of them, at sizes evenly apart."""
    low, high = choices[0].size_bytes, choices[-1].size_bytes
    wanted = [low + (high - low) * n // max(1, count - 1) for n in range(count)]
    found = [best_within(choices, size) or choices[0] for size in wanted]
    return [c for n, c in enumerate(found) if n == 0 or c is not found[n - 1]]
