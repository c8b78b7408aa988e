"""What a worker can suffer, and what those who ask see of it."""

import asyncio
import contextlib
import os
import resource
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest

from domov import app, config
from domov.engine.connection import Care
from domov.engine.llamacpp import LlamaCpp
from domov.errors import WorkerDied
from domov.store.models import Model
from domov.types import ChatRequest, Done, Message, Sampling, TextDelta
from tests.conftest import environment
from tests.engine.conftest import open_engine

LIKELIEST = Sampling(temperature=0.0)
SHORT = ChatRequest("m", (Message("user", "Hello."),), LIKELIEST, max_tokens=3)
LONG = ChatRequest("m", (Message("user", "Tell me a long story."),), LIKELIEST, max_tokens=300)


@pytest.fixture
async def engine(starter: Model, tmp_path: Path) -> AsyncIterator[LlamaCpp]:
    opened = open_engine(tmp_path, starter)
    opened._care = Care(silence_seconds=7)  # pings come every 5 s
    await opened.start()
    yield opened
    await opened.close()


def pid_of(engine: LlamaCpp) -> int:
    assert engine.worker and engine.worker.pid
    return engine.worker.pid


async def answered(engine: LlamaCpp, request: ChatRequest = SHORT) -> bool:
    return any([isinstance(event, Done) async for event in engine.stream(request)])


async def test_those_who_wait_when_a_worker_dies_are_answered_by_the_next(engine: LlamaCpp) -> None:
    async with aclosing(engine.stream(LONG)) as running:  # type: ignore[type-var]
        await anext(aiter(running))
        waiting = [asyncio.ensure_future(answered(engine)) for _ in range(4)]
        while engine.waiting < 2:
            await asyncio.sleep(0.01)
        os.kill(pid_of(engine), signal.SIGKILL)
        assert all(await asyncio.gather(*waiting))
        with pytest.raises(WorkerDied, match="SIGKILL"):
            async for _ in running:
                pass


async def test_a_suspended_worker_is_given_up_and_the_request_answered_by_another(engine: LlamaCpp) -> None:
    suspended = pid_of(engine)
    os.kill(suspended, signal.SIGSTOP)
    assert await answered(engine)
    assert pid_of(engine) != suspended


async def test_a_worker_suspended_in_an_answer_is_an_error_that_says_so(engine: LlamaCpp) -> None:
    with pytest.raises(WorkerDied, match="does not answer"):
        async with aclosing(engine.stream(LONG)) as events:  # type: ignore[type-var]
            await anext(aiter(events))
            os.kill(pid_of(engine), signal.SIGSTOP)
            async for _ in events:
                pass
    assert await answered(engine)


async def test_a_worker_that_dies_at_every_try_is_an_error_and_not_a_loop(engine: LlamaCpp) -> None:
    async def strike() -> None:
        while True:
            with contextlib.suppress(AssertionError, ProcessLookupError):
                os.kill(pid_of(engine), signal.SIGKILL)
            await asyncio.sleep(0.001)

    striking = asyncio.ensure_future(strike())
    with pytest.raises(WorkerDied):
        await asyncio.wait_for(answered(engine, LONG), 60)
    striking.cancel()
    assert await answered(engine)


def limited(
    home: Path, what: int, most: int, *arguments: str, stdin: str = "", **more: str
) -> "subprocess.CompletedProcess[str]":
    """The command line with a limit of the system on it and all that it starts."""

    def limit() -> None:
        resource.setrlimit(what, (most, most))

    command = [sys.executable, "-m", "domov", *arguments]
    return subprocess.run(
        command,
        env=environment(home, **more),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
        preexec_fn=limit,
        check=False,
    )


def test_a_disk_without_room_for_the_state_costs_only_the_state(home: Path) -> None:
    text = "The house by the sea had many rooms, and each had a story. " * 60
    done = limited(home, resource.RLIMIT_FSIZE, 2_000_000, "run", "--max-tokens", "4", "Summarise.", stdin=text)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert not list((home / "states").glob("*/*"))


def test_with_too_little_memory_a_smaller_plan_is_tried(home: Path) -> None:
    # 64 conversations of 8192 tokens want 12 GB of address space for their caches alone.
    done = limited(
        home, resource.RLIMIT_AS, 4_000_000_000, "run", "--max-tokens", "4", "smollm2:135m", "Hello.", DOMOV_SLOTS="64"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_with_no_memory_at_all_it_is_a_sentence_and_not_a_crash(home: Path) -> None:
    done = limited(home, resource.RLIMIT_AS, 400_000_000, "run", "smollm2:135m", "Hello.")
    assert done.returncode == 1
    assert "could not be loaded" in done.stderr
    assert "Traceback" not in done.stderr


async def test_an_answer_is_the_same_from_the_worker_that_came_after(engine: LlamaCpp) -> None:
    async def told() -> str:
        return "".join([e.text async for e in engine.stream(LONG) if isinstance(e, TextDelta)])

    before = await told()
    os.kill(pid_of(engine), signal.SIGKILL)
    assert await told() == before


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b[:2_000_000] + b"\xff" * 64 + b[2_000_064:]])
async def test_a_damaged_model_harms_no_other(
    engine: LlamaCpp, starter: Model, tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "damaged.gguf"
    path.write_bytes(damage(starter.path.read_bytes()))
    domov = app.App(replace(config.load({"DOMOV_HOME": str(tmp_path)}), context_tokens=512))
    with contextlib.suppress(Exception):  # refused by its header, by llama.cpp, or run with broken numbers
        other = domov.open_engine(domov.models.get(str(path)))
        try:
            await answered(other)  # type: ignore[arg-type]
        finally:
            await other.close()
    assert await answered(engine)
