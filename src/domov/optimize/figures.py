"""What scores of single tokens and answers say of a model: means with 95 % intervals. Pure.

Tokens are taken as independent, as llama.cpp's perplexity tool does; in one text they are not quite, so that true
intervals are somewhat wider. A share's interval is Wilson's.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

Z = 1.96  # standard errors to each side that hold 95 %


@dataclass(frozen=True, slots=True)
class Estimate:
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Distance:
    """From a parent, over the same tokens."""

    perplexity_ratio: Estimate
    divergence: Estimate  # mean Kullback-Leibler divergence in nats, parent to model
    divergence_99: float  # one token in a hundred is farther away
    most: float
    same_top: Estimate  # share of tokens of which both find the same one likeliest


def mean(samples: Sequence[float]) -> Estimate:
    middle = statistics.fmean(samples)
    spread = Z * standard_error(samples)
    return Estimate(middle, middle - spread, middle + spread)


def standard_error(samples: Sequence[float]) -> float:
    return statistics.stdev(samples) / math.sqrt(len(samples)) if len(samples) > 1 else 0.0


def share(hits: int, of: int) -> Estimate:
    """Wilson's score interval: it holds at 0 and 1, and for few answers."""
    if of == 0:
        return Estimate(0.0, 0.0, 1.0)
    p, square = hits / of, Z * Z
    middle = (p + square / (2 * of)) / (1 + square / of)
    half = Z * math.sqrt(p * (1 - p) / of + square / (4 * of * of)) / (1 + square / of)
    return Estimate(p, max(0.0, middle - half), min(1.0, middle + half))


def perplexity(losses: Sequence[float]) -> Estimate:
    """From minus the logarithms of the tokens' likelihoods."""
    return exponential(mean(losses))


def exponential(estimate: Estimate) -> Estimate:
    return Estimate(*(math.exp(min(700.0, number)) for number in (estimate.value, estimate.low, estimate.high)))


def distance(
    losses: Sequence[float], parent_losses: Sequence[float], divergences: Sequence[float], same_top: Sequence[bool]
) -> Distance:
    changes = [own - before for own, before in zip(losses, parent_losses, strict=True)]
    return Distance(
        perplexity_ratio=exponential(mean(changes)),
        divergence=mean(divergences),
        divergence_99=percentile(divergences, 0.99),
        most=max(divergences),
        same_top=share(sum(same_top), len(same_top)),
    )


def percentile(samples: Sequence[float], part: float) -> float:
    """By linear interpolation, as numpy's."""
    ordered = sorted(samples)
    place = part * (len(ordered) - 1)
    low = math.floor(place)
    return ordered[low] + (place - low) * (ordered[min(low + 1, len(ordered) - 1)] - ordered[low])


def verdict(divergence: float) -> str:
    """In words, by the mean divergence."""
    for limit, words in ((0.01, "hardly a difference"), (0.05, "a small loss"), (0.15, "noticeable"), (0.4, "large")):
        if divergence < limit:
            return words
    return "another model"
