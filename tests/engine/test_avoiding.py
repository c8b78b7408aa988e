from hypothesis import given
from hypothesis import strategies as some

from domov.engine.avoiding import Avoiding, Doubt, Piece, fold
from domov.types import TextDelta


def write(state: Avoiding, *words: str) -> tuple[str, bool]:
    """What is shown of these pieces, and whether all of them were taken. A piece's token is its place in the call."""
    shown = ""
    for number, word in enumerate(words):
        if not state.take(Piece(TextDelta(word), number)):
            return shown, False
        shown += "".join(delta.text for delta in state.show())
    return shown, True


def rest(state: Avoiding) -> str:
    return "".join(delta.text for delta in state.show(all_of_it=True))


def test_nothing_is_shown_that_may_yet_be_banned() -> None:
    state = Avoiding(["New York"])
    assert write(state, "I", " love", " new") == ("I love", True)
    assert write(state, " shoes") == (" new shoes", True)


def test_a_banned_text_leads_back_to_before_the_token_it_begins_in() -> None:
    state = Avoiding(["new york"], max_tokens=10)
    assert write(state, "I", " love", " NEW", " Yo", "rk") == ("I love", False)
    step = state.step()
    assert (step.written, step.forbidden, step.max_tokens) == ((0, 1), (2,), 1)
    assert write(state, " Paris") == (" Paris", True)
    assert state.step().forbidden == () and state.step().max_tokens == 7


def test_every_wrong_token_in_a_place_stays_forbidden_until_the_place_is_passed() -> None:
    state = Avoiding(["b"])
    write(state, "a", "b")
    state.take(Piece(TextDelta("B"), 9))
    assert state.step().forbidden == (1, 9)


def test_a_stop_text_ends_the_answer_before_it_and_is_told() -> None:
    state = Avoiding(["zzz"], ["END"])
    assert write(state, "a", " EN", "D b") == ("a", False)
    assert rest(state) == " " and state.stop_text == "END"


def test_a_banned_text_before_a_stop_text_comes_first() -> None:
    state = Avoiding(["bad"], ["!"])
    assert write(state, "x", " bad!") == ("x", False)
    assert state.stop_text is None and state.step().forbidden == (1,)


def test_what_was_held_back_is_shown_at_the_end() -> None:
    state = Avoiding(["new york"])
    assert write(state, "I love new")[0] == ""
    assert rest(state) == "I love new"


def test_small_letters_have_the_length_of_the_text() -> None:
    assert fold("ÁBİ") == "ábİ" and len(fold("İİ")) == 2


@given(
    some.text("abA", max_size=12),
    some.lists(some.text("ab", min_size=1, max_size=5)),
    some.lists(some.text("abA", min_size=1, max_size=4)),
)
def test_a_doubt_begins_where_any_of_the_texts_may(text: str, banned: list[str], stop: list[str]) -> None:
    places = [
        place
        for place in range(len(text))
        if any(ban != text[place:].lower() and ban.startswith(text[place:].lower()) for ban in banned)
        or any(end != text[place:] and end.startswith(text[place:]) for end in stop)
    ]
    found = Doubt(sorted(banned), sorted(stop)).first(text)
    assert found <= min(places, default=len(text))
    assert found in (*places, len(text)) or text[found:].lower() in banned or text[found:] in stop
