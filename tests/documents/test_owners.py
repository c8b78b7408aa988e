"""Each owner's collections are seen by nobody else, unless an administrator shares them."""

import sqlite3
from pathlib import Path

import pytest

from domov.documents.index import Index
from domov.documents.library import Documents, filters
from domov.documents.owners import COMPUTER, Viewer
from domov.errors import NoSuchCollection, NoSuchPassage, NotPermitted
from tests.documents.conftest import Models

ANNA, BORIS, ADMIN = Viewer("anna", admin=False), Viewer("boris", admin=False), Viewer("chief")


class Seat:
    """Who sits at the computer."""

    viewer = COMPUTER

    def __call__(self) -> Viewer:
        return self.viewer


@pytest.fixture
def seat() -> Seat:
    return Seat()


@pytest.fixture
async def home(tmp_path: Path, folder: Path, embedding_models: Models, seat: Seat):  # type: ignore[no-untyped-def]
    """Anna's papers, in a collection called home; the computer has one of the same name, with other papers."""
    documents = Documents(tmp_path / "documents", embedder=embedding_models.embedder, now=lambda: "", viewer=seat)
    (tmp_path / "garden").mkdir()
    (tmp_path / "garden" / "garden.txt").write_text("The valve of the garden is green.\n")
    documents.add([str(tmp_path / "garden")], "home")
    seat.viewer = ANNA
    documents.add([str(folder)], "home")
    await documents.refresh()
    yield documents
    documents.close()


async def found(documents: Documents, *names: str) -> set[str]:
    hits = await documents.search("valve", filters=filters(collections=names))
    return {Path(hit.path).name for hit in hits}


async def test_one_finds_nothing_of_another(home: Documents, seat: Seat) -> None:
    assert await found(home) == await found(home, "home") == {"house.md", "water.txt"}
    (passage, *_) = await home.search("valve cellar")
    seat.viewer = BORIS
    assert await found(home) == set() and home.collections() == []
    for forbidden in (
        lambda: home.passage(passage.passage),
        lambda: home.remove("home"),
        lambda: home.pause("home", True),
        lambda: home.retry("home"),
        lambda: home.files("home"),
        lambda: home.drop("home", "x.txt"),
        lambda: home.collection("home"),
    ):
        with pytest.raises((NoSuchCollection, NoSuchPassage)):
            forbidden()
    with pytest.raises(NoSuchCollection):
        await found(home, "home")


async def test_an_administrator_minds_the_computers_own_and_not_annas(home: Documents, seat: Seat) -> None:
    for viewer in (COMPUTER, ADMIN):
        seat.viewer = viewer
        assert await found(home) == {"garden.txt"}
    assert [c.owner for c in home.collections()] == [""]


async def test_what_is_shared_is_searched_by_all_and_changed_by_its_owner(home: Documents, seat: Seat) -> None:
    with pytest.raises(NotPermitted, match="administrator"):
        home.share("home", True)
    seat.viewer = ADMIN
    home.share("home", True)
    seat.viewer = BORIS
    assert await found(home, "home") == {"garden.txt"}
    with pytest.raises(NotPermitted, match="somebody else"):
        home.remove("home")
    path = home.keep("home", "notes.txt", b"Boris has a valve, too.")  # to one of his own
    await home.refresh()
    assert await found(home, "home") == {"notes.txt"} and await found(home) == {"notes.txt", "garden.txt"}
    seat.viewer = ANNA
    assert await found(home, "home") == {"house.md", "water.txt"}
    seat.viewer = BORIS
    home.remove("home")
    assert not path.exists() and await found(home, "home") == {"garden.txt"}


async def test_the_same_file_in_two_hands_is_told_by_ones_own_path(
    home: Documents, seat: Seat, tmp_path: Path, folder: Path
) -> None:
    seat.viewer = BORIS
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "plain.txt").write_bytes((folder / "water.txt").read_bytes())
    home.add([str(tmp_path / "other")], "mine")
    await home.refresh()
    (hit,) = await home.search("water")  # a word in the name of Anna's file
    assert Path(hit.path).name == "plain.txt" and "names" not in hit.ranks


FIRST_FORMAT = """
CREATE TABLE collection(
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, paused INTEGER NOT NULL DEFAULT 0, added TEXT NOT NULL);
CREATE TABLE root(
    collection INTEGER NOT NULL REFERENCES collection ON DELETE CASCADE, path BLOB NOT NULL, problem TEXT,
    UNIQUE(collection, path));
CREATE TABLE passage(id INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT NOT NULL);
CREATE TABLE model(id INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE counter(name TEXT PRIMARY KEY, value INTEGER NOT NULL);
INSERT INTO collection VALUES(7, 'home', 1, '');
INSERT INTO root VALUES(7, x'2f686f6d65', NULL);
PRAGMA user_version=1;
"""


def test_a_file_of_the_first_format_is_taken_on(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "index.db") as old:
        old.executescript(FIRST_FORMAT)
    old.close()
    for _ in range(2):
        index = Index(tmp_path / "index.db")
        (home,) = index.collections()
        assert (home.id, home.name, home.paused, home.roots, home.owner) == (7, "home", True, ("/home",), "")
        index.close()
    index = Index(tmp_path / "index.db")
    with index.change() as database:
        database.execute("DELETE FROM collection")
    assert index.ask("SELECT count(*) FROM root") == [(0,)]
    index.close()
