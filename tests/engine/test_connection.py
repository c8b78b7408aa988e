"""Workers that end at the wrong moment; small programs and servers play them, no model is needed."""

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from domov.engine import connection as connection_module
from domov.engine import process
from domov.engine.answer import answer
from domov.engine.connection import Care, Connection
from domov.engine.launch import Endpoint, Launch, Ready, answer_line
from domov.engine.llamacpp import LlamaCpp
from domov.engine.process import WorkerProcess
from domov.engine.states import States
from domov.errors import BadRequest, DomovError, WorkerDied
from domov.types import ChatRequest, CompletionRequest, Message

LAUNCH = Launch("model.gguf", Endpoint(None), context_tokens=512, threads=1, parent=0)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files, the test's own."""
    folder = tmp_path / "t"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@asynccontextmanager
async def answering(worker: WorkerProcess, handler: Handler) -> AsyncIterator[None]:
    """A server where the worker would listen."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.UnixSite(runner, str(worker.endpoint.socket)).start()
    yield
    await runner.cleanup()


def program(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """From here on a worker is this program."""
    monkeypatch.setattr(process, "COMMAND", (sys.executable, "-c", code))


READY = f"import time; print({answer_line(Ready(0, ()))!r}, flush=True); "


async def test_a_worker_without_a_place_for_its_log_leaves_no_folder(temporary: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DomovError):
        await WorkerProcess(LAUNCH, name="m", log=tmp_path / "file" / "worker.log").start()
    assert list(temporary.iterdir()) == []


async def test_a_start_that_is_given_up_leaves_neither_folder_nor_process(
    temporary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(monkeypatch, "import time; time.sleep(60)")
    for turns in range(8):
        worker = WorkerProcess(LAUNCH, name="m", log=tmp_path / "worker.log")
        starting = asyncio.ensure_future(worker.start())
        for _ in range(turns):
            await asyncio.sleep(0)
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        if turns:  # one that has not begun is nothing yet
            assert list(temporary.iterdir()) == []
            assert not worker.alive
        else:
            await worker.end()


async def test_a_worker_that_ends_before_it_says_what_it_can_is_an_error_of_ours(
    temporary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(monkeypatch, READY)
    engine = LlamaCpp(LAUNCH, name="m", log=tmp_path / "worker.log")
    with pytest.raises(WorkerDied, match="as soon as it was loaded"):
        await engine.start()
    with pytest.raises(WorkerDied):
        async for _ in engine.stream(ChatRequest("m", (Message("user", "Hello."),))):
            pass
    assert list(temporary.iterdir()) == []


async def test_who_asks_a_worker_that_another_found_dead_is_told_so() -> None:
    connection = Connection(WorkerProcess(LAUNCH, name="m", log=Path("log")), LAUNCH, Care())
    await connection.drop()
    with pytest.raises(ConnectionError):
        await connection.ask("/tokenize", {})
    with pytest.raises(ConnectionError):
        await connection.order("/slots/0?action=erase", {})


async def test_a_worker_that_does_not_answer_can_not_hold_up_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_module, "GOODBYE_SECONDS", 0.2)
    program(monkeypatch, READY + "time.sleep(60)")
    worker = WorkerProcess(LAUNCH, name="m", log=tmp_path / "worker.log")
    await worker.start()
    states = States(tmp_path / "states", "key", most_bytes=1 << 30)
    connection = Connection(worker, LAUNCH, Care(states=states))

    async def silent(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(60)
        raise AssertionError

    async with answering(worker, silent):
        async with connection.slots.take(ChatRequest("m", (Message("user", "word " * 1000),))):
            pass
        await asyncio.wait_for(connection.close(), 5)
    assert not worker.alive


async def test_a_models_marks_for_gaps_are_looked_up_once() -> None:
    worker = WorkerProcess(LAUNCH, name="m", log=Path("log"))
    connection, asked = Connection(worker, LAUNCH, Care()), list[str]()
    numbers = {"<|fim_prefix|>": 1, "<|fim_suffix|>": 2, "<|fim_middle|>": 3}

    async def tokenize(request: web.Request) -> web.StreamResponse:
        asked.append(request.path)
        if request.path != "/tokenize":
            return web.json_response({"error": {"type": "invalid_request_error", "message": "no"}}, status=400)
        text = (await request.json())["content"]
        return web.json_response({"tokens": [numbers[text]] if text in numbers else [8, 9]})

    counts = []
    async with answering(worker, tokenize):
        for _ in range(2):
            asked.clear()
            with pytest.raises(BadRequest):
                async for _ in answer(connection, CompletionRequest("m", "a = ", suffix="\n"), {}):
                    pass
            counts.append(asked.count("/tokenize"))
    await connection.drop()
    assert counts[0] > 20 and counts[1] == 4  # before the gap, its line, after it, and what begins every prompt
