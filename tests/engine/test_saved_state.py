"""What a model has read once, with the real engine: kept, found again, and never mistaken."""

import os
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from domov import app, config
from domov.engine.llamacpp import LlamaCpp
from domov.engine.states import forget
from domov.store.models import Model
from domov.types import ChatRequest, Done, Message, Sampling, TextDelta, Usage

STORY = "The old house by the sea had {} rooms, and in each of them lived a person who told tales of the water. "
DOCUMENT = "".join(STORY.format(n) for n in range(40))
READ_BEFORE = 800  # of the document's tokens, at least


def opened(home: Path, model: Model, **settings: object) -> LlamaCpp:
    values = replace(config.load({"DOMOV_HOME": str(home)}), context_tokens=4096, slots=1, **settings)  # type: ignore[arg-type]
    engine = app.App(values).open_engine(model)
    assert isinstance(engine, LlamaCpp)
    return engine


def ask(question: str, *, document: str = DOCUMENT, **more: object) -> ChatRequest:
    system = Message("system", f"Answer from this text.\n{document}")
    return ChatRequest("m", (system, Message("user", question)), Sampling(temperature=0.0), max_tokens=24, **more)  # type: ignore[arg-type]


async def told(engine: LlamaCpp, request: ChatRequest) -> tuple[str, Usage]:
    events = [event async for event in engine.stream(request)]
    assert isinstance(events[-1], Done)
    return "".join(e.text for e in events if isinstance(e, TextDelta)), events[-1].usage


@pytest.fixture
async def engine(starter: Model, tmp_path: Path) -> AsyncIterator[LlamaCpp]:
    engine = opened(tmp_path, starter)
    yield engine
    await engine.close()


async def test_after_a_restart_nothing_is_read_twice_and_the_answer_is_the_same(starter: Model, tmp_path: Path) -> None:
    """The same question, once after the same engine has read the text and once after another one has."""
    questions = ("How many rooms?", "Who lived there?", "What did they tell?")
    staying = opened(tmp_path, starter)
    in_memory = [await told(staying, ask(question)) for question in questions]
    assert in_memory[0][1].cached_tokens == 0
    leaving = opened(tmp_path / "other", starter)
    for question in questions[:2]:
        await told(leaving, ask(question))
    await leaving.close()
    back = opened(tmp_path / "other", starter)
    text, usage = await told(back, ask(questions[2]))
    assert (text, usage.cached_tokens) == (in_memory[2][0], in_memory[2][1].cached_tokens)
    assert usage.cached_tokens > READ_BEFORE
    assert usage.prompt_seconds < in_memory[0][1].prompt_seconds / 10
    for engine in (staying, back):
        await engine.close()


async def test_a_conversation_that_left_its_slot_comes_back_the_same(engine: LlamaCpp) -> None:
    await told(engine, ask("How many rooms?"))
    kept, _ = await told(engine, ask("Who lived there?"))
    await told(engine, ask("How many rooms?"))
    _, usage = await told(engine, ask("How many rooms?", document=DOCUMENT.replace("sea", "lake")[:3000]))
    assert usage.cached_tokens < 100
    back, usage = await told(engine, ask("Who lived there?"))
    assert usage.cached_tokens > READ_BEFORE
    assert back == kept


async def test_a_text_that_differs_in_its_middle_is_read_anew_from_there(engine: LlamaCpp) -> None:
    await told(engine, ask("How many rooms?"))
    changed = DOCUMENT.replace("had 20 rooms", "had no rooms")
    _, usage = await told(engine, ask("How many rooms?", document=changed))
    assert 0.4 < usage.cached_tokens / usage.prompt_tokens < 0.6


async def test_another_build_type_of_cache_or_model_never_finds_it(starter: Model, tmp_path: Path) -> None:
    first = opened(tmp_path, starter)
    await told(first, ask("How many rooms?"))
    await first.close()
    options = {starter.name: {"cache_type": "q8_0"}}
    other = opened(tmp_path, starter, models_set=options)
    _, usage = await told(other, ask("How many rooms?"))
    assert usage.cached_tokens == 0
    await other.close()


async def test_states_can_be_switched_off(starter: Model, tmp_path: Path) -> None:
    engine = opened(tmp_path, starter, save_states=False)
    await told(engine, ask("How many rooms?"))
    await engine.close()
    assert not list((tmp_path / "states").glob("*/*"))


async def test_a_private_conversation_leaves_no_file(starter: Model, tmp_path: Path) -> None:
    engine = opened(tmp_path, starter)
    await told(engine, ask("How many rooms?", private=True))
    await engine.close()
    assert not list((tmp_path / "states").glob("*/*"))


async def test_a_deleted_conversation_is_gone_from_disk_and_memory(starter: Model, tmp_path: Path) -> None:
    engine = opened(tmp_path, starter)
    await told(engine, ask("How many rooms?", conversation="c1"))
    await engine.close()
    assert len(list((tmp_path / "states").glob("*/*.bin"))) == 1
    assert forget(tmp_path / "states", "c1") == 1
    assert not list((tmp_path / "states").glob("*/*"))
    await told(engine, ask("How many rooms?", conversation="c1"))
    await engine.forget("c1")
    _, usage = await told(engine, ask("How many rooms?"))
    assert usage.cached_tokens == 0
    await engine.close()


async def test_states_are_written_so_that_nobody_else_reads_them(starter: Model, tmp_path: Path) -> None:
    engine = opened(tmp_path, starter)
    await told(engine, ask("How many rooms?"))
    await engine.close()
    (state,) = (tmp_path / "states").glob("*/*.bin")
    assert state.stat().st_mode & 0o777 == 0o600
    assert state.parent.stat().st_mode & 0o077 == 0


async def test_a_damaged_state_is_removed_and_the_text_read_anew(starter: Model, tmp_path: Path) -> None:
    first = opened(tmp_path, starter)
    expected, _ = await told(first, ask("How many rooms?"))
    await first.close()
    (state,) = (tmp_path / "states").glob("*/*.bin")
    state.write_bytes(state.read_bytes()[:10_000])
    second = opened(tmp_path, starter)
    text, usage = await told(second, ask("How many rooms?"))
    assert (text, usage.cached_tokens) == (expected, 0)
    assert not state.exists()
    await second.close()


async def test_a_worker_killed_before_it_could_save_costs_reading_and_no_more(engine: LlamaCpp) -> None:
    expected, _ = await told(engine, ask("How many rooms?"))
    assert engine.worker and engine.worker.pid
    os.kill(engine.worker.pid, signal.SIGKILL)
    text, usage = await told(engine, ask("How many rooms?"))
    assert (text, usage.cached_tokens) == (expected, 0)
