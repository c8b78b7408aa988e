"""A story's text is what its changes make of it."""

from hypothesis import given
from hypothesis import strategies as st

from domov.chats.records import Turn
from domov.chats.stories import Splice, changed, difference, joins, shown, text_of

TEXT = st.text(alphabet="ab č\n🏠", max_size=12)


def turn(id: str, parent: str | None, role: str = "user", created_at: float = 0.0) -> Turn:
    return Turn(id, "c", parent, role, "", created_at=created_at)  # type: ignore[arg-type]


def edited(*texts: str) -> list[Turn]:
    """The turns of a person who wrote these texts one after the other."""
    turns: list[Turn] = []
    before = ""
    for number, text in enumerate(texts):
        splice = difference(before, text)
        if splice:
            parent = turns[-1].id if turns else None
            turns.append(changed(turn(str(number), parent), splice))
        before = text
    return turns


def test_a_change_is_as_small_as_it_can_be() -> None:
    assert difference("Byl jednou kůň.", "Byl jednou bílý kůň.") == Splice(11, "", "bílý ")
    assert difference("abc", "ac") == Splice(1, "b", "")
    assert difference("aaa", "aa") == Splice(2, "a", "")
    assert difference("x", "x") is None


@given(st.lists(TEXT, max_size=8))
def test_the_changes_of_any_texts_make_the_last_of_them(texts: list[str]) -> None:
    assert text_of(edited(*texts)) == (texts[-1] if texts else "")


def test_a_turn_without_a_place_stands_at_the_end() -> None:
    assert text_of([Turn("1", "c", None, "user", "one "), Turn("2", "c", "1", "assistant", "two")]) == "one two"


def test_what_can_be_undone_redone_and_chosen_is_told() -> None:
    a, b = turn("a", None), turn("b", "a", "assistant")
    c, d = turn("c", "a", "assistant"), turn("d", "b")
    turns = [a, b, c, d]
    now = shown(turns, "b")
    assert (now.undo, now.redo, now.alternatives) == ({"current": "a"}, {"current": "d"}, ("b", "c"))
    start = shown(turns, None)
    assert (start.text, start.undo, start.redo, start.alternatives) == ("", None, {"current": "a"}, ())
    assert shown(turns, "a").redo == {"current": "c"} and shown(turns, "d").alternatives == ()


def test_changes_of_one_person_that_follow_each_other_are_one() -> None:
    a, b = turn("a", None, created_at=100.0), turn("b", "a", "assistant", 101.0)
    assert joins([a], a, 104.0)
    assert not joins([a], a, 200.0) and not joins([a, b], a, 104.0) and not joins([a, b], b, 104.0)
    assert not joins([], None, 0.0)
