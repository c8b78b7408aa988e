from collections.abc import Iterator
from pathlib import Path

import pytest

from domov.chats.chats import Chats
from domov.chats.search import prepared
from domov.database import open_database


class Clock:
    """Tells a second more each time."""

    seconds = 1000.0

    def __call__(self) -> float:
        self.seconds += 1
        return self.seconds


@pytest.fixture
def chats(tmp_path: Path) -> Iterator[Chats]:
    database = open_database(tmp_path / "domov.db")
    yield Chats(database, prepared(database), clock=Clock())
    database.close()
