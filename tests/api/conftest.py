"""A real `domov serve` on a real port."""

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from domov.store.models import Model
from tests import gguf_files, model_files
from tests.conftest import domov, environment


@dataclass(frozen=True)
class Server:
    port: int
    process: "subprocess.Popen[str]"
    home: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def serving(home: Path, *, start: Sequence[str] = ("-m", "domov"), **more: str) -> Iterator[Server]:
    """`domov serve` in a process of its own, ended as Ctrl-C ends it if it is not dead already."""
    command = [sys.executable, *start, "serve", "--port", "0"]
    with subprocess.Popen(command, env=environment(home, **more), stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        words = process.stderr.readline()
        found = re.search(r":(\d+)/v1", words)
        assert found, words
        try:
            yield Server(int(found[1]), process, home)
        finally:
            process.terminate()
            process.wait(10)


@pytest.fixture(scope="session")
def server(starter_home: Path) -> Iterator[Server]:
    with serving(starter_home) as running:
        yield running


@pytest.fixture(scope="session")
def able(starter: Model, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a small model of every kind: they lie outside its home."""
    home, files = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("files")
    content = starter.path.read_bytes()
    kinds = {
        "plain": content,
        "thinker": model_files.with_template(content, model_files.TOOLS_AND_THOUGHTS),
        "filler": model_files.with_gap_marks(content),
        "encoder": gguf_files.bert(),
        "ranker": gguf_files.bert(pooling=4),
    }
    for name, model in kinds.items():
        path = files / f"{name}.gguf"
        path.write_bytes(model)
        done = domov(home, "pull", str(path), "--name", name)
        assert done.returncode == 0, done.stderr
    with serving(home) as server:
        yield server


LITTLE = "little:1m"


def little_home(home: Path) -> Path:
    """A home with one small model, LITTLE."""
    file = home / "little.gguf"
    file.write_bytes(gguf_files.bert())
    done = domov(home, "pull", str(file), "--name", LITTLE)
    assert done.returncode == 0, done.stderr
    return home


@pytest.fixture(scope="session")
def fake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose one model, LITTLE, gives back what it is sent: for all that is no matter of the model."""
    with serving(little_home(tmp_path_factory.mktemp("home")), DOMOV_ENGINE="fake") as server:
        yield server
