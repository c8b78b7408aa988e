"""The marks for filling gaps, found in the bytes of a file's header."""

from domov.engine.fill import FAMILIES, holds_marks
from tests.hub import string


def test_a_header_with_all_three_marks_of_a_family_fills_gaps() -> None:
    for family in FAMILIES:
        assert holds_marks(b"GGUF" + b"".join(map(string, family[:3])))


def test_marks_of_two_families_or_inside_other_words_do_not() -> None:
    assert not holds_marks(string("<|fim_prefix|>") + string("<|fim_suffix|>") + string("<fim_middle>"))
    assert not holds_marks(string("a template with <|fim_prefix|>, <|fim_suffix|> and <|fim_middle|>"))
    assert not holds_marks(b"")
