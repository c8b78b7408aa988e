"""Deletion that deletes: afterwards no byte of it is in the database, its index, its log or the folder."""

from pathlib import Path

from domov.chats.attached import Attachments, Folder
from domov.chats.chats import Chats
from domov.chats.records import Attachment, Turn, new_id
from domov.chats.search import prepared
from domov.database import Database
from tests.chats.kept import made, said

SECRET = ("Xylofonkamzik", "Ptakopyskzebra", "Chobotniceosel", "Krokodylveverka", "Tapirpapousek", "Surikatalenochod")


def places(folder: Path) -> list[str]:
    """The files that have one of the words, in any case."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [p.name for p in files if any(w.lower().encode() in p.read_bytes().lower() for w in SECRET)]


def test_nothing_of_a_deleted_chat_is_left_on_the_disk(database: Database, tmp_path: Path) -> None:
    chats, files = Chats(database, prepared(database)), Attachments(database, Folder(tmp_path / "attachments"))
    chat, other = made(chats, title=SECRET[0], tags=(SECRET[4],), settings={"system": SECRET[5]}), made(chats)
    file = Attachment(new_id("att"), "", 0.0, "text", "a.txt", "text/plain", 9, SECRET[1])
    files.add(file, SECRET[1].encode())
    chats.turns.add([Turn("m", chat.id, None, "user", f"{SECRET[2]} " * 2000, attachments=(file,))], chat=chat.id)
    said(chats, chat, SECRET[2], SECRET[3])
    said(chats, other, "stays here")
    chats.change(chat.id, {"draft": SECRET[3]}, owner="")
    assert len(places(tmp_path)) >= 2
    assert oct((tmp_path / "attachments" / file.id).stat().st_mode)[-3:] == "600"
    chats.delete(chat.id, owner="")
    files.release([file.id])
    chats.purge()
    assert places(tmp_path) == []
    assert [turn.content for turn in chats.turns.of(other.id)] == ["stays here"]


def test_an_attachment_stays_as_long_as_a_message_has_it(database: Database, tmp_path: Path) -> None:
    chats = Chats(database, prepared(database))
    files = Attachments(database, Folder(tmp_path / "attachments"), clock=lambda: 100_000.0)
    kept, old, new = (
        Attachment(new_id("att"), "", moment, "text", "a", "text/plain", 1, "x") for moment in (0.0, 0.0, 99_999.0)
    )
    for file in (kept, old, new):
        files.add(file, b"x")
    chat = made(chats)
    chats.turns.add([Turn("m", chat.id, None, "user", "?", attachments=(kept,))], chat=chat.id)
    copy = chats.fork(chat.id, "m", owner="")
    files.expire()
    assert sorted(files.contents.ids()) == sorted([kept.id, new.id])
    chats.delete(chat.id, owner="")
    files.release([kept.id])
    assert files.get(kept.id, owner="") == kept
    chats.delete(copy.id, owner="")
    files.release([kept.id])
    assert files.contents.ids() == [new.id]
    (tmp_path / "attachments" / "att_lost").write_bytes(b"x")
    files.tidy()
    assert files.contents.ids() == [new.id]
