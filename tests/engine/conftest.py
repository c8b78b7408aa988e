"""Engines of every kind, started once and shared."""

import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from domov import app, config
from domov.engine.fake import FakeEngine
from domov.engine.llamacpp import LlamaCpp
from domov.engine.protocol import Engine
from domov.store.models import Model

CONTEXT_TOKENS = 1024


def open_engine(home: Path, model: Model, *, engine: str = "xllamacpp") -> LlamaCpp:
    """A worker engine with a small context, whose logs go to `home`."""
    settings = replace(config.load({"DOMOV_HOME": str(home)}), engine=engine, context_tokens=CONTEXT_TOKENS)
    if engine == "llama-server":
        settings = replace(settings, llama_server=config.load().llama_server)
    opened = app.App(settings).open_engine(model)
    assert isinstance(opened, LlamaCpp)
    return opened


async def is_idle(engine: Engine) -> bool:
    """Whether the engine works on no answer: asked of the worker itself, by its slots."""
    if isinstance(engine, FakeEngine):
        return engine.running == 0
    assert isinstance(engine, LlamaCpp) and engine.worker and engine.worker.endpoint.socket
    connector = aiohttp.UnixConnector(engine.worker.endpoint.socket, force_close=True)
    async with aiohttp.ClientSession(connector=connector) as session, session.get("http://worker/slots") as response:
        return not any(slot["is_processing"] for slot in await response.json())


@pytest.fixture(scope="session", params=["fake", "xllamacpp", "llama-server"])
async def engine(
    request: pytest.FixtureRequest, starter: Model, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Engine]:
    """Every kind of engine in turn. A native llama-server that is not on the machine is reported as not run."""
    opened: Engine = FakeEngine(context_tokens=CONTEXT_TOKENS, seconds_per_token=0.001)
    if request.param == "llama-server" and not shutil.which(config.load().llama_server):
        pytest.skip("not run: there is no llama-server on this machine")
    if request.param != "fake":
        opened = open_engine(tmp_path_factory.mktemp("home"), starter, engine=request.param)
    yield opened
    await opened.close()
