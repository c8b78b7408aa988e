"""How many passages have a word, from a sample."""

from domov.documents.frequencies import frequencies

TEXTS = ["Topení a voda", "topením se topí", "The valve", "vodu zavřete", "Valves"]


def test_a_word_counts_with_its_endings_and_diacritics() -> None:
    known = frequencies(TEXTS, passages=500)
    assert (known.passages, known.size) == (500, 5)
    assert known.share("topeni") == 2 / 5
    assert known.share("valve") == 2 / 5
    assert known.share("voda") == 1 / 5  # short words are looked for as they are
    assert known.share("nowhere") == 0.0


def test_of_nothing_nothing_is_known() -> None:
    assert frequencies([], passages=0).share("topeni") == 0.0
