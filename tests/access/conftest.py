from collections.abc import Iterator
from pathlib import Path

import pytest

from domov.access.keys import Keys
from domov.database import Database, open_database


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(tmp_path / "domov.db")
    yield opened
    opened.close()


@pytest.fixture
def keys(database: Database) -> Keys:
    return Keys(database)
