"""A type for each tensor: never worse than any other choice of the same size, by hand and by trying all of them."""

import itertools
import random

from domov.optimize.budget import Option, best_within, frontier, hull, smallest_within, thinned


def test_what_is_above_the_hull_is_never_chosen() -> None:
    options = [Option("a", 10, 8.0), Option("b", 20, 7.0), Option("c", 30, 1.0), Option("d", 40, 1.5)]
    assert [option.kind for option in hull(options)] == [
        "a",
        "c",
    ]  # b saves less than c for its bytes


def test_the_step_that_saves_most_for_its_bytes_comes_first() -> None:
    cheap = [Option("small", 10, 4.0), Option("large", 20, 0.0)]
    dear = [Option("small", 10, 9.0), Option("large", 100, 0.0)]
    choices = frontier({"cheap": cheap, "dear": dear})
    assert [(c.size_bytes, c.loss) for c in choices] == [(20, 13.0), (30, 9.0), (120, 0.0)]
    found = best_within(choices, 50)
    assert found and found.types == {"cheap": "large", "dear": "small"}
    assert best_within(choices, 19) is None
    smallest = smallest_within(choices, 9.5)
    assert smallest and smallest.size_bytes == 30


def test_no_choice_of_all_is_smaller_and_loses_less() -> None:
    chance = random.Random(36668)
    tensors = {str(n): [Option(str(k), chance.randint(1, 50), chance.random()) for k in range(4)] for n in range(4)}
    everything = list(itertools.product(*tensors.values()))
    for choice in frontier(tensors):
        for other in everything:
            size, loss = sum(o.size_bytes for o in other), sum(o.loss for o in other)
            assert size > choice.size_bytes or loss >= choice.loss - 1e-9


def test_a_frontier_is_shown_at_sizes_evenly_apart() -> None:
    choices = frontier({str(n): [Option("s", 10, 5.0 + n), Option("l", 20, 0.0)] for n in range(30)})
    shown = thinned(choices, count=5)
    assert len(shown) == 5 and shown[0] is choices[0] and shown[-1] is choices[-1]
