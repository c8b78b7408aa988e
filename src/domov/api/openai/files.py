"""OpenAI's files: sent, listed, read, deleted.

Source: OpenAI's API reference, files. Nothing but a batch reads them.
"""

import asyncio
import time
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, Response

from domov.access.callers import current
from domov.api.answers import json_response
from domov.api.multipart import Form, received
from domov.api.openai.paging import Order, Page
from domov.app import App
from domov.batches.files import KeptFile, new_id
from domov.errors import BadRequest

PURPOSES = ("assistants", "batch", "fine-tune", "vision", "user_data", "evals")
MOST_FILE_BYTES = 512_000_000  # OpenAI's limit
FORM_BYTES = 1 << 20  # what a form has around its file
MOST_ROWS = 10_000
LEAST_EXPIRY_SECONDS, MOST_EXPIRY_SECONDS = 3600, 2_592_000
FORM = {"type": "object", "properties": {"file": {"type": "string", "format": "binary"}}, "required": ["file"]}
TAKES_FORM = {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": FORM}}}}


def router(domov: App) -> APIRouter:
    routes = APIRouter()

    @routes.post("/v1/files", openapi_extra=TAKES_FORM)
    async def create(request: Request) -> Response:
        """Takes in a file, in a form with `file` and `purpose`."""
        folder = domov.config.files
        async with received(request, folder=folder, most_bytes=MOST_FILE_BYTES + FORM_BYTES) as form:
            upload, file = form.file("file"), _file(form)
            return json_response(file_table(await asyncio.to_thread(domov.files.add, upload.path, file)))

    @routes.get("/v1/files")
    async def files(
        purpose: Annotated[str | None, Query(max_length=40)] = None,
        limit: Annotated[int, Query(ge=1, le=MOST_ROWS)] = MOST_ROWS,
        order: Order = "desc",
        after: Annotated[str | None, Query(max_length=200)] = None,
    ) -> Response:
        """The files that were sent, and those that batches have written."""
        found = await asyncio.to_thread(domov.files.all, owner=current().owner)
        rows = [file_table(file) for file in found if purpose in (None, file.purpose)]
        return json_response(Page(limit, order, after).of(rows))

    @routes.get("/v1/files/{id}")
    async def retrieve(id: str) -> Response:
        """What is known of a file."""
        return json_response(file_table(await asyncio.to_thread(domov.files.get, id, owner=current().owner)))

    @routes.get("/v1/files/{id}/content")
    async def content(id: str) -> FileResponse:
        """Its bytes."""
        file = await asyncio.to_thread(domov.files.get, id, owner=current().owner)
        return FileResponse(domov.files.path(file.id), media_type="application/octet-stream")

    @routes.delete("/v1/files/{id}")
    async def delete(id: str) -> Response:
        """Deletes a file that no batch still reads."""
        if batches := await asyncio.to_thread(lambda: domov.jobs.unfinished(input_file=id)):
            raise BadRequest(f"{batches[0].id} still reads {id[:100]}", hint="cancel the batch first")
        await asyncio.to_thread(domov.files.delete, id, owner=current().owner)
        return json_response({"id": id, "object": "file", "deleted": True})

    return routes


def _file(form: Form) -> KeptFile:
    upload, purpose = form.file("file"), form.text("purpose")
    if purpose not in PURPOSES:
        raise BadRequest(f"purpose is one of {', '.join(PURPOSES)}")
    now = time.time()
    seconds = _expiry(form)
    expires_at = None if seconds is None else now + seconds
    return KeptFile(new_id(), now, upload.name or "file", purpose, upload.size_bytes, expires_at, current().owner)


def _expiry(form: Form) -> int | None:
    """Seconds after which the file goes."""
    seconds, anchor = form.text("expires_after[seconds]"), form.text("expires_after[anchor]")
    if seconds is None and anchor is None:
        return None
    if anchor != "created_at" or seconds is None or not seconds.isascii() or not seconds.isdigit():
        raise BadRequest("expires_after has the anchor created_at and a number of seconds")
    return checked_expiry(int(seconds[:20]))


def checked_expiry(seconds: int) -> int:
    """Raises BadRequest."""
    if not LEAST_EXPIRY_SECONDS <= seconds <= MOST_EXPIRY_SECONDS:
        raise BadRequest(f"seconds until a file expires are {LEAST_EXPIRY_SECONDS} to {MOST_EXPIRY_SECONDS}")
    return seconds


def file_table(file: KeptFile) -> dict[str, Any]:
    status: Literal["processed"] = "processed"
    table: dict[str, Any] = {
        "id": file.id,
        "object": "file",
        "bytes": file.size_bytes,
        "created_at": int(file.created_at),
        "filename": file.name,
        "purpose": file.purpose,
        "status": status,
    }
    return table | ({} if file.expires_at is None else {"expires_at": int(file.expires_at)})
