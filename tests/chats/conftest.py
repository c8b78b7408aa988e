import pytest

from domov.chats.chats import Chats
from domov.chats.search import prepared
from domov.database import Database


class Clock:
    """Tells a second more each time."""

    seconds = 1000.0

    def __call__(self) -> float:
        self.seconds += 1
        return self.seconds


@pytest.fixture
def chats(database: Database) -> Chats:
    return Chats(database, prepared(database), clock=Clock())
