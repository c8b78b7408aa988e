"""A real server with the starter, beside a hub that plays Hugging Face: what the screens of models need."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from tests import gguf_files
from tests.api.conftest import Server, serving
from tests.hub import Hub
from tests.page.conftest import home_with_starter

LARGE = gguf_files.bert(words=[*gguf_files.WORDS, *(f"▁{n}" for n in range(20_000))])


@dataclass(frozen=True)
class Stocked:
    server: Server
    hub: Hub

    def switch(self, *, offline: bool) -> None:
        httpx2.put(f"{self.server.url}/api/domov/offline", json={"offline": offline}).raise_for_status()


@pytest.fixture(scope="session")
def stocked(starter_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stocked]:
    with Hub() as hub, home_with_starter(starter_home, tmp_path_factory.mktemp("stocked")) as home:
        files = {"small-Q8_0.gguf": gguf_files.bert(), "small-Q4_K_M.gguf": gguf_files.bert() + bytes(32)}
        hub.add_repository("user/small", files, tags=["license:mit"])
        hub.add_repository("user/held", {"held-Q8_0.gguf": LARGE})
        with serving(home, HF_ENDPOINT=hub.url, DOMOV_WATCH_SECONDS="1") as server:
            yield Stocked(server, hub)
