"""A real `domov serve` on a real port."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import environment


@dataclass(frozen=True)
class Server:
    port: int
    process: "subprocess.Popen[str]"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def serving(home: Path, **more: str) -> Iterator[Server]:
    """`domov serve` in a process of its own, ended as Ctrl-C ends it if it is not dead already."""
    command = [sys.executable, "-m", "domov", "serve", "--port", "0"]
    with subprocess.Popen(command, env=environment(home, **more), stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        words = process.stderr.readline()
        found = re.search(r":(\d+)/v1", words)
        assert found, words
        try:
            yield Server(int(found[1]), process)
        finally:
            process.terminate()
            process.wait(10)


@pytest.fixture(scope="session")
def server(starter_home: Path) -> Iterator[Server]:
    with serving(starter_home) as running:
        yield running
