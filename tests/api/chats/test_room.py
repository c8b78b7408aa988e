"""What the room of chats does by itself."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from functools import cached_property
from pathlib import Path

import pytest

from domov.access.callers import Caller, acting_for
from domov.access.keys import Grant
from domov.api.chats.room import Room
from domov.app import App
from domov.chats.chats import Chats
from domov.chats.records import Attachment, Table, Turn
from domov.chats.search import prepared
from domov.config import Config
from domov.database import open_memory
from domov.errors import NoSuchFile
from domov.types import Event, TextDelta
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


async def endless() -> AsyncGenerator[Event | Table, None]:
    yield TextDelta("so far")
    await asyncio.Event().wait()


async def test_an_answer_ends_with_the_key_that_it_was_asked_for_with(room: Room) -> None:
    access = room.domov.access
    (kept, _), (revoked, _) = (access.keys.add(Grant(name)) for name in ("kept", "revoked"))
    chat = made(room.domov.chats)
    answers = []
    for key in (kept, revoked):
        turn = Turn(f"msg_{key.id}", chat.id, None, "assistant", "", status="running")
        room.domov.chats.turns.add([turn], chat=chat.id)
        with acting_for(Caller(key.id, key.grant, key=key.id)):
            answers.append(room.run(chat, turn, endless()))
    goes_on, ends = answers
    watching = asyncio.ensure_future(access.watch())
    access.keys.revoke("revoked")
    async with asyncio.timeout(10):
        while ends.ended is None:
            await asyncio.sleep(0.05)
    assert (ends.ended.status, ends.ended.content) == ("stopped", "so far")
    assert goes_on.ended is None
    watching.cancel()
    async with room.open():
        pass


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
