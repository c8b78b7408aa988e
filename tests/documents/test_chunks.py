from hypothesis import given
from hypothesis import strategies as st

from domov.documents.blocks import Block, Parsed
from domov.documents.chunks import OVERLAP_CHARACTERS, passages_of

SENTENCE = "Toto je věta o topení. "


def test_paragraphs_of_one_section_are_put_together() -> None:
    blocks = (Block("a", titles=("T",), line=1, last_line=1), Block("b", titles=("T",), line=3, last_line=4))
    (passage,) = passages_of(Parsed(blocks))
    assert (passage.text, passage.titles, passage.line, passage.last_line) == ("a\n\nb", ("T",), 1, 4)


def test_long_sections_are_divided_between_sentences_and_overlap() -> None:
    found = passages_of(Parsed((Block(SENTENCE * 100, page=2),)), target=500)
    assert len(found) > 4
    assert all(len(p.text) <= 500 + OVERLAP_CHARACTERS and p.text.endswith("topení.") and p.page == 2 for p in found)
    assert all(after.text.startswith("Toto je věta") for after in found)


def test_a_small_section_takes_the_next_in_with_its_heading() -> None:
    blocks = (Block("x", titles=("Dům", "Voda")), Block("y", titles=("Dům", "Topení")))
    (passage,) = passages_of(Parsed(blocks))
    assert (passage.titles, passage.text) == (("Dům",), "Voda\n\nx\n\nTopení\n\ny")


def test_chapters_stay_apart() -> None:
    blocks = (Block("x", titles=("A",)), Block("y", titles=("B",)))
    assert [p.titles for p in passages_of(Parsed(blocks))] == [("A",), ("B",)]


def test_each_part_of_a_table_has_its_head() -> None:
    rows = "\n".join(["name | price", *(f"thing {n} | {n}" for n in range(200))])
    found = passages_of(Parsed((Block(rows, "table"),)), target=400)
    assert len(found) > 5
    assert all(p.text.startswith("name | price\n") and p.kind == "table" for p in found)


def test_code_is_divided_between_lines_and_counts_them() -> None:
    code = "\n".join(f"line {n}" for n in range(1, 101))
    found = passages_of(Parsed((Block(code, "code", line=1, last_line=100),)), target=100)
    assert all(p.text.startswith(f"line {p.line}\n") and p.text.endswith(f"line {p.last_line}") for p in found)
    assert found[-1].last_line == 100


@given(st.lists(st.tuples(st.text(max_size=400), st.sampled_from([("A",), ("A", "B"), ("C",), ()])), max_size=12))
def test_no_word_is_lost(parts: list[tuple[str, tuple[str, ...]]]) -> None:
    blocks = tuple(Block(text, titles=titles) for text, titles in parts if text.strip())
    whole = " ".join(p.text for p in passages_of(Parsed(blocks), target=120))
    for block in blocks:
        for word in block.text.split():
            assert word in whole or len(word) > 120 or any(piece in whole for piece in (word[:60], word[-60:]))
