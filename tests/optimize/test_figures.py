"""Means, shares and their intervals."""

import math

import pytest

from domov.optimize.figures import Estimate, distance, mean, percentile, perplexity, share, verdict


def test_a_model_that_gives_every_token_a_half_has_a_perplexity_of_two() -> None:
    found = perplexity([math.log(2)] * 10)
    assert [round(number, 9) for number in (found.low, found.value, found.high)] == [2, 2, 2]


def test_an_interval_is_two_standard_errors_wide_on_each_side() -> None:
    found = mean([0.0, 2.0])  # standard deviation sqrt(2), standard error 1
    assert [round(number, 9) for number in (found.low, found.value, found.high)] == [-0.96, 1.0, 2.96]


def test_wilsons_interval_by_hand() -> None:
    found = share(8, 10)  # Wilson 1927: 0.4902 to 0.9433
    assert (round(found.low, 4), round(found.high, 4)) == (0.4902, 0.9433)
    assert share(0, 0) == Estimate(0.0, 0.0, 1.0)
    assert share(24, 24).high == 1.0 and share(24, 24).low > 0.8


def test_equal_models_are_no_distance_apart() -> None:
    found = distance([1.0, 2.0], [1.0, 2.0], [0.0, 0.0], [True, True])
    assert (found.perplexity_ratio.value, found.divergence.value, found.same_top.value) == (1, 0, 1)


def test_a_percentile_lies_between_its_neighbours() -> None:
    assert percentile([0.0, 1.0, 2.0, 3.0, 4.0], 0.5) == 2.0
    assert percentile([0.0, 1.0], 0.99) == pytest.approx(0.99)


@pytest.mark.parametrize(
    ("divergence", "words"), [(0.003, "hardly a difference"), (0.1, "noticeable"), (2, "another model")]
)
def test_a_distance_in_words(divergence: float, words: str) -> None:
    assert verdict(divergence) == words
