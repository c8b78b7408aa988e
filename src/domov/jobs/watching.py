"""Watching jobs: what changes of them, as it is written down, whoever carries them out. And how a job is shown."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import asdict
from typing import Any

from domov.errors import NoSuchJob
from domov.jobs.queue import Job, Queue
from domov.jobs.table import KINDS

LOOK_SECONDS = 0.5
MOST_SHOWN_TEXT = 200  # characters of a text that came with a job


def table(job: Job, *, whole: bool = True) -> dict[str, Any]:
    """A job as JSON has it; not whole: without its log, its curves and what it found."""
    told = asdict(job.account)
    found = told["found"]
    for key in () if whole else ("log", "curves", "found"):
        del told[key]
    kind = KINDS.get(job.kind)
    return {
        "id": job.id,
        "kind": job.kind,
        "title": job.title,
        "status": job.status,
        "created_at": job.created_at,
        "parameters": _cut(job.parameters),
        "pausing": kind.pausing if kind else "left",
        "again": kind.again if kind else "",
        **told,
        "fraction": fraction(job),
        **({} if whole else {"has_found": found is not None}),
    }


def fraction(job: Job) -> float | None:
    """How much of its present step is done."""
    progress = job.account.progress
    if job.status == "done":
        return 1.0
    return min(1.0, progress["done"] / progress["total"]) if progress and progress["total"] else None


def _cut(value: Any) -> Any:
    """Parameters without the texts that came with them."""
    if isinstance(value, dict):
        return {key: _cut(each) for key, each in value.items()}
    return value[:MOST_SHOWN_TEXT] if isinstance(value, str) else value


async def watch(queue: Queue, id: int, *, owner: str | None) -> AsyncGenerator[Job, None]:
    """A job as it is, and again whenever it has changed, until it has ended or is gone. Raises NoSuchJob at first."""
    last = await asyncio.to_thread(queue.get, id, owner=owner)
    yield last
    changed = changes(queue)
    while not last.finished:
        await asyncio.sleep(LOOK_SECONDS)
        if not changed():
            continue
        try:
            job = await asyncio.to_thread(queue.get, id, owner=owner)
        except NoSuchJob:
            return
        if job != last:
            yield job
            last = job


async def watch_all(queue: Queue, *, owner: str | None) -> AsyncGenerator[list[Job], None]:
    """All jobs as they are, and then again those that have changed, without an end."""
    last: dict[int, Job] = {}
    changed, first = changes(queue), True
    while True:
        if changed() or first:
            jobs = await asyncio.to_thread(queue.all, owner=owner)
            new = [job for job in jobs if last.get(job.id) != job]
            gone = last.keys() - {job.id for job in jobs}
            if new or gone or first:
                yield jobs
            last, first = {job.id: job for job in jobs}, False
        await asyncio.sleep(LOOK_SECONDS)


def changes(queue: Queue) -> Callable[[], bool]:
    """Tells whether anything was written to the database since it was last asked."""
    seen = [queue.database.version()]

    def changed() -> bool:
        version = queue.database.version()
        if version == seen[0]:
            return False
        seen[0] = version
        return True

    return changed
