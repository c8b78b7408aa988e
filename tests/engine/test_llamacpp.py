import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import psutil
import pytest

from domov.engine.launch import Endpoint, Launch
from domov.engine.llamacpp import LlamaCpp
from domov.errors import WorkerDied
from domov.store.models import Model
from domov.types import ChatRequest, Done, Message, Sampling
from tests.engine.conftest import open_engine

LONG = ChatRequest("m", (Message("user", "Tell me a long story."),), Sampling(temperature=0.0), max_tokens=500)
SHORT = ChatRequest("m", (Message("user", "Hello."),), max_tokens=3)


@pytest.fixture
async def engine(starter: Model, tmp_path: Path) -> AsyncIterator[LlamaCpp]:
    opened = open_engine(tmp_path, starter)
    await opened.start()
    yield opened
    await opened.close()


def pid_of(engine: LlamaCpp) -> int:
    assert engine.worker and engine.worker.pid
    return engine.worker.pid


async def answers(engine: LlamaCpp) -> bool:
    return any([isinstance(event, Done) async for event in engine.stream(SHORT)])


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGABRT, signal.SIGSEGV])
async def test_a_worker_that_dies_in_an_answer_says_how_and_is_replaced(engine: LlamaCpp, blow: signal.Signals) -> None:
    with pytest.raises(WorkerDied, match=blow.name):
        async with aclosing(engine.stream(LONG)) as events:  # type: ignore[type-var]
            async for _ in events:
                os.kill(pid_of(engine), blow)
    assert await answers(engine)


async def test_a_worker_that_died_while_it_was_idle_is_replaced_without_a_word(engine: LlamaCpp) -> None:
    first = pid_of(engine)
    os.kill(first, signal.SIGKILL)
    assert await answers(engine)
    assert pid_of(engine) != first


async def test_the_death_of_one_worker_does_not_touch_another(engine: LlamaCpp, starter: Model, tmp_path: Path) -> None:
    other = open_engine(tmp_path, starter)
    await other.start()
    os.kill(pid_of(other), signal.SIGKILL)
    assert await answers(engine)
    await other.close()


async def test_many_questions_at_once_start_one_worker(starter: Model, tmp_path: Path) -> None:
    engine = open_engine(tmp_path, starter)
    await asyncio.gather(*(answers(engine) for _ in range(4)))
    assert len([c for c in psutil.Process().children() if c.pid == pid_of(engine)]) == 1
    await engine.close()


async def test_closing_leaves_no_process_and_no_folder(engine: LlamaCpp) -> None:
    assert engine.worker and engine.worker.endpoint.socket
    pid, folder = pid_of(engine), Path(engine.worker.endpoint.socket).parent
    assert folder.stat().st_mode & 0o077 == 0
    await engine.close()
    assert not psutil.pid_exists(pid)
    assert not folder.exists()


async def test_a_model_that_llama_cpp_refuses_is_one_sentence_with_the_place_of_its_log(
    starter: Model, tmp_path: Path
) -> None:
    # The architecture's name, overwritten in place: a whole file with a sound header that no engine knows.
    strange = tmp_path / "strange.gguf"
    content = starter.path.read_bytes()
    start = content.index(b"general.architecture") + len(b"general.architecture") + 12
    strange.write_bytes(content[:start] + b"lluma" + content[start + 5 :])
    launch = Launch(str(strange), Endpoint(None), context_tokens=512, threads=1, parent=os.getpid())
    refused = LlamaCpp(launch, name="strange", log=tmp_path / "log")
    with pytest.raises(WorkerDied, match="strange could not be loaded: llama.cpp refused it") as caught:
        await refused.start()
    assert str(tmp_path / "log") in caught.value.hint
    assert (tmp_path / "log").read_text()


def test_a_worker_is_behind_walls(engine: LlamaCpp) -> None:
    assert engine.worker
    assert engine.worker.ready.sandbox == ("landlock", "seccomp")
    status = Path(f"/proc/{pid_of(engine)}/status").read_text()
    assert "NoNewPrivs:\t1" in status
    assert "Seccomp:\t2" in status


def test_a_worker_gets_no_secrets_in_its_environment(engine: LlamaCpp) -> None:
    environment = Path(f"/proc/{pid_of(engine)}/environ").read_text()
    assert "GOMP_SPINCOUNT=1000" in environment
    assert "HF_TOKEN" not in environment


async def test_a_log_does_not_grow_with_the_questions_and_never_tells_them(engine: LlamaCpp) -> None:
    assert engine.worker
    before = engine.worker.log.stat().st_size
    for _ in range(5):
        assert [e async for e in engine.stream(ChatRequest("m", (Message("user", "Xylophone?"),), max_tokens=3))]
    assert "Xylophone" not in engine.worker.log.read_text()
    assert engine.worker.log.stat().st_size < before + 1000
