"""What the room of chats does by itself."""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import pytest

from domov.api.chats.room import Room
from domov.app import App
from domov.chats.chats import Chats
from domov.chats.records import Attachment
from domov.chats.search import prepared
from domov.config import Config
from domov.database import open_memory
from domov.errors import NoSuchFile
from tests.chats.kept import made


class OneGone(Chats):
    """One of the chats that nobody has used for long is deleted as soon as it was told."""

    def idle(self, before: float) -> list[tuple[str, str]]:
        return [("temp_gone", ""), *super().idle(before)]


class House(App):
    @cached_property
    def temporary_chats(self) -> Chats:
        memory = open_memory()
        return OneGone(memory, prepared(memory), temporary=True)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    house = House(Config(tmp_path))
    yield Room(house)
    house.temporary_chats.database.close()
    if "database" in house.__dict__:
        house.database.close()


def upload(id: str) -> Attachment:
    """One of long ago."""
    return Attachment(id, "", 0.0, "text", "a.txt", "text/plain", 1, "x")


async def test_idle_chats_go_though_one_of_them_was_deleted_meanwhile(room: Room) -> None:
    chats = room.domov.temporary_chats
    old, new = made(chats), made(chats)
    chats.change(old.id, {}, owner="", moment=0.0)
    await room.sweep()
    assert list(chats.all(owner="")) == [new.id]
    assert "database" not in room.domov.__dict__  # nothing was opened for it


@pytest.mark.parametrize("temporary", [False, True])
async def test_what_no_message_has_got_in_a_day_is_removed(room: Room, temporary: bool) -> None:
    attachments = room.attachments(temporary=temporary)
    attachments.add(upload("att_old"), b"x")
    await room.sweep()
    with pytest.raises(NoSuchFile):
        attachments.get("att_old", owner="")
    assert attachments.contents.ids() == []
