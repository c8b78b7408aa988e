"""A hub of each test's own, and pullers that know no other."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from domov.outbound import Outbound
from domov.store.catalogue import Catalogue, Entry
from domov.store.download import Progress
from domov.store.models import Models
from domov.store.pip_settings import PipSettings
from domov.store.pull import Puller
from tests.hub import Hub

settings.register_profile("domov", deadline=None, derandomize=True)
settings.load_profile("domov")

MakePuller = Callable[..., Puller]


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as hub:
        yield hub


@pytest.fixture
def models(tmp_path: Path) -> Models:
    return Models(tmp_path / "home" / "models", Catalogue(()))


@pytest.fixture
async def outbound(tmp_path: Path) -> AsyncIterator[Outbound]:
    async with Outbound(tmp_path / "home" / "logs" / "outbound.jsonl", offline=False) as outbound:
        yield outbound


@pytest.fixture
async def make_puller(tmp_path: Path, hub: Hub) -> AsyncIterator[MakePuller]:
    """Gives a puller into `models` from `hub`; its arguments replace settings."""
    async with AsyncExitStack() as stack:

        def make(*, offline: bool = False, entries: tuple[Entry, ...] = (), **settings: Any) -> Puller:
            outbound = Outbound(tmp_path / "home" / "logs" / "outbound.jsonl", offline=offline)
            stack.push_async_exit(outbound)
            models = Models(tmp_path / "home" / "models", Catalogue(entries))
            pip_settings = PipSettings(indexes=(hub.index,), folders=(), cert=None)
            defaults = {"hf_endpoint": hub.url, "hf_token": None, "pip_settings": pip_settings}
            return Puller(models, outbound, **{**defaults, **settings})

        yield make


@pytest.fixture
def puller(make_puller: MakePuller) -> Puller:
    return make_puller()


def ignore(progress: Progress) -> None:
    """What a test gives that does not look at progress."""
