"""Carries out batches, one after the other, while the server runs; what was begun before is gone on with.

A line is asked again where the model was busy or its worker died; any other answer, a refusal too, is its answer.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from filelock import FileLock, Timeout

from domov.batches.files import Files, KeptFile
from domov.batches.jobs import Batch, Jobs, Status, problem_tables, used_table
from domov.batches.lines import Line, Problem, Used, answered_row, checked, lines_of, unanswered_row
from domov.errors import Busy, DomovError, WorkerDied
from domov.files import disk_errors, make_folder

AT_ONCE = 8  # lines; the model's slots decide how many of them are answered
LOOK_SECONDS = 30.0  # for a batch that another process has made or cancelled
MOST_DEATHS = 3  # of workers over one line

# The body of one request of a batch, and the status and body that answer it. Raises Busy and WorkerDied.
Answer = Callable[[Batch, dict[str, Any]], Awaitable[tuple[int, Any]]]
REASONS = {
    "expired": ("batch_expired", "the batch's completion_window was over before this request"),
    "cancelled": ("batch_cancelled", "the batch was cancelled before this request"),
}


@dataclass
class Runner:
    """lock: a file that one process at a time holds; the others' batches are run by it too."""

    jobs: Jobs
    files: Files
    answer: Answer
    lock: Path
    clock: Callable[[], float] = time.time
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def wake(self) -> None:
        """Tells that there is a batch more, or one that is cancelled."""
        self.changed.set()

    async def run(self) -> None:
        """For as long as the server runs."""
        make_folder(self.lock.parent)
        lock = FileLock(self.lock, mode=0o600)
        try:
            await self._hold(lock)
            await asyncio.to_thread(self.files.tidy, self.clock())
            while True:
                self.changed.clear()
                with suppress(DomovError):  # a disk that is full, or a database that is busy: once more later
                    await self.step()
                await self._changed_within(LOOK_SECONDS)
        finally:
            lock.release()

    async def _hold(self, lock: FileLock) -> None:
        while True:
            try:
                lock.acquire(timeout=0)
                return
            except Timeout:
                await asyncio.sleep(LOOK_SECONDS)

    async def _changed_within(self, seconds: float) -> None:
        with suppress(TimeoutError):  # `wait_for` could swallow that this is cancelled (Python 3.11)
            async with asyncio.timeout(seconds):
                await self.changed.wait()

    async def step(self) -> None:
        """Carries out what there is to do now."""
        await asyncio.to_thread(self.files.expire, self.clock())
        while batches := await asyncio.to_thread(self.jobs.unfinished):
            await self._carry_on(batches[0])

    async def _carry_on(self, batch: Batch) -> None:
        """Takes a batch one status further."""
        if batch.status == "validating":
            await asyncio.to_thread(self._validate, batch)
        elif batch.status == "in_progress":
            await self._answer_lines(batch)
        elif batch.status == "cancelling":
            await asyncio.to_thread(self._finish, batch, "cancelled")
        else:
            await asyncio.to_thread(self._finish, batch, "expired" if batch.about.over else "completed")

    def _validate(self, batch: Batch) -> None:
        try:
            with self.files.path(batch.input_file).open("rb") as content:
                total, problems = checked(content, endpoint=batch.about.endpoint)
        except OSError as error:
            total, problems = 0, [_unreadable(error)]
        status: Status = "failed" if problems else "in_progress"
        told = problem_tables(problems)
        self.jobs.move(batch.id, status, of=("validating",), total=total, problems=told)

    async def _answer_lines(self, batch: Batch) -> None:
        """Until all lines have an answer, the batch is cancelled, or its time is over."""
        done = await asyncio.to_thread(self.jobs.answered, batch.id)
        try:
            content = self.files.path(batch.input_file).open("rb")
        except OSError as error:
            told = problem_tables([_unreadable(error)])
            await asyncio.to_thread(lambda: self.jobs.move(batch.id, "failed", of=("in_progress",), problems=told))
            return
        with content:
            lines = lines_of(content, endpoint=batch.about.endpoint)
            todo = (x for x in lines if isinstance(x, Line) and x.number not in done)
            over = not await self._all_answered(batch, todo)
        await asyncio.to_thread(lambda: self.jobs.move(batch.id, "finalizing", of=("in_progress",), over=over))

    async def _all_answered(self, batch: Batch, todo: Iterator[Line]) -> bool:
        """Whether all are; if not, the batch is cancelled or its time is over. Raises what went wrong."""
        working = asyncio.gather(*(self._work(batch, todo) for _ in range(AT_ONCE)))
        watching = asyncio.ensure_future(self._until_stopped(batch))
        try:
            await asyncio.wait((working, watching), return_when=asyncio.FIRST_COMPLETED)
            for task in (working, watching):
                if task.done():
                    await task
            return working.done()
        finally:
            watching.cancel()
            working.cancel()
            await asyncio.gather(working, watching, return_exceptions=True)

    async def _until_stopped(self, batch: Batch) -> None:
        while (left := batch.about.expires_at - self.clock()) > 0:
            await self._changed_within(min(left, LOOK_SECONDS))
            self.changed.clear()
            if (await asyncio.to_thread(self.jobs.get, batch.id, owner=batch.owner)).status != "in_progress":
                return

    async def _work(self, batch: Batch, todo: Iterator[Line]) -> None:
        for line in todo:
            status, body = await self._answered(batch, line)
            content = answered_row(batch.id, line, status=status, body=body)
            ok = status == 200
            await asyncio.to_thread(self.jobs.record, batch.id, line.number, ok=ok, content=content)

    async def _answered(self, batch: Batch, line: Line) -> tuple[int, Any]:
        deaths = 0
        while True:
            try:
                return await self.answer(batch, line.body)
            except Busy as error:
                await asyncio.sleep(error.retry_seconds)
            except WorkerDied as error:
                deaths += 1
                if deaths == MOST_DEATHS:
                    return 503, {"error": {"message": error.message, "type": "service_unavailable_error"}}

    def _finish(self, batch: Batch, status: Status) -> None:
        """Writes the batch's files and ends it. Where a kill comes between, it is done again, to the same files."""
        output, error = self._write(batch, status, ok=True), self._write(batch, status, ok=False)
        files = {name: w.file for name, w in (("output_file", output), ("error_file", error)) if w.file}
        about = {"completed": output.rows, "failed": error.rows, "used": used_table(output.used)}
        self.jobs.finish(batch, status, files=files, **about)

    def _write(self, batch: Batch, status: Status, *, ok: bool) -> "_Written":
        """One of the batch's files, in its place; one without rows is none."""
        part, used, rows = self.files.new_part(), Used(), 0
        with disk_errors(part), part.open("wb") as content:
            for row in self.jobs.results(batch.id, ok=ok):
                content.write(row)
                rows += 1
                used = used.plus(_usage(row)) if ok else used
            for row in () if ok else self._unanswered(batch, status):
                content.write(row)
                rows += 1
            size_bytes = content.tell()
        file = self._file(batch, size_bytes, ok=ok) if rows else None
        if file is None:
            part.unlink()
        else:
            self.files.place(part, file.id)
        return _Written(file, rows, used)

    def _unanswered(self, batch: Batch, status: Status) -> Iterator[bytes]:
        """What is told of the lines that were not carried out."""
        if status not in REASONS:
            return
        done, (code, message) = self.jobs.answered(batch.id), REASONS[status]
        with suppress(OSError), self.files.path(batch.input_file).open("rb") as content:
            for line in lines_of(content, endpoint=batch.about.endpoint):
                if isinstance(line, Line) and line.number not in done:
                    yield unanswered_row(batch.id, line, code=code, message=message)

    def _file(self, batch: Batch, size_bytes: int, *, ok: bool) -> KeptFile:
        """The same id each time for the same batch."""
        keeps = batch.about.output_seconds
        return KeptFile(
            id=f"file-{int(not ok)}{batch.id.removeprefix('batch_')[1:]}",
            created_at=self.clock(),
            name=f"{batch.id}_{'output' if ok else 'error'}.jsonl",
            purpose="batch_output",
            size_bytes=size_bytes,
            expires_at=None if keeps is None else self.clock() + keeps,
            owner=batch.owner,
        )


@dataclass(frozen=True, slots=True)
class _Written:
    file: KeptFile | None
    rows: int
    used: Used


def _unreadable(error: OSError) -> Problem:
    return Problem("invalid_file", f"the input file can't be read: {error.strerror}")


def _usage(row: bytes) -> dict[str, Any]:
    usage: dict[str, Any] = orjson.loads(row)["response"]["body"].get("usage") or {}
    return usage
