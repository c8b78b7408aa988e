"""A real server with a small model of every kind, and the real clients of others.

npm's clients are installed once into `.cache/clients`, in the versions and with the digests of package-lock.json.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from domov.store.models import Model
from tests import gguf_files, model_files
from tests.api.conftest import Server, serving
from tests.conftest import domov, environment

NPM = Path(__file__).parent / "npm"
INSTALLED = Path(__file__).parent.parent.parent / ".cache" / "clients"
LEAST_NODE = 20


@dataclass(frozen=True)
class Served:
    """A running server, and its home; a model of each kind is called by its kind."""

    server: Server
    home: Path

    @property
    def url(self) -> str:
        return self.server.url

    def connect(self, tool: str, user: Path, *options: str) -> subprocess.CompletedProcess[str]:
        """What a user types, whose own home is `user`."""
        done = domov(self.home, "connect", tool, "--yes", *options, **own(user))
        assert done.returncode == 0, done.stderr
        return done


def own(user: Path) -> dict[str, str]:
    """The variables by which tools find a user's files."""
    names = ("XDG_CONFIG_HOME", "CONTINUE_GLOBAL_DIR", "LLM_USER_PATH", "APPDATA", "USERPROFILE")
    places = (user / ".config", user / ".continue", user / "llm", user, user)
    return {"HOME": str(user), **{name: str(place) for name, place in zip(names, places, strict=True)}}


@pytest.fixture(scope="session")
def served(starter: Model, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home, files = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("files")
    content = starter.path.read_bytes()
    kinds = {
        "coder": model_files.with_gap_marks(content),
        "thinker": model_files.with_template(content, model_files.TOOLS_AND_THOUGHTS),
        "encoder": gguf_files.bert(),
        "ranker": gguf_files.bert(pooling=4),
    }
    for name, model in kinds.items():
        path = files / f"{name}.gguf"
        path.write_bytes(model)
        done = domov(home, "pull", str(path), "--name", name)
        assert done.returncode == 0, done.stderr
    with serving(home, DOMOV_CONTEXT_TOKENS="2048") as server:
        yield Served(server, home)


@pytest.fixture(scope="session")
def node() -> Path:
    """The folder with npm's clients. Without Node they are reported as not run, and in CI that is a failure."""
    program = shutil.which("node")
    version = subprocess.run(["node", "--version"], capture_output=True, text=True).stdout if program else "none"
    if program is None or int(version.strip().lstrip("v").split(".")[0]) < LEAST_NODE:
        words = f"NOT RUN: npm's clients need Node {LEAST_NODE} or newer, here is {version.strip()}"
        pytest.fail(words) if os.environ.get("CI") else pytest.skip(words)
    lock = (NPM / "package-lock.json").read_bytes()
    done_for = INSTALLED / "installed-for.json"
    if not done_for.exists() or done_for.read_bytes() != lock:
        INSTALLED.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(NPM / name, INSTALLED)
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=INSTALLED, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr
        done_for.write_bytes(lock)
    for script in NPM.glob("*.mjs"):
        shutil.copy(script, INSTALLED)
    return INSTALLED


def run_script(node: Path, name: str, url: str, user: Path) -> dict[str, Any]:
    """What a script prints, as JSON."""
    command = ["node", str(node / f"{name}.mjs"), url]
    env = {**environment(user), **own(user)}
    done = subprocess.run(command, cwd=node, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr + done.stdout
    table: dict[str, Any] = json.loads(done.stdout)
    return table
