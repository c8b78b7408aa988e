import pytest

from domov.cli.output import print_table, progress_text
from domov.store.download import Progress


def test_progress_tells_share_size_speed_and_rest() -> None:
    text = progress_text(Progress("downloading", 25_000_000, 100_000_000), 5_000_000)
    assert text == "downloading  25 %  25 MB of 100 MB  5 MB/s  15 s left"


def test_progress_of_unknown_length_tells_what_is_known() -> None:
    assert progress_text(Progress("downloading", 2_000, None), 0) == "downloading  2 kB"


def test_columns_are_as_wide_as_their_widest_cell(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("A", "B"), [("long one", "x")])
    assert capsys.readouterr().out == "A         B\nlong one  x\n"
