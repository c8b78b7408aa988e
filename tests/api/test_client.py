"""Where a server says that it serves."""

import os
from pathlib import Path

import pytest

from domov.api.client import Place, announced, ask
from domov.errors import NoServer

PLACE = Place("127.0.0.1", 1, "domov-own-secret")


def test_a_server_that_ends_takes_its_word_back(tmp_path: Path) -> None:
    with announced(tmp_path, PLACE):
        assert str(os.getpid()) in (tmp_path / "server.json").read_text()
    with pytest.raises(NoServer, match="no server is running"):
        ask(tmp_path, "GET", "/")


def test_a_server_that_ends_leaves_the_word_of_a_later_one(tmp_path: Path) -> None:
    with announced(tmp_path, PLACE):
        (tmp_path / "server.json").write_text(later := '{"host": "127.0.0.1", "port": 2, "pid": 1}')
    assert (tmp_path / "server.json").read_text() == later
