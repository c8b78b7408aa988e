"""Chats as documents: in as soon as they are kept, out when they are deleted, their owner's alone."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from domov.chats.chats import Chats
from domov.chats.papers import papers
from domov.chats.records import Chat, Turn
from domov.chats.search import prepared
from domov.database import open_memory
from domov.documents.library import Documents
from domov.documents.owners import Viewer
from tests.documents.conftest import Models


@pytest.fixture
def chats() -> Iterator[Chats]:
    database = open_memory()
    yield Chats(database, prepared(database))
    database.close()


@pytest.fixture
def documents(tmp_path: Path, embedding_models: Models, chats: Chats) -> Iterator[Documents]:
    opened = Documents(
        tmp_path / "documents",
        embedder=embedding_models.embedder,
        now=lambda: "",
        viewer=lambda: Viewer("anna", admin=False),
    ).with_chats(lambda owner: papers(chats, owner))
    yield opened
    opened.close()


def said(chats: Chats, owner: str, text: str) -> Chat:
    turn = Turn(id=f"m_{owner}_{len(text)}", chat="", parent=None, role="user", content=text)
    return chats.create(Chat("", owner, title="Fruit", current=turn.id), [turn])


async def found(documents: Documents, question: str) -> list[str]:
    return [hit.title for hit in await documents.search(question) if "words" in hit.ranks]


async def test_chats_are_found_changed_and_gone_with_the_chat(documents: Documents, chats: Chats) -> None:
    chat = said(chats, "anna", "Apricots ripen in July.")
    said(chats, "boris", "Apricots of Boris.")
    documents.add_chats("chats")
    await documents.refresh()
    (hit,) = [h for h in await documents.search("apricots ripen") if "words" in h.ranks]
    assert "July" in hit.text and "Boris" not in hit.text
    assert await documents.refresh() is False
    chats.change(chat.id, {"title": "Stone fruit"}, owner="anna", moment=chat.updated_at + 1)
    await documents.refresh()
    assert await found(documents, "stone") == ["Stone fruit"]
    chats.delete(chat.id, owner="anna")
    await documents.refresh()
    assert await found(documents, "apricots") == []


async def test_a_collection_of_chats_leaves_no_copy_when_it_is_deleted(documents: Documents, chats: Chats) -> None:
    said(chats, "anna", "Apricots ripen in July.")
    documents.add_chats("chats")
    await documents.refresh()
    documents.remove("chats")
    assert not list((documents.folder / "chats").rglob("*.md"))
    assert len(list(chats.all(owner="anna"))) == 1


async def test_nor_when_its_owner_is_deleted(documents: Documents, chats: Chats) -> None:
    said(chats, "anna", "Apricots ripen in July.")
    documents.add_chats("chats")
    documents.keep("chats", "notes.txt", b"Plums ripen in August.")
    await documents.refresh()
    assert list((documents.folder / "chats").rglob("*.md"))
    documents.forget("boris")
    assert len(documents.collections()) == 1
    documents.forget("anna")
    assert not documents.collections()
    assert not [path for kept in ("chats", "files") for path in (documents.folder / kept).rglob("*.*")]
