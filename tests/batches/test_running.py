"""Batches carried out: nothing lost, nothing twice, whatever comes between."""

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from domov.batches.files import Files, KeptFile, new_id
from domov.batches.jobs import About, Batch, Jobs
from domov.batches.running import Answer, Runner
from domov.database import Database
from domov.errors import Busy, DiskFull, WorkerDied

ENDPOINT = "/v1/embeddings"


class House:
    """A database, its files, and what the models were asked."""

    def __init__(self, database: Database, home: Path) -> None:
        self.database, self.home, self.now = database, home, 1000.0
        self.jobs = Jobs(self.database, clock=lambda: self.now)
        self.files = Files(self.database, home / "files")
        self.asked: Counter[str] = Counter()

    def runner(self, answer: Answer | None = None) -> Runner:
        return Runner(self.jobs, self.files, answer or self.answer, self.home / "lock", clock=lambda: self.now)

    async def answer(self, batch: Batch, body: dict[str, Any]) -> tuple[int, Any]:
        self.asked[body["input"]] += 1
        if body["input"] == "bad":
            return 400, {"error": {"message": "no"}}
        return 200, {"input": body["input"], "usage": {"prompt_tokens": 2}}

    def batch(self, *inputs: str, content: bytes | None = None, **about: Any) -> Batch:
        rows = [
            {"custom_id": f"{n}", "method": "POST", "url": ENDPOINT, "body": {"model": "m", "input": text}}
            for n, text in enumerate(inputs)
        ]
        part = self.files.new_part()
        part.write_bytes(b"\n".join(map(orjson.dumps, rows)) if content is None else content)
        file = self.files.add(part, KeptFile(new_id(), 1.0, "in.jsonl", "batch", part.stat().st_size))
        number = len(self.jobs.all(owner=""))
        about = {"endpoint": ENDPOINT, "window": "24h", "expires_at": 2000.0, **about}
        return self.jobs.create(Batch(f"batch_{number:032x}", float(number), "validating", file.id, About(**about)))

    def rows(self, batch: Batch, name: str = "output_file") -> list[dict[str, Any]]:
        id = getattr(self.jobs.get(batch.id, owner="").about, name)
        return [orjson.loads(row) for row in self.files.path(id).read_bytes().splitlines()] if id else []


@pytest.fixture
def house(database: Database, tmp_path: Path) -> House:
    return House(database, tmp_path)


async def test_each_line_is_answered_once_in_order(house: House) -> None:
    batch = house.batch(*map(str, range(30)))
    await house.runner().step()
    done = house.jobs.get(batch.id, owner="")
    assert done.status == "completed" and list(done.about.times) == ["in_progress", "finalizing", "completed"]
    assert [row["response"]["body"]["input"] for row in house.rows(batch)] == [str(n) for n in range(30)]
    assert set(house.asked.values()) == {1} and done.about.error_file is None
    assert house.jobs.counts(done).completed == 30 and done.about.used["prompt_tokens"] == 60


async def test_what_is_refused_stands_in_the_error_file(house: House) -> None:
    batch = house.batch("a", "bad", "c")
    await house.runner().step()
    (row,) = house.rows(batch, "error_file")
    assert row["custom_id"] == "1" and row["response"]["status_code"] == 400
    counts = house.jobs.counts(house.jobs.get(batch.id, owner=""))
    assert (counts.completed, counts.failed) == (2, 1)


async def test_a_file_that_is_no_batch_fails_with_its_lines(house: House) -> None:
    batch = house.batch(content=b'{"custom_id": 1}\n')
    await house.runner().step()
    failed = house.jobs.get(batch.id, owner="")
    assert failed.status == "failed" and failed.about.problems[0]["line"] == 1 and not house.asked


async def stopped_after(house: House, count: int) -> None:
    """Runs until so many lines are answered, then ends as a kill would: whatever was under way is gone."""
    reached = asyncio.Event()

    async def answer(batch: Batch, body: dict[str, Any]) -> tuple[int, Any]:
        if sum(house.asked.values()) >= count:
            reached.set()
            await asyncio.Event().wait()
        return await house.answer(batch, body)

    task = asyncio.ensure_future(house.runner(answer).step())
    await asyncio.wait_for(reached.wait(), 20)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_batch_that_was_stopped_is_gone_on_with(house: House) -> None:
    batch = house.batch(*map(str, range(40)))
    await stopped_after(house, 15)
    assert house.jobs.get(batch.id, owner="").status == "in_progress"
    again = House(house.database, house.home)
    await again.runner().step()
    assert [row["custom_id"] for row in again.rows(batch)] == [str(n) for n in range(40)]
    assert again.jobs.get(batch.id, owner="").status == "completed"
    assert sum(again.asked.values()) <= 40 - 15 + 8  # those that were under way, at most, are asked again


async def test_files_without_their_last_transaction_are_written_again_to_the_same_place(house: House) -> None:
    batch = house.batch("a", "b")

    class Full(Jobs):
        def finish(self, *_: Any, **__: Any) -> None:
            raise DiskFull("no space left")

    full = Runner(Full(house.database), house.files, house.answer, house.home / "lock", clock=lambda: house.now)
    with pytest.raises(DiskFull):
        await full.step()
    (output,) = {path.name for path in house.files.folder.iterdir()} - {batch.input_file}
    await house.runner().step()
    assert house.jobs.get(batch.id, owner="").about.output_file == output and len(house.rows(batch)) == 2
    assert len(house.files.all(owner="")) == 2 and house.asked == {"a": 1, "b": 1}


async def test_a_cancelled_batch_keeps_what_it_has(house: House) -> None:
    batch = house.batch(*map(str, range(20)))
    runner = house.runner()

    async def answer(batch: Batch, body: dict[str, Any]) -> tuple[int, Any]:
        if sum(house.asked.values()) == 5:
            house.jobs.move(batch.id, "cancelling", of=("in_progress",))
            runner.wake()
            await asyncio.Event().wait()
        return await house.answer(batch, body)

    runner.answer = answer
    await asyncio.wait_for(runner.step(), 20)
    done, kept = house.jobs.get(batch.id, owner=""), house.rows(batch)
    assert done.status == "cancelled" and len(kept) <= 5
    told = house.rows(batch, "error_file")
    assert {row["error"]["code"] for row in told} == {"batch_cancelled"} and len(told) + len(kept) == 20


async def test_a_batch_whose_time_is_over_says_which_lines_were_not_reached(house: House) -> None:
    batch = house.batch(*map(str, range(20)))

    async def answer(batch: Batch, body: dict[str, Any]) -> tuple[int, Any]:
        if sum(house.asked.values()) == 5:
            house.now = 3000.0
            runner.wake()
            await asyncio.Event().wait()
        return await house.answer(batch, body)

    runner = house.runner(answer)
    await asyncio.wait_for(runner.step(), 20)
    assert house.jobs.get(batch.id, owner="").status == "expired"
    told = house.rows(batch, "error_file")
    assert {row["error"]["code"] for row in told} == {"batch_expired"} and len(told) + len(house.rows(batch)) == 20


async def test_a_database_that_fails_ends_no_batch_early(house: House) -> None:
    batch = house.batch(*map(str, range(20)))

    class Failing(Jobs):
        def get(self, *_: Any, **__: Any) -> Batch:
            raise DiskFull("no space left")

    async def answer(batch: Batch, body: dict[str, Any]) -> tuple[int, Any]:
        if sum(house.asked.values()) == 5:
            runner.wake()
            await asyncio.Event().wait()
        return await house.answer(batch, body)

    failing = Failing(house.database)
    runner = Runner(failing, house.files, answer, house.home / "lock", clock=lambda: house.now)
    with pytest.raises(DiskFull):
        await asyncio.wait_for(runner.step(), 20)
    assert house.jobs.get(batch.id, owner="").status == "in_progress"
    await house.runner().step()
    assert len(house.rows(batch)) == 20


async def test_a_busy_model_is_asked_again_and_a_dead_one_twice_more(house: House) -> None:
    batch = house.batch("busy", "dies", "dies once")
    left: dict[str, list[Callable[[], Exception]]] = {
        "busy": [lambda: Busy("full", retry_seconds=0)] * 9,
        "dies": [lambda: WorkerDied("gone")] * 3,
        "dies once": [lambda: WorkerDied("gone")],
    }

    async def answer(batch: Batch, body: dict[str, Any]) -> tuple[int, Any]:
        if left[body["input"]]:
            raise left[body["input"]].pop()()
        return await house.answer(batch, body)

    await house.runner(answer).step()
    assert sorted(row["custom_id"] for row in house.rows(batch)) == ["0", "2"]
    assert house.rows(batch, "error_file")[0]["response"]["status_code"] == 503


async def test_an_input_that_is_gone_fails_and_holds_up_nobody(house: House) -> None:
    first, second = house.batch("a"), house.batch("b")
    house.files.path(first.input_file).unlink()
    await house.runner().step()
    assert [house.jobs.get(b.id, owner="").status for b in (first, second)] == ["failed", "completed"]


async def test_one_process_at_a_time_runs_batches(house: House) -> None:
    batch = house.batch("a")
    one, other = house.runner(), house.runner()
    tasks = [asyncio.ensure_future(runner.run()) for runner in (one, other)]
    while house.jobs.get(batch.id, owner="").status != "completed":
        await asyncio.sleep(0.01)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert house.asked == {"a": 1}


async def test_it_ends_though_something_has_changed_at_that_moment(house: House) -> None:
    runner = house.runner()
    running = asyncio.ensure_future(runner.run())
    while not runner.changed._waiters:
        await asyncio.sleep(0.01)
    runner.wake()
    running.cancel()
    async with asyncio.timeout(10):
        await asyncio.wait([running])
    assert running.cancelled()
