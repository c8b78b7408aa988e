"""The real model that tests run on, fetched once into `.cache/` and shared by all of them."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from domov import app, config
from domov.database import Database, open_database
from domov.store.models import Model

CACHE = Path(__file__).parent.parent / ".cache" / "domov"
STARTER = "smollm2:135m"


def environment(home: Path, **more: str) -> dict[str, str]:
    """The environment of a domov that is run in a process of its own, with its own home."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("DOMOV_", "HF_"))}
    return {**kept, "DOMOV_HOME": str(home), **more}


def domov(home: Path, *arguments: str, stdin: str = "", **more: str) -> subprocess.CompletedProcess[str]:
    """Runs the real command line."""
    command = [sys.executable, "-m", "domov", *arguments]
    return subprocess.run(
        command, env=environment(home, **more), input=stdin, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """An empty database, in a file of its own."""
    with closing(open_database(tmp_path / "domov.db")) as opened:
        yield opened


@pytest.fixture
def racing() -> Iterator[None]:
    """Threads take turns as often as they can, so that they meet where they must not."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.fixture(scope="session")
def starter_home() -> Path:
    """A DOMOV_HOME that holds the starter model. Tests only read it."""
    done = domov(CACHE, "pull", STARTER)
    assert done.returncode == 0, done.stderr
    return CACHE


@pytest.fixture(scope="session")
def starter(starter_home: Path) -> Model:
    return app.App(config.load({"DOMOV_HOME": str(starter_home)})).models.get(STARTER)


@pytest.fixture(scope="session")
def embedding_home(starter_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DOMOV_HOME that holds the starter and the model that makes vectors of documents."""
    cache = CACHE.with_name("embedding")
    done = domov(cache, "pull", "e5-small")
    assert done.returncode == 0, done.stderr
    path = tmp_path_factory.mktemp("embedding") / "home"
    for home in (starter_home, cache):
        locks = shutil.ignore_patterns("*.lock")
        shutil.copytree(home / "models", path / "models", copy_function=os.link, dirs_exist_ok=True, ignore=locks)
    return path


def write_papers(folder: Path) -> Path:
    """What a house has to say of itself, in Czech and in English, and one file that is damaged."""
    (folder / "house.md").write_text("# Dům\n\n## Topení\nÚdržbu topení provádí pan Novák, telefon 777 123 456.\n")
    (folder / "water.txt").write_text("The main water valve is in the cellar, behind the left door.\n")
    (folder / "bananas.txt").write_text("Bananas are yellow when they are ripe, and grow in warm countries.\n")
    (folder / "broken.docx").write_text("no zip")
    return folder


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_papers(tmp_path_factory.mktemp("papers"))


@pytest.fixture
def home(starter_home: Path, tmp_path: Path) -> Iterator[Path]:
    """A DOMOV_HOME of the test's own that holds the starter model, without a copy of its bytes."""
    path = tmp_path / "home"
    shutil.copytree(starter_home / "models", path / "models", copy_function=os.link)
    yield path
