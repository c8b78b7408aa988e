import errno
import os
from pathlib import Path

import pytest

from domov.errors import DiskFull, HomeUnusable
from domov.files import disk_error, write_atomically


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
