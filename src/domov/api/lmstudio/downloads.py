"""Downloads in the background, as jobs that can be asked about. They end with the server; what was fetched stays."""

import asyncio
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from domov.api.lmstudio.errors import error_table
from domov.api.models import no_path
from domov.app import App
from domov.errors import BadRequest, Broken, DomovError
from domov.store.download import CHECKING, Progress
from domov.store.names import HubName, parse, shown

Table = dict[str, Any]
FIRST_SECONDS = 10.0  # how long the first answer waits for the size
MOST_JOBS = 256


class DownloadBody(BaseModel):
    model_config = ConfigDict(extra="allow")

    model: Annotated[str, Field(max_length=4096)]
    quantization: Annotated[str, Field(max_length=60)] | None = None


def wanted(body: DownloadBody) -> str:
    """The name of the model that is to be fetched. Raises BadName, BadRequest."""
    name = no_path(body.model.removeprefix("https://").rstrip("/"))
    parsed = parse(name)
    if isinstance(parsed, HubName):
        return str(parsed if body.quantization is None else replace(parsed, quant=body.quantization))
    if body.quantization is not None:
        raise BadRequest(f"quantization goes with a repository on Hugging Face only, not with {shown(name)}")
    return name


@dataclass
class Job:
    """One download, as far as it is."""

    name: str
    id: str = field(default_factory=lambda: f"job_{token_hex(8)}")
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    started_seconds: float = field(default_factory=time.monotonic)
    ended: datetime | None = None
    error: DomovError | None = None
    begun_bytes: int = 0  # that were here before
    done_bytes: int = 0
    total_bytes: int | None = None
    known: asyncio.Event = field(default_factory=asyncio.Event)  # how large it is, or how it ended

    @property
    def status(self) -> str:
        return "downloading" if self.ended is None else "failed" if self.error else "completed"

    def note(self, progress: Progress) -> None:
        if progress.total_bytes is None or progress.step == CHECKING:
            return
        if self.total_bytes is None:
            self.begun_bytes = progress.done_bytes
        self.done_bytes = max(self.done_bytes, progress.done_bytes)
        self.total_bytes = max(self.total_bytes or 0, progress.total_bytes)
        self.known.set()

    def end(self, error: DomovError | None = None) -> None:
        self.ended, self.error = datetime.now(UTC), error
        self.known.set()

    def table(self) -> Table:
        table: Table = {"job_id": self.id, "status": self.status, "downloaded_bytes": self.done_bytes}
        table |= {"total_size_bytes": self.total_bytes} if self.total_bytes is not None else {}
        table["started_at"] = _iso(self.started)
        if self.error:
            return table | {"error": error_table(self.error)}
        return table | ({"completed_at": _iso(self.ended)} if self.ended else self._pace())

    def _pace(self) -> Table:
        speed = (self.done_bytes - self.begun_bytes) / max(0.001, time.monotonic() - self.started_seconds)
        if not speed or self.total_bytes is None:
            return {"bytes_per_second": speed}
        left = timedelta(seconds=min(1e9, (self.total_bytes - self.done_bytes) / speed))
        return {"bytes_per_second": speed, "estimated_completion": _iso(datetime.now(UTC) + left)}


class Downloads:
    """Those of one server; the oldest that have ended are forgotten."""

    def __init__(self, domov: App) -> None:
        self._domov = domov
        self._jobs: dict[str, Job] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def get(self, id: str) -> Job | None:
        return self._jobs.get(id)

    async def start(self, name: str) -> Job | None:
        """The job that fetches a model, a new one or one under way; None: the model is here.

        Raises what goes wrong before anything was fetched: no such model, offline, no room.
        """
        if await asyncio.to_thread(self._domov.models.find, name):
            return None
        job = next((j for j in self._jobs.values() if j.name == name and j.ended is None), None) or self._begin(name)
        try:
            await asyncio.wait_for(job.known.wait(), FIRST_SECONDS)
        except TimeoutError:
            return job
        if job.error and not job.done_bytes:
            raise job.error
        return job

    def _begin(self, name: str) -> Job:
        job = Job(name)
        for old in [j.id for j in self._jobs.values() if j.ended][: max(0, len(self._jobs) - MOST_JOBS + 1)]:
            del self._jobs[old]
        self._jobs[job.id] = job
        task = asyncio.ensure_future(self._pull(job))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return job

    async def _pull(self, job: Job) -> None:
        loop = asyncio.get_running_loop()

        def note(progress: Progress) -> None:
            loop.call_soon_threadsafe(job.note, progress)

        failed: DomovError | None = Broken(
            "the download ended early", hint="ask for it again: what was fetched is kept"
        )
        try:
            async with self._domov.puller() as puller:
                model = await puller.pull(job.name, on_progress=note)
            job.done_bytes = job.total_bytes = model.manifest.size_bytes
            failed = None
        except DomovError as error:
            failed = error
        finally:
            job.end(failed)


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
