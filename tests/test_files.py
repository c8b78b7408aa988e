import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from domov.errors import DiskFull, HomeUnusable
from domov.files import disk_error, make_folder, write_atomically


def test_a_file_is_replaced_whole_and_is_nobody_elses(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "file"
    for content in (b"one", b"two"):
        write_atomically(path, content)
        assert path.read_bytes() == content
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(path.parent) == ["file"]


def test_a_folder_in_its_place_is_an_error_that_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    with pytest.raises(HomeUnusable):
        write_atomically(tmp_path / "file", b"x")
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_told_from_other_errors(code: int) -> None:
    assert isinstance(disk_error(OSError(code, "x"), Path("/p")), DiskFull)
    assert isinstance(disk_error(OSError(errno.EACCES, "x"), Path("/p")), HomeUnusable)


def test_a_file_that_would_be_too_large_is_a_full_disk_that_leaves_the_old_one(tmp_path: Path) -> None:
    """A limit on file sizes stands for the full disk: the system refuses the write in the same way."""
    path = tmp_path / "file"
    path.write_bytes(b"old")
    write = (
        f"from domov.files import *; from pathlib import Path; write_atomically(Path({str(path)!r}), bytes(100_000))"
    )
    limited = ["sh", "-c", 'ulimit -f 20 && exec "$0" -c "$1"', sys.executable, write]
    done = subprocess.run(limited, capture_output=True, text=True, check=False)
    assert "domov.errors.DiskFull: no space left on the disk of" in done.stderr
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_a_folder_below_a_file_is_an_unusable_home(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(HomeUnusable, match="can't write") as caught:
        make_folder(tmp_path / "file" / "folder")
    assert "DOMOV_HOME" in caught.value.hint


def test_a_folder_is_its_owners_alone(tmp_path: Path) -> None:
    assert make_folder(tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700
    assert make_folder(tmp_path / "a" / "b").is_dir()
