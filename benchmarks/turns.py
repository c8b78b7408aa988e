"""Two things done in turn, and how they compare: a noisy machine troubles both alike."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


def in_turn(first: Callable[[], T], second: Callable[[], T], rounds: int) -> tuple[list[T], list[T]]:
    """Both, one after the other, so many times; who begins changes, and a round before the first is not counted."""
    firsts: list[T] = []
    seconds: list[T] = []
    for number in range(-1, rounds):
        if number % 2:
            b, a = second(), first()
        else:
            a, b = first(), second()
        if number >= 0:
            firsts.append(a)
            seconds.append(b)
    return firsts, seconds


@dataclass(frozen=True, slots=True)
class Comparison:
    """Figures of two things, round by round."""

    ours: tuple[float, ...]
    theirs: tuple[float, ...]

    @property
    def ratios(self) -> list[float]:
        """Ours divided by theirs, smallest first."""
        return sorted(a / b for a, b in zip(self.ours, self.theirs, strict=True))

    @property
    def ratio(self) -> float:
        """The median of the rounds' ratios: what slows a whole round changes none."""
        return statistics.median(self.ratios)


def compare(ours: Sequence[float], theirs: Sequence[float]) -> Comparison:
    return Comparison(tuple(ours), tuple(theirs))
