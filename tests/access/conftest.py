import pytest

from domov.access.keys import Keys
from domov.database import Database


@pytest.fixture
def keys(database: Database) -> Keys:
    return Keys(database)
