from pathlib import Path

import pytest

from domov.chats.saved import Chat, load, save
from domov.errors import BadName, Broken, NoSuchChat
from domov.types import Message

CHAT = Chat("smollm2:135m", (Message("system", "Buď stručný."), Message("user", "Ahoj"), Message("assistant", "🏠")))


def test_a_chat_comes_back_as_it_was_and_is_nobody_elses(tmp_path: Path) -> None:
    save(tmp_path, "Můj dům", CHAT)
    assert load(tmp_path, "Můj dům") == CHAT
    assert (tmp_path / "Můj dům.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".x", "a\0b", "x" * 200, "a\nb"])
def test_a_name_can_not_become_a_path(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadName):
        save(tmp_path, name, CHAT)


def test_an_unknown_chat_is_answered_with_those_there_are(tmp_path: Path) -> None:
    save(tmp_path, "one", CHAT)
    with pytest.raises(NoSuchChat) as caught:
        load(tmp_path, "two")
    assert "one" in caught.value.hint


def test_a_damaged_chat_is_reported_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text("{")
    with pytest.raises(Broken):
        load(tmp_path, "one")
    assert (tmp_path / "one.json").read_text() == "{"
