"""Domov's own API for backups: one to take away, and one to be put in place when the server starts the next time."""

import asyncio
import importlib.metadata
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

from domov.access.callers import current, tell
from domov.app import App
from domov.backup.making import make
from domov.backup.restoring import stage
from domov.errors import BadRequest
from domov.files import disk_errors, make_folder

MOST_BYTES = 64 << 30


def router(domov: App) -> APIRouter:
    routes = APIRouter(prefix="/api/domov/backup", tags=["Domov"])

    @routes.get("", response_class=FileResponse)
    async def backup() -> FileResponse:
        """All that can't be fetched again, as one ZIP file: it holds people's texts and the hashes of passwords."""
        path = _new_file(domov)
        version = importlib.metadata.version("domov")
        await asyncio.to_thread(lambda: make(domov.config.home, path, version=version))
        domov.access.audit.action("backup taken", current())
        name = time.strftime("domov-%Y%m%d-%H%M.zip", time.gmtime())
        gone = BackgroundTask(path.unlink, missing_ok=True)
        return FileResponse(path, media_type="application/zip", filename=name, background=gone)

    @routes.post("/restore")
    async def restore(request: Request) -> dict[str, Any]:
        """Looks a backup through, sent as `application/octet-stream`, and lays it ready for the server's next start."""
        path = _new_file(domov)
        try:
            await _receive(request, path)
            staged = await asyncio.to_thread(lambda: stage(domov.config.home, path))
        finally:
            path.unlink(missing_ok=True)
        tell(backup_of=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(staged.made_at)))
        return {"files": staged.files, "made_at": staged.made_at, "restart": True}

    return routes


def _new_file(domov: App) -> Path:
    with disk_errors(domov.config.home):
        handle, name = tempfile.mkstemp(dir=make_folder(domov.config.home), prefix=".backup-", suffix=".part")
    os.close(handle)
    return Path(name)


async def _receive(request: Request, path: Path) -> None:
    size = 0
    with disk_errors(path), path.open("wb") as file:
        async for block in request.stream():
            size += len(block)
            if size > MOST_BYTES:
                raise BadRequest(f"a backup that is sent may have {MOST_BYTES} bytes", hint="use `domov restore FILE`")
            await asyncio.to_thread(file.write, block)
