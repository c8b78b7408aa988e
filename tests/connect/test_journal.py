"""Other tools' files: changed as shown, put back to the byte, never over somebody's work."""

import os
import stat
from pathlib import Path

import pytest

from domov.connect.journal import Journal, edited, state_of
from domov.connect.tool import Change
from domov.errors import Broken, Refused

ODD = b"\xef\xbb\xbf# \xc3\xa9\r\nkey: 1\r\n"  # a mark at its start, Windows' line ends


def adding(path: Path, line: str = "added") -> Change:
    return Change(path, lambda text: text if line in text else f"{text}{line}\n")


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "home", "zed")


def test_a_file_comes_back_to_the_byte_with_its_mode(tmp_path: Path, journal: Journal) -> None:
    path = tmp_path / "settings"
    path.write_bytes(ODD)
    path.chmod(0o644)
    journal.write([edited(adding(path))])
    assert path.read_bytes() == ODD + b"added\r\n" and stat.S_IMODE(path.stat().st_mode) == 0o644
    assert state_of(journal) == "connected"
    assert journal.undo() == [path]
    assert path.read_bytes() == ODD and state_of(journal) == ""
    assert not list(journal.folder.iterdir())


def test_what_was_not_there_is_gone_again_with_the_folders_made_for_it(tmp_path: Path, journal: Journal) -> None:
    path = tmp_path / "a" / "b" / "settings"
    journal.write([edited(adding(path))])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    journal.undo()
    assert not (tmp_path / "a").exists()


def test_a_file_that_has_changed_since_is_put_back_only_when_told_and_kept(tmp_path: Path, journal: Journal) -> None:
    path = tmp_path / "settings"
    path.write_text("mine\n")
    journal.write([edited(adding(path))])
    path.write_text("mine\nadded\nlater\n")
    assert state_of(journal) == "changed since"
    with pytest.raises(Refused) as refused:
        journal.undo()
    assert str(path) in refused.value.message and "--anyway" in refused.value.hint
    assert path.read_text() == "mine\nadded\nlater\n"
    journal.undo(anyway=True)
    assert path.read_text() == "mine\n"
    assert (tmp_path / "settings.before-undo").read_text() == "mine\nadded\nlater\n"


def test_connecting_twice_goes_back_to_before_the_first_time(tmp_path: Path, journal: Journal) -> None:
    path, second = tmp_path / "settings", tmp_path / "second"
    path.write_text("mine\n")
    journal.write([edited(adding(path, "one"))])
    journal.write([edited(adding(path, "two")), edited(adding(second))])
    assert sorted(journal.undo()) == [second, path]
    assert path.read_text() == "mine\n" and not second.exists()


def test_work_in_between_makes_two_steps_back(tmp_path: Path, journal: Journal) -> None:
    path = tmp_path / "settings"
    journal.write([edited(adding(path, "one"))])
    path.write_text("one\nmine\n")
    journal.write([edited(adding(path, "two"))])
    journal.undo()
    assert path.read_text() == "one\nmine\n" and state_of(journal) == "changed since"


def test_a_link_stays_a_link(tmp_path: Path, journal: Journal) -> None:
    real, link = tmp_path / "dotfiles", tmp_path / "settings"
    real.write_text("mine\n")
    os.symlink(real, link)
    journal.write([edited(adding(link))])
    assert link.is_symlink() and real.read_text() == "mine\nadded\n"
    journal.undo()
    assert link.is_symlink() and real.read_text() == "mine\n"


def test_a_link_that_leads_nowhere_does_so_again(tmp_path: Path, journal: Journal) -> None:
    link = tmp_path / "settings"
    os.symlink(tmp_path / "dotfiles", link)
    journal.write([edited(adding(link))])
    assert (tmp_path / "dotfiles").read_text() == "added\n"
    journal.undo()
    assert link.is_symlink() and not link.exists()


def test_what_another_program_has_just_written_is_not_overwritten(tmp_path: Path, journal: Journal) -> None:
    path = tmp_path / "settings"
    shown = edited(adding(path))
    path.write_text("theirs\n")
    with pytest.raises(Refused, match="just been changed"):
        journal.write([shown])
    assert path.read_text() == "theirs\n" and not journal.records()


def test_a_file_that_is_no_text_or_can_not_be_read_is_named_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "settings"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(Broken, match=f"can't change {path}"):
        edited(adding(path))
    with pytest.raises(Broken, match="can't read"):
        edited(adding(tmp_path))
    assert path.read_bytes() == b"\xff\xfe"


def test_a_damaged_copy_or_record_is_never_put_back(tmp_path: Path, journal: Journal) -> None:
    path = tmp_path / "settings"
    path.write_text("mine\n")
    journal.write([edited(adding(path))])
    (copy,) = journal.folder.glob("*.bak")
    copy.write_text("something else")
    with pytest.raises(Broken, match="gone or damaged"):
        journal.undo()
    journal.records()[0].write_text("{")
    with pytest.raises(Broken, match="damaged record"):
        journal.undo()
    assert path.read_text() == "mine\nadded\n"


def test_the_difference_is_shown_as_diff_has_it(tmp_path: Path) -> None:
    path = tmp_path / "settings"
    assert edited(adding(path)).diff() == f"--- /dev/null\n+++ {path}\n@@ -0,0 +1 @@\n+added\n"
    path.write_text("added\n")
    assert not edited(adding(path)).changes and edited(adding(path)).diff() == ""
