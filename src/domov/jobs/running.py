"""Carries out jobs while the server runs, one at a time of each lane; what was begun before is gone on with.

Politely: its processes get what nobody else wants, and stand still while somebody waits for an answer, though not for
ever. A job that is held keeps its processes where they are; the next one may begin meanwhile.
"""

import asyncio
import contextlib
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from pathlib import Path

from filelock import FileLock, Timeout

from domov.access.callers import Caller
from domov.errors import DiskFull, DomovError, WorkerDied
from domov.files import make_folder
from domov.jobs.account import Account, Outcome
from domov.jobs.queue import Job, Queue, Status
from domov.jobs.table import KINDS, Kinds, work_of
from domov.jobs.work import Lane, Needs, Place, Surroundings, Work, check_names
from domov.optimize.crew import Crew
from domov.store.download import check_room
from domov.units import human_bytes

LOOK_SECONDS = 3.0  # while nothing is under way: for a job of another process
TICK_SECONDS, STANDING_TICK_SECONDS = 0.25, 1.0  # each wake-up takes a core from who answers
SAVE_SECONDS = 1.0
GRACE_SECONDS = 2.0  # for work to end by itself once its processes have ended
MOST_DEATHS = 3
STANDS_SECONDS, WORKS_SECONDS = 20.0, 2.0  # in turn, while answers are given
LANES: tuple[Lane, ...] = ("work", "network")
GIVING_WAY = "it gives way to an answer"
TORN = "Domov ended meanwhile"


@dataclass
class Live:
    """A job that was begun and has not ended."""

    job: Job
    work: Work
    account: Account
    crew: Crew
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    holding: set[str] = field(default_factory=set)  # why it does not go on now
    leaving: Status | None = None  # what becomes of it when it is ended from here
    told: bool = True  # there is something that is not saved
    task: "asyncio.Task[Outcome] | None" = None
    minding: "asyncio.Task[None] | None" = None

    def hold(self, why: str) -> None:
        self.holding.add(why)
        self.gate.clear()
        self.crew.hold()

    def let_go(self, why: str) -> None:
        self.holding.discard(why)
        if not self.holding:
            self.crew.let_go()
            self.gate.set()


class Runner:
    """place: gives each job's work its surroundings, with the crew that its processes join."""

    def __init__(
        self,
        queue: Queue,
        place: Callable[[Crew], Place],
        around: Surroundings,
        *,
        lock: Path,
        changed: asyncio.Event | None = None,
        kinds: Kinds = KINDS,
    ) -> None:
        self.queue, self.place, self.around, self.lock, self.kinds = queue, place, around, lock, kinds
        self.clock, self.changed = queue.clock, changed or asyncio.Event()
        self.live: dict[int, Live] = {}
        self.stopping = False
        self._writing = asyncio.Lock()  # what is written of a job last is the newest
        self._ticked = self._saved = time.monotonic()
        self._serving_since: float | None = None
        self._waiting, self._version = True, object()  # whether there was anything to do; of the database, then

    async def run(self) -> None:
        """For as long as the server runs. One process at a time does it, for the others' jobs too."""
        make_folder(self.lock.parent)
        lock = FileLock(self.lock, mode=0o600)
        try:
            await self._take(lock)
            await asyncio.to_thread(self._recover)
            while True:
                self.changed.clear()
                with contextlib.suppress(DomovError):  # a disk that is full, a database that is busy: once more later
                    if self._may_have_work():
                        await self.step()
                with contextlib.suppress(TimeoutError):  # `wait_for` could swallow that this is cancelled (Python 3.11)
                    async with asyncio.timeout(self._tick_seconds()):
                        await self.changed.wait()
        finally:
            await self._stop()
            lock.release()

    def _may_have_work(self) -> bool:
        """Not where nothing was left to do and nothing was written to the database since. It takes microseconds."""
        before, self._version = self._version, self.queue.database.version()
        return self._waiting or self._version != before

    def _tick_seconds(self) -> float:
        if not self.live:
            return LOOK_SECONDS
        return STANDING_TICK_SECONDS if self._serving_since else TICK_SECONDS

    async def _take(self, lock: FileLock) -> None:
        while True:
            try:
                lock.acquire(timeout=0)
                return
            except Timeout:
                await asyncio.sleep(LOOK_SECONDS)

    def _recover(self) -> None:
        """What a kill has left under way waits again; what has ended Domov too often does not."""
        for job in self.queue.unfinished():
            if job.status == "running":
                account = job.account
                account.deaths += 1
                self._requeue(job, account, TORN)

    def _requeue(self, job: Job, account: Account, why: str) -> None:
        kind = self.kinds.get(job.kind)
        account.waiting, account.progress = "", None
        if account.deaths >= MOST_DEATHS:
            account.end(self.clock(), message=f"it did not come to its end {account.deaths} times: {why}")
            account.say(account.error["message"] if account.error else why, self.clock())
            self.queue.move(job.id, "failed", of=("running",), account=account)
            return
        account.say(f"{why}: {kind.again if kind else ''}", self.clock())
        if not self.queue.move(job.id, "queued", of=("running",), account=account):
            self.queue.save(job.id, account)  # somebody wants something else of it

    async def step(self) -> None:
        """Does what is wanted of each job now."""
        jobs = await asyncio.to_thread(self.queue.unfinished)
        self._waiting = bool(jobs)
        for job in jobs:
            live = self.live.get(job.id)
            if job.status == "cancelling":
                await self._cancel(job, live)
            elif job.status == "paused" and live:
                await self._pause(live)
        for lane in LANES:
            await self._next([job for job in jobs if self._lane(job) == lane])
        self._be_polite()
        await self._save()

    def _lane(self, job: Job) -> Lane:
        return self.kinds[job.kind].lane if job.kind in self.kinds else "work"

    async def _pause(self, live: Live) -> None:
        if live.work.pausing == "held":
            live.hold("paused")
        else:
            await self._leave(live, "paused")

    async def _leave(self, live: Live, status: Status) -> None:
        """Ends a job's work from here."""
        live.leaving = status
        assert live.task and live.minding
        live.task.cancel()
        await asyncio.wait([live.minding])

    async def _cancel(self, job: Job, live: Live | None) -> None:
        if live:
            await self._leave(live, "cancelled")
            return
        account = job.account
        if account.started_at and job.kind in self.kinds:
            await asyncio.to_thread(self._discard, self.kinds[job.kind].parts, account.started_at)
        account.say("cancelled", self.clock())
        account.end(self.clock())
        await asyncio.to_thread(self.queue.move, job.id, "cancelled", of=("cancelling",), account=account)

    def _discard(self, pattern: str, since: float) -> None:
        """Removes what earlier attempts have left to be gone on with."""
        for part in self.place(Crew()).workshop.models.partial.glob(pattern) if pattern else ():
            lock = FileLock(part.with_suffix(".lock"))
            with contextlib.suppress(OSError, Timeout), lock.acquire(timeout=0):
                if part.stat().st_mtime >= since:
                    shutil.rmtree(part) if part.is_dir() else part.unlink()
                Path(lock.lock_file).unlink()

    async def _next(self, jobs: Sequence[Job]) -> None:
        """Begins the first job that can be begun, if none is under way."""
        if any(job.status == "running" for job in jobs):
            return
        for job in jobs:
            if job.status != "queued":
                continue
            if live := self.live.get(job.id):
                assert live.task
                if not live.task.done() and await asyncio.to_thread(self.queue.move, job.id, "running", of=("queued",)):
                    live.let_go("paused")
                return
            if await self._begun(job):
                return

    async def _begun(self, job: Job) -> bool:
        """Whether a job could be begun, or ended at once; else it says what it waits for."""
        try:
            caller, place = self.around.permitted(job.owner, job.key), self.place(Crew())
            work = work_of(job.kind, job.parameters, self.kinds)
            needs = await asyncio.to_thread(_needs, work, caller, place)
        except DomovError as error:
            job.account.end(self.clock(), message=error.message, hint=error.hint)
            job.account.say(error.message, self.clock())
            await asyncio.to_thread(self.queue.move, job.id, "failed", of=("queued",), account=job.account)
            self.changed.set()  # the next one may begin
            return True
        why = self._why_not(work, needs.memory_bytes, needs.disk_bytes)
        if why:
            if why != job.account.waiting:
                await asyncio.to_thread(self.queue.save, job.id, replace(job.account, waiting=why))
            return False
        job.account.begin(self.clock())
        job.account.size = needs.size
        if await asyncio.to_thread(self.queue.move, job.id, "running", of=("queued",), account=job.account):
            self._begin(job, work)
        return True

    def _why_not(self, work: Work, memory_bytes: int, disk_bytes: int) -> str:
        room = self.around.room_bytes()
        if memory_bytes > room:
            return f"{human_bytes(memory_bytes)} of memory are needed, {human_bytes(max(0, room))} are free"
        if work.pausing == "left" and work.lane == "work" and self.around.serving():
            return GIVING_WAY
        try:
            check_room(self.lock.parent, 0 if work.parts else disk_bytes)
        except DiskFull as error:
            return error.message
        return ""

    def _begin(self, job: Job, work: Work) -> None:
        self._count_seconds()
        live = Live(replace(job, status="running"), work, job.account, Crew(polite=True))
        live.gate.set()
        live.task = asyncio.ensure_future(self._carry_out(live))
        live.minding = asyncio.ensure_future(self._mind(live))
        self.live[job.id] = live

    async def _carry_out(self, live: Live) -> Outcome:
        outcome: Outcome | None = None
        async with aclosing(live.work.steps(self.place(live.crew))) as steps:
            async for step in steps:
                if isinstance(step, Outcome):
                    outcome = step
                live.account.note(step, self.clock())
                live.told = True
                await live.gate.wait()
        assert outcome, f"{live.work.kind} gave nothing"
        return outcome

    async def _mind(self, live: Live) -> None:
        """Writes down how a job has ended."""
        assert live.task
        (ended,) = await asyncio.gather(live.task, return_exceptions=True)
        self._count_seconds()
        while True:
            try:
                async with self._writing:
                    await asyncio.to_thread(self._settle, live, ended)
                break
            except DomovError:  # the disk is full, perhaps: what came of it is kept until it can be written
                if self.stopping:
                    break
                await asyncio.sleep(SAVE_SECONDS)
        del self.live[live.job.id]
        if isinstance(ended, Exception) and not isinstance(ended, DomovError):
            told = {"message": f"job {live.job.id} failed", "exception": ended, "task": live.task}
            live.task.get_loop().call_exception_handler(told)
        self.changed.set()

    def _settle(self, live: Live, ended: Outcome | BaseException) -> None:
        job, account, now = live.job, live.account, self.clock()
        if isinstance(ended, Outcome):
            account.end(now)
            self.queue.move(job.id, "done", of=("running", "paused", "queued", "cancelling"), account=account)
        elif self.stopping and isinstance(ended, WorkerDied | asyncio.CancelledError):
            self._requeue(job, account, "Domov was stopped")
        elif isinstance(ended, asyncio.CancelledError) and live.leaving == "paused":
            account.waiting, account.progress = "", None
            self.queue.save(job.id, account)
        elif isinstance(ended, asyncio.CancelledError):
            account.say("cancelled", now)
            account.end(now)
            self.queue.move(job.id, "cancelled", of=("running", "paused", "queued", "cancelling"), account=account)
        elif isinstance(ended, WorkerDied):
            account.deaths += 1
            self._requeue(job, account, ended.message)
        else:
            message = ended.message if isinstance(ended, DomovError) else f"Domov failed: {type(ended).__name__}"
            account.say(message, now)
            account.end(now, message=message, hint=ended.hint if isinstance(ended, DomovError) else "")
            self.queue.move(job.id, "failed", of=("running", "paused", "queued", "cancelling"), account=account)

    def _be_polite(self) -> None:
        """Has jobs stand still while answers are given, and work for a moment in between."""
        now, serving = time.monotonic(), self.around.serving()
        self._serving_since = (self._serving_since or now) if serving else None
        stands = serving and (now - (self._serving_since or now)) % (STANDS_SECONDS + WORKS_SECONDS) < STANDS_SECONDS
        for live in self.live.values():
            if live.work.lane != "work" or live.work.pausing != "held":
                continue
            (live.hold if stands else live.let_go)("serving")
            waiting = GIVING_WAY if "serving" in live.holding and "paused" not in live.holding else ""
            live.told |= waiting != live.account.waiting
            live.account.waiting = waiting

    def _count_seconds(self) -> None:
        now = time.monotonic()
        for live in self.live.values():
            if not live.holding:
                live.account.seconds += now - self._ticked
        self._ticked = now

    async def _save(self) -> None:
        self._count_seconds()
        if (now := time.monotonic()) - self._saved < SAVE_SECONDS:
            return
        self._saved = now
        for live in list(self.live.values()):
            async with self._writing:
                if live.told and live.task and not live.task.done():
                    live.told = False
                    await asyncio.to_thread(self.queue.save, live.job.id, live.account.copy())

    async def _stop(self) -> None:
        """Ends what is under way so that it can be gone on with: its processes die, what they wrote stays."""
        self.stopping = True
        for live in self.live.values():
            live.crew.end()
            live.gate.set()
        tasks = [live.task for live in self.live.values() if live.task]
        minding = [live.minding for live in self.live.values() if live.minding]
        if tasks:
            await asyncio.wait(tasks, timeout=GRACE_SECONDS)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*minding, return_exceptions=True)


def _needs(work: Work, caller: Caller, place: Place) -> Needs:
    """Raises NotPermitted, and what the work raises of its needs."""
    check_names(work, caller, place.workshop.models)
    return work.needs(place)
