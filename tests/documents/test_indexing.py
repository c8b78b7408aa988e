"""Folders into the index and out again: nothing twice, nothing lost, nothing left behind."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from domov.documents.index import Counts, Index
from domov.documents.indexing import Stage
from domov.documents.library import Documents
from domov.documents.reading import Reader
from domov.errors import DiskFull, NoSuchCollection
from tests.documents.conftest import Models, open_documents


def counts(documents: Documents, name: str = "home") -> Counts:
    return documents.index.counts(documents.index.collection(name))


async def texts(documents: Documents, question: str) -> list[str]:
    return [hit.text for hit in await documents.search(question) if "words" in hit.ranks]


class Witness(Reader):
    """Counts the files that were really parsed."""

    parsed = 0

    async def read(self, kind: str, content: bytes, name: str):  # type: ignore[no-untyped-def]
        Witness.parsed += 1
        return await super().read(kind, content, name)


@pytest.fixture
async def home(documents: Documents, folder: Path) -> Documents:
    documents.indexer.reader = Witness()
    documents.add([str(folder)], "home")
    await documents.refresh()
    Witness.parsed = 0
    return documents


async def test_a_folder_is_read_and_embedded(home: Documents) -> None:
    assert counts(home) == Counts(waiting=0, read=2, failed=0, waiting_bytes=0, passages=2, embedded=2)
    assert await texts(home, "topením") == ["Údržbu topení provádí pan Novák, telefon 777 123 456."]


async def test_what_has_not_changed_is_not_read_again(home: Documents, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await home.refresh() is False
    assert Witness.parsed == 0


async def test_a_rename_and_a_copy_cost_no_parsing(home: Documents, folder: Path) -> None:
    (folder / "house.md").rename(folder / "dům.md")
    (folder / "copy.md").write_bytes((folder / "dům.md").read_bytes())
    await home.refresh()
    assert (Witness.parsed, counts(home).read, counts(home).passages) == (0, 3, 2)
    assert {Path(h.path).name for h in await home.search("topení", count=2) if "words" in h.ranks} == {"copy.md"}


async def test_a_change_replaces_and_a_deletion_removes(home: Documents, folder: Path) -> None:
    (folder / "water.txt").write_text("The valve has moved to the kitchen.\n")
    (folder / "house.md").unlink()
    await home.refresh()
    assert await texts(home, "cellar") == [] and await texts(home, "topení") == []
    assert await texts(home, "kitchen") == ["The valve has moved to the kitchen."]
    assert counts(home).passages == counts(home).embedded == 1


async def test_a_folder_that_vanishes_for_a_while_is_kept(home: Documents, folder: Path) -> None:
    folder.rename(folder.parent / "away")
    await home.refresh()
    assert counts(home).read == 2
    (status,) = home.status()
    assert "no such file" in status.failures[0][1]


async def test_a_folder_without_permission_costs_only_itself(home: Documents, folder: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("not run: everything is permitted to root")
    (folder / "locked").mkdir(mode=0)
    await home.refresh()
    assert counts(home).read == 2 and "permission" in home.status()[0].failures[0][1]
    (folder / "locked").chmod(0o700)


async def test_a_failure_has_its_reason_and_is_tried_again_when_the_file_changes(home: Documents, folder: Path) -> None:
    (folder / "broken.docx").write_bytes(b"no zip")
    (folder / "empty.txt").touch()
    await home.refresh()
    reasons = dict((Path(path).name, reason) for path, reason in home.status()[0].failures)
    assert reasons == {"broken.docx": "damaged: it is no zip file inside", "empty.txt": "it is empty"}
    (folder / "empty.txt").write_text("now full of words")
    await home.refresh()
    assert await texts(home, "full words") == ["now full of words"]


async def test_a_paused_collection_is_left_alone(home: Documents, folder: Path) -> None:
    home.pause("home", True)
    (folder / "new.txt").write_text("something new")
    await home.refresh()
    assert await texts(home, "something") == []
    home.pause("home", False)
    await home.refresh()
    assert await texts(home, "something") == ["something new"]


async def test_without_a_model_words_are_searched_and_vectors_come_later(
    documents: Documents, folder: Path, embedding_models: Models
) -> None:
    embedding_models.here = False
    documents.add([str(folder)], "home")
    await documents.refresh()
    assert await texts(documents, "cellar") and counts(documents).embedded == 0
    embedding_models.here = True
    await documents.refresh()
    assert counts(documents).embedded == 2


async def test_another_model_embeds_anew_while_the_old_vectors_serve(home: Documents, embedding_models: Models) -> None:
    before = home.index.serving()
    embedding_models.names.append("other-e5")
    seen: list[object] = []
    await home.refresh(on_stage=lambda stage: seen.append((stage.step, home.index.serving())))
    assert ("embedding", before) in seen
    serving = home.index.serving()
    assert serving and serving[1] == "other-e5"
    assert home.index.ask("SELECT DISTINCT model FROM vector") == [(serving[0],)]


async def test_deleting_a_collection_leaves_nothing_in_the_file(home: Documents, folder: Path) -> None:
    files = list(home.folder.glob("index.db*"))
    secret = [b"777 123", b"udrzbu", b"Novak", "Novák".encode()]
    assert any(word in path.read_bytes() for path in files for word in secret)
    home.remove("home")
    assert [w for path in home.folder.glob("index.db*") for w in secret if w in path.read_bytes()] == []
    assert home.index.ask("SELECT count(*) FROM vector") == [(0,)]
    assert home.index.ask("SELECT count(*) FROM words WHERE words MATCH 'topeni'") == [(0,)]
    assert (folder / "house.md").exists()
    with pytest.raises(NoSuchCollection, match="home"):
        home.index.collection("home")


async def test_a_collection_that_is_deleted_while_it_is_read_leaves_nothing(home: Documents, folder: Path) -> None:
    (folder / "late.txt").write_text("too late")

    def remove(stage: Stage) -> None:
        if stage.step == "reading" and home.index.collections():
            home.remove("home")

    await home.refresh(on_stage=remove)
    assert home.index.ask("SELECT count(*) FROM content") == [(0,)]
    assert home.index.ask("SELECT count(*) FROM passage") == [(0,)]


async def test_what_two_collections_share_is_kept_once_and_until_the_last_goes(home: Documents, folder: Path) -> None:
    home.add([str(folder)], "other")
    await home.refresh()
    assert Witness.parsed == 0 and home.index.ask("SELECT count(*) FROM passage") == [(2,)]
    home.remove("home")
    assert await texts(home, "cellar") == ["The main valve is in the cellar."]


async def test_a_full_disk_is_told_and_nothing_is_half_done(home: Documents, folder: Path) -> None:
    home.index.database.execute("PRAGMA max_page_count=1")  # SQLite's own way to be full
    (folder / "long.txt").write_text("".join(f"paragraph {n} about many things\n\n" for n in range(5000)))
    with pytest.raises(DiskFull, match="no space left"):
        await home.refresh()
    home.index.database.execute("PRAGMA max_page_count=1000000")
    await home.refresh()
    assert counts(home).read == 3 and counts(home).passages == counts(home).embedded


KILLED = """
import asyncio, sys
from pathlib import Path
from tests.documents.conftest import Models, open_documents
documents = open_documents(Path(sys.argv[1]), Models())
documents.add([sys.argv[2]], "home")
print("ready", flush=True)
asyncio.run(documents.refresh(on_stage=lambda stage: print(stage.step, stage.done, flush=True)))
"""


async def test_killed_at_any_moment_it_goes_on_from_there(
    tmp_path: Path, folder: Path, embedding_models: Models
) -> None:
    for number in range(60):
        (folder / f"{number}.txt").write_text(f"number {number} of many files\n")
    for wanted in ("reading 20", "embedding 0"):
        command = [sys.executable, "-c", KILLED, str(tmp_path), str(folder)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as process:
            assert process.stdout
            for line in process.stdout:
                if line.strip() == wanted:
                    process.send_signal(signal.SIGKILL)
                    break
    documents = open_documents(tmp_path, embedding_models)
    assert documents.index.database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    await documents.refresh()
    assert counts(documents).read == 62 and counts(documents).embedded == 62
    documents.close()


async def test_two_processes_do_not_index_at_the_same_time(home: Documents, embedding_models: Models) -> None:
    other = Documents(home.folder, embedder=embedding_models.embedder, now=lambda: "")
    steps: list[Stage] = []
    async with home.indexer._turn(steps.append):
        waiting = asyncio.ensure_future(other.refresh(on_stage=steps.append))
        while not any("another domov" in stage.step for stage in steps):
            await asyncio.sleep(0.01)
    await waiting
    other.close()


async def test_a_file_that_was_sent_is_kept_with_its_collection(home: Documents) -> None:
    path = home.keep("web", "page.html", b"<h1>Saved</h1><p>page about lamps")
    await home.refresh()
    assert await texts(home, "lamps") == ["page about lamps"]
    home.remove("web")
    assert not path.exists()


def test_the_file_is_nobody_elses(tmp_path: Path) -> None:
    index = Index(tmp_path / "documents" / "index.db")
    assert os.stat(index.path).st_mode & 0o077 == 0 and os.stat(index.path.parent).st_mode & 0o077 == 0
    index.close()


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    from domov.errors import Broken

    (tmp_path / "index.db").write_bytes(b"something else entirely" * 100)
    with pytest.raises(Broken, match="can't be read"):
        Index(tmp_path / "index.db")
