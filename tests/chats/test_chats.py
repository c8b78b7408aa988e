"""Chats as they are kept: found by their owner alone, listed in pages, copied, changed."""

import pytest

from domov.chats.chats import Chats, Wanted
from domov.chats.records import Turn
from domov.errors import BadRequest, NoSuchChat
from tests.chats.kept import ids, made, said


def test_a_chat_comes_back_as_it_was(chats: Chats) -> None:
    chat = made(chats, title="Kotel", settings={"system": "Stručně.", "own": [1, None]}, tags=("b", "a"), folder="Doma")
    turns = said(chats, chat, "Hi", "Ahoj \0 🏠")
    back = chats.get(chat.id, owner="")
    assert (back.title, back.settings, back.tags) == ("Kotel", {"system": "Stručně.", "own": [1, None]}, ("a", "b"))
    assert chats.turns.of(chat.id) == turns and back.current == turns[-1].id


def test_another_owners_chat_is_not_found(chats: Chats) -> None:
    chat = made(chats, "anna")
    for act in (chats.get, chats.delete):
        with pytest.raises(NoSuchChat):
            act(chat.id, owner="boris")
    with pytest.raises(NoSuchChat):
        chats.change(chat.id, {"title": "mine"}, owner="boris")
    with pytest.raises(NoSuchChat):
        chats.fork(chat.id, "x", owner="boris")
    assert ids(chats, "boris") == [] and ids(chats, "anna") == [chat.id]
    assert chats.folders(owner="boris") == []


def test_a_list_has_pinned_ones_first_and_then_those_used_last(chats: Chats) -> None:
    first, second, third = (made(chats) for _ in range(3))
    chats.change(second.id, {"pinned": True}, owner="")
    chats.change(first.id, {}, owner="", moment=5000.0)
    assert ids(chats) == [second.id, first.id, third.id]
    chats.change(third.id, {"archived": True}, owner="")
    assert ids(chats) == [second.id, first.id] and ids(chats, archived=True) == [third.id]


def test_pages_have_every_chat_once(chats: Chats) -> None:
    every = [made(chats, pinned=n % 3 == 0) for n in range(7)]
    for chat in every[:4]:
        chats.change(chat.id, {}, owner="", moment=2000.0)  # the same time for several
    seen: list[str] = []
    before = None
    while True:
        page, before = chats.page(Wanted(limit=2, before=before), owner="")
        seen += [chat.id for chat in page]
        if before is None:
            break
    assert seen == ids(chats) and len(seen) == 7


@pytest.mark.parametrize("cursor", ["x", "1_2", "a_b_c", "1_nan_x", ""])
def test_what_is_no_cursor_is_refused(chats: Chats, cursor: str) -> None:
    with pytest.raises(BadRequest, match="before"):
        chats.page(Wanted(before=cursor), owner="")


def test_folders_and_tags_are_counted(chats: Chats) -> None:
    for folder, tags in (("Doma", ("x", "y")), ("Doma", ("x",)), (None, ())):
        made(chats, folder=folder, tags=tags)
    assert chats.folders(owner="") == [{"name": "Doma", "count": 2}]
    assert chats.tags(owner="") == [{"name": "x", "count": 2}, {"name": "y", "count": 1}]
    assert len(ids(chats, folder="Doma")) == 2 and len(ids(chats, tag="y")) == 1


def test_a_fork_is_the_way_to_a_message_under_new_ids(chats: Chats) -> None:
    chat = made(chats, title="T", folder="F", tags=("t",), pinned=True)
    way = said(chats, chat, "1", "2", "3")
    said(chats, chat, "other", parent=way[1].id)
    copy = chats.fork(chat.id, way[1].id, owner="")
    turns = chats.turns.of(copy.id)
    assert [turn.content for turn in turns] == ["1", "2"] and turns[1].parent == turns[0].id
    assert (copy.title, copy.folder, copy.tags, copy.pinned) == ("T", "F", ("t",), False)
    assert copy.current == turns[1].id and not {t.id for t in turns} & {t.id for t in way}
    assert len(chats.turns.of(chat.id)) == 4


def test_only_a_message_of_the_chat_can_be_shown(chats: Chats) -> None:
    one, other = made(chats), made(chats)
    (turn,) = said(chats, other, "x")
    with pytest.raises(BadRequest, match="current"):
        chats.change(one.id, {"current": turn.id}, owner="")


def test_a_persons_title_stands_above_a_models_and_that_above_first_words(chats: Chats) -> None:
    chat = made(chats)
    chats.entitle(chat.id, "words", by="words")
    chats.entitle(chat.id, "model", by="model")
    chats.entitle(chat.id, "words again", by="words")
    assert chats.get(chat.id, owner="").title == "model"
    chats.change(chat.id, {"title": "mine", "titled": "person"}, owner="")
    chats.entitle(chat.id, "model again", by="model")
    assert chats.get(chat.id, owner="").title == "mine"


def test_a_chain_of_thousands_is_deleted_whole_and_in_part(chats: Chats) -> None:
    chat = made(chats)
    turns = said(chats, chat, *(str(n) for n in range(3000)))
    chats.turns.delete(chat.id, {turn.id for turn in turns[1500:]}, current=turns[1499].id)
    assert len(chats.turns.of(chat.id)) == 1500 and chats.get(chat.id, owner="").current == turns[1499].id
    chats.delete(chat.id, owner="")
    assert chats.turns.of(chat.id) == []


def test_what_was_being_written_is_interrupted_with_its_text(chats: Chats) -> None:
    chat = made(chats)
    chats.turns.add([Turn("m", chat.id, None, "assistant", "half", status="running")], chat=chat.id)
    chats.turns.interrupt()
    (turn,) = chats.turns.of(chat.id)
    assert (turn.status, turn.content) == ("interrupted", "half")


def test_what_nobody_has_used_since_a_moment_is_told(chats: Chats) -> None:
    old, new = made(chats, "anna"), made(chats)
    chats.change(new.id, {}, owner="", moment=9000.0)
    assert chats.idle(5000.0) == [(old.id, "anna")]


def test_a_message_for_a_chat_that_was_deleted_meanwhile_is_refused(chats: Chats) -> None:
    chat = made(chats)
    chats.delete(chat.id, owner="")
    with pytest.raises(NoSuchChat, match="no such chat"):
        chats.turns.add([Turn("m", chat.id, None, "user", "x")], chat=chat.id)
