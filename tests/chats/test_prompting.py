"""What a model sees of a story."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domov.chats.prompting import Entry, Prompt, Story, appears, cut, prompt
from domov.errors import BadRequest

LINES = "".join(f"Line {n:04} of the story.\n" for n in range(2000))


def seen(story: Story, room_tokens: int = 1000) -> Prompt:
    """With four characters a token, begun ones counted."""
    steps = prompt(story, room_tokens=room_tokens)
    piece = next(steps)
    while True:
        try:
            piece = steps.send(-(-len(piece) // 4))
        except StopIteration as end:
            made: Prompt = end.value
            return made


def test_a_short_story_is_seen_whole_in_its_order() -> None:
    world = (Entry(("drak",), "Draci jsou modří."), Entry((), "Je zima.", constant=True), Entry(("kůň",), "Koně ne."))
    story = Story("Byl jednou drak.\nA byl zlý.\n", "Pohádka.", "Vesele.", note_depth_tokens=3, world=world)
    made = seen(story)
    assert made.text == (
        "Pohádka.\nDraci jsou modří.\nJe zima.\nByl jednou drak.\n[Author's note: Vesele.]\nA byl zlý.\n"
    )
    assert [part.kind for part in made.parts] == ["memory", "world", "world", "text", "note", "text"]
    assert (made.entries, made.left_out_characters) == ((0, 1), 0)


def test_of_a_long_story_the_end_is_seen_from_the_start_of_a_line() -> None:
    made = seen(Story(LINES, "M"))
    (memory, text) = made.parts
    assert LINES.endswith(text.text) and text.text.startswith("Line ") and made.tokens <= 1000
    assert made.left_out_characters == len(LINES) - len(text.text) and made.tokens > 600


def test_while_the_text_grows_the_prompt_begins_the_same_most_of_the_time() -> None:
    starts = [seen(Story(LINES[:end], "M")).left_out_characters for end in range(20_000, 30_000, 50)]
    changes = sum(one != other for one, other in zip(starts, starts[1:], strict=False))
    assert starts == sorted(starts) and changes <= 21  # 10,000 characters in steps of 512


def test_the_note_stands_about_so_many_tokens_before_the_end() -> None:
    made = seen(Story(LINES, note="Be brief.", note_depth_tokens=100))
    after = made.text.split("[Author's note: Be brief.]\n")[1]
    assert 400 <= len(after) <= 450 and after.startswith("Line ")
    at_end = seen(Story("No line ends here", note="N", note_depth_tokens=0))
    assert at_end.text == "No line ends here\n[Author's note: N]\n"


def test_an_entry_appears_when_a_keyword_stands_near_the_end() -> None:
    story = Story("Drak letí. " + "x" * 8000, world=(Entry(("drak",), "D"),), scan_tokens=100)
    assert seen(story, 4000).entries == ()
    near = Story("x" * 8000 + " Draka viděl.", world=(Entry(("drak",), "D"),), scan_tokens=100)
    assert seen(near, 4000).entries == (0,)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (Entry(("žluťoučký",), ""), True),
        (Entry(("kun", "nic"), ""), True),
        (Entry(("ůň",), ""), False),
        (Entry(("kůň",), "", also=("pěl",)), True),
        (Entry(("kůň",), "", also=("spal",)), False),
        (Entry((), "", constant=True), True),
        (Entry(("kůň",), "", constant=True, enabled=False), False),
        (Entry(("", "  "), ""), False),
        (Entry(("(",), ""), False),
    ],
)
def test_keywords_are_beginnings_of_words_whatever_their_case_and_accents(entry: Entry, expected: bool) -> None:
    assert appears(entry, "ZLUTOUCKY KŮŇ pěl ódy") is expected


def test_what_leaves_no_room_for_the_text_is_refused() -> None:
    with pytest.raises(BadRequest, match="memory, world info and note take"):
        seen(Story("text", "m" * 4000))


@given(st.text(alphabet="ab \n", max_size=400), st.integers(-5, 420))
def test_a_cut_is_not_before_its_place_and_within_the_text(text: str, near: int) -> None:
    assert min(max(near, 0), len(text)) <= cut(text, near) <= len(text)


@given(st.text(alphabet="abc \n.", max_size=3000), st.text(max_size=80), st.text(max_size=80), st.integers(0, 300))
def test_whatever_is_written_fits_and_ends_with_the_text(text: str, memory: str, note: str, depth: int) -> None:
    made = seen(Story(text, memory, note, note_depth_tokens=depth), 400)
    whole = "".join(part.text for part in made.parts if part.kind == "text")
    assert text.endswith(whole) and len(text) - len(whole) == made.left_out_characters
    assert -(-len(made.text) // 4) <= 400
