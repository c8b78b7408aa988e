"""Downloads in the background, as LM Studio's jobs: those of Domov's queue, where they outlive the server."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from domov.api.lmstudio.errors import error_table
from domov.api.models import no_path
from domov.app import App
from domov.errors import BadRequest, Broken
from domov.store.names import HubName, parse, shown
from domov.store.queued import Download

Table = dict[str, Any]
FIRST_SECONDS = 10.0  # how long the first answer waits for the size
STATUS = {"waiting": "downloading", "running": "downloading", "done": "completed"}


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


async def start(domov: App, name: str) -> Download | None:
    """The download of a model, a new one or one under way; None: the model is here.

    Raises what goes wrong before anything was fetched: no such model, offline, no room.
    """
    if await asyncio.to_thread(domov.models.find, name):
        return None
    job = await domov.downloads.add(name)
    try:
        await asyncio.wait_for(job.begun.wait(), FIRST_SECONDS)
    except TimeoutError:
        return job
    if job.cause and not job.done_bytes:
        await domov.downloads.cancel(job)
        raise job.cause
    return job


def job_table(job: Download) -> Table:
    status = STATUS.get(job.state, job.state)
    table: Table = {"job_id": job.id, "status": status, "downloaded_bytes": job.done_bytes}
    table |= {"total_size_bytes": job.total_bytes} if job.total_bytes is not None else {}
    table["started_at"] = _iso(job.created_at)
    if job.state == "failed":
        return table | {"error": error_table(job.cause or Broken(job.error, hint=job.hint))}
    if job.ended_at is not None:
        return table | {"completed_at": _iso(job.ended_at)}
    left = job.seconds_left
    ends = {"estimated_completion": _iso(datetime.now(UTC).timestamp() + min(1e9, left))} if left is not None else {}
    return table | {"bytes_per_second": job.bytes_per_second} | ends


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
