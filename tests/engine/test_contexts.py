"""The threads of a running worker, changed from outside and counted by the system."""

import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from domov import app, config
from domov.engine.adapting import Threads
from domov.engine.contexts import slot_address
from domov.engine.llamacpp import LlamaCpp
from domov.store.models import Model
from domov.types import ChatRequest, Message, Sampling, TextDelta

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="threads can be changed on Linux only")
STORY = ChatRequest("m", (Message("user", "Tell me a story."),), Sampling(temperature=0.0, seed=1), max_tokens=60)


def library() -> Path:
    import xllamacpp.xllamacpp

    return Path(xllamacpp.xllamacpp.__file__)


async def told(engine: LlamaCpp) -> str:
    return "".join([event.text async for event in engine.stream(STORY) if isinstance(event, TextDelta)])


@pytest.fixture
async def engine(starter: Model, tmp_path: Path) -> AsyncIterator[LlamaCpp]:
    """An engine whose threads nobody else changes."""
    settings = replace(config.load({"DOMOV_HOME": str(tmp_path)}), adapt_threads=False)
    opened = app.App(settings).open_engine(starter)
    assert isinstance(opened, LlamaCpp)
    await opened.start()
    yield opened
    await opened.close()


async def test_threads_change_while_a_worker_runs_and_its_words_do_not(engine: LlamaCpp) -> None:
    worker = engine.worker
    assert worker and worker.ready.adapts
    await told(engine)  # the prompt has been read: what follows starts from the same state
    words, shares = [], []
    for threads in (Threads(2, 2), Threads(1, 1)):
        worker.set_threads(threads)
        await told(engine)  # the order has arrived
        process = psutil.Process(worker.pid)
        before = {t.id: t.user_time + t.system_time for t in process.threads()}
        words.append(await told(engine))
        spent = sorted(t.user_time + t.system_time - before.get(t.id, 0.0) for t in process.threads())
        shares.append(spent[-2] / spent[-1])
    assert words[0] == words[1]
    assert shares[0] > 0.5, "two threads do about the same"
    assert shares[1] < 0.3, "one thread does all"


def test_a_function_that_is_not_called_through_a_slot_is_said_so() -> None:
    with pytest.raises(ValueError, match="llama_set_n_threads is not called through a slot"):
        slot_address(library(), "llama_set_n_threads")


def test_what_is_no_library_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.so"
    path.write_bytes(b"hello" * 100)
    with pytest.raises(ValueError, match="not a 64-bit ELF library"):
        slot_address(path, "llama_get_memory")
