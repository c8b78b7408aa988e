"""The real server in this process, on a real port, whose models are run by an engine that needs no time to load."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest
import uvicorn

from domov import config
from domov.api.admission import Admission
from domov.api.guard import Guard
from domov.api.listening import listeners
from domov.api.server import create
from domov.app import App
from domov.engine.fake import FakeEngine
from domov.engine.scheduler import Scheduler
from domov.sizing.plan import Plan

CONTEXT_TOKENS = 1024


@dataclass(frozen=True)
class FakeApp(App):
    """Domov with a FakeEngine for every model."""

    @cached_property
    def engine(self) -> FakeEngine:
        return FakeEngine(context_tokens=CONTEXT_TOKENS, seconds_per_token=0.005)

    @cached_property
    def scheduler(self) -> Scheduler:
        plan = Plan(context_tokens=CONTEXT_TOKENS, slots=1 << 16, threads=1, weights_bytes=0, cache_bytes=0)
        return Scheduler(
            lambda model, idle_bytes: (self.engine, plan),
            key=lambda m: m.name,
            free_bytes=lambda: 1 << 40,
            keep_alive_seconds=-1,
        )


@dataclass(frozen=True)
class Fake:
    domov: FakeApp
    url: str


@pytest.fixture
async def fake(home: Path) -> AsyncIterator[Fake]:
    domov = FakeApp(config.load({"DOMOV_HOME": str(home)}))
    (listener,) = listeners(domov.config, port=0)
    guard = Guard(
        create(domov),
        origins=listener.origins,
        admission=Admission(domov.access, listener.keys_required),
        most_body_bytes=64 << 20,
    )
    settings = uvicorn.Config(guard, log_level="warning", access_log=False)
    server = uvicorn.Server(settings)
    serving = asyncio.ensure_future(server.serve(sockets=[listener.socket]))
    while not server.started:
        await asyncio.sleep(0.001)
    yield Fake(domov, listener.url)
    server.should_exit = True
    await serving
