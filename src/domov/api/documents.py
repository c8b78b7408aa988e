"""Domov's own routes for the user's documents: collections, how far they are, searching, one passage.

Collections are their owner's, or shared with everybody. A folder of this computer is added by a path only by an
administrator and where a setting allows it: whoever may call the API may otherwise have no business with the files of
who runs it. Files that are sent are kept in Domov's folder.
"""

import asyncio
import re
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from domov.access.callers import current
from domov.api.multipart import received
from domov.app import App
from domov.errors import BadRequest

MOST_TEXT = 4000
MOST_FAILURES = 100  # told with a collection's state; `files` tells all of them
MOST_SENT_BYTES = 257 << 20  # a file of the largest size that is read, and the form around it
MOST_NAME_BYTES = 200
Names = Annotated[list[Annotated[str, Field(max_length=100)]], Field(max_length=100)]
_FILE = re.compile(r"[^/\\\0\x01-\x1f:*?\"<>|]{1,200}")
FORM = {"type": "object", "properties": {"file": {"type": "string", "format": "binary"}}, "required": ["file"]}
TAKES_FORM = {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": FORM}}}}


class AddBody(BaseModel):
    name: Annotated[str, Field(max_length=100)]
    paths: Annotated[list[Annotated[str, Field(max_length=4096)]], Field(min_length=1, max_length=100)]


class PauseBody(BaseModel):
    paused: bool


class ShareBody(BaseModel):
    shared: bool


class FilterBody(BaseModel):
    """Where to look; nothing is everywhere."""

    collections: Names = []
    folder: Annotated[str, Field(max_length=4096)] = ""
    kinds: Names = []
    since: Annotated[str, Field(max_length=10)] = ""
    until: Annotated[str, Field(max_length=10)] = ""


class SearchBody(FilterBody):
    query: Annotated[str, Field(min_length=1, max_length=MOST_TEXT)]
    count: Annotated[int, Field(ge=1, le=50)] = 10


class DocumentsBody(FilterBody):
    """What a chat says of documents."""

    count: Annotated[int, Field(ge=1, le=50)] = 6


def filters_of(body: FilterBody) -> Any:
    """Raises BadRequest for a kind or a day that is none."""
    from domov.documents.library import filters

    return filters(**{key: getattr(body, key) for key in FilterBody.model_fields})


def router(domov: App) -> APIRouter:
    routes = APIRouter(prefix="/api/domov/documents", tags=["Domov"])
    _add_collections(routes, domov)
    _add_files(routes, domov)

    @routes.post("/search")
    async def search(body: SearchBody) -> dict[str, Any]:
        """The passages that answer a query, best first, each with the reason why it was found."""
        hits = await domov.documents.search(body.query, count=body.count, filters=filters_of(body))
        from domov.documents.library import reference

        return {"references": [reference(hit) for hit in hits]}

    @routes.get("/passages/{number}")
    async def passage(number: int, around: int = 1) -> dict[str, Any]:
        """One passage with its neighbours."""
        documents, around = domov.documents, min(max(around, 0), 20)
        from domov.documents.library import reference

        hits = await asyncio.to_thread(documents.passage, number, neighbours=around)
        return {"passages": [reference(hit) for hit in hits]}

    return routes


def _add_collections(routes: APIRouter, domov: App) -> None:
    @routes.get("")
    async def status() -> dict[str, Any]:
        """Every collection, how far it is, and which files could not be read."""
        return await asyncio.to_thread(_status, domov)

    @routes.post("")
    async def add(body: AddBody) -> dict[str, Any]:
        """Adds folders of this computer; refused unless the setting `add_folders_by_api` allows it."""
        if not domov.config.add_folders_by_api:
            raise BadRequest(
                "folders are not added over the API", hint="use `domov docs add`, or set add_folders_by_api = true"
            )
        documents = domov.documents
        from domov.documents.library import sayable

        collection = await asyncio.to_thread(documents.add, body.paths, body.name)
        return {"name": collection.name, "roots": [sayable(path) for path in collection.roots]}

    @routes.post("/{name}/pause")
    async def pause(name: str, body: PauseBody) -> dict[str, Any]:
        """Stops looking at a collection, or goes on."""
        await asyncio.to_thread(domov.documents.pause, name, body.paused)
        return {"name": name, "paused": body.paused}

    @routes.post("/{name}/chats")
    async def add_chats(name: str) -> dict[str, Any]:
        """Adds the caller's chats to a collection: those there are, and whichever come; deleted ones leave it."""
        await asyncio.to_thread(domov.documents.add_chats, name)
        return {"name": name}

    @routes.post("/{name}/share")
    async def share(name: str, body: ShareBody) -> dict[str, Any]:
        """Lets everybody search a collection, or its owner alone again; for administrators."""
        await asyncio.to_thread(domov.documents.share, name, body.shared)
        return {"name": name, "shared": body.shared}

    @routes.post("/{name}/retry")
    async def retry(name: str) -> dict[str, Any]:
        """Has the files that could not be read tried again."""
        return {"name": name, "retried": await asyncio.to_thread(domov.documents.retry, name)}

    @routes.delete("/{name}")
    async def remove(name: str) -> dict[str, Any]:
        """Deletes a collection with all that was kept of it; the user's own files stay."""
        await asyncio.to_thread(domov.documents.remove, name)
        return {"name": name, "deleted": True}


def _add_files(routes: APIRouter, domov: App) -> None:
    @routes.get("/{name}/files")
    async def files(
        name: str,
        state: Literal["", "waiting", "read", "failed"] = "",
        after: Annotated[int, Query(ge=0, le=(1 << 63) - 1)] = 0,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> dict[str, Any]:
        """A collection's files with their states and the reasons of failures, in pages."""
        documents = domov.documents
        found = await asyncio.to_thread(documents.files, name, state=state, after=after, count=limit)
        from domov.documents.library import file_row

        return {"files": [file_row(f) for f in found], "next": found[-1].id if len(found) == limit else None}

    @routes.post("/{name}/files", openapi_extra=TAKES_FORM)
    async def take(name: str, request: Request) -> dict[str, Any]:
        """Takes a file in, in a form with `file`; it replaces one of the same name that was sent before."""
        folder = domov.config.documents / "files"
        async with received(request, folder=folder, most_bytes=MOST_SENT_BYTES) as form:
            upload = form.file("file")
            return await asyncio.to_thread(_keep, domov, name, safe_name(upload.name), upload.path)

    @routes.put("/{name}/files/{file}")
    async def send(name: str, file: str, request: Request) -> dict[str, Any]:
        """Takes a file in: a saved web page, a note, whatever a reader knows."""
        content = await request.body()
        return await asyncio.to_thread(_keep, domov, name, file, content)

    @routes.delete("/{name}/files/{file}")
    async def drop(name: str, file: str) -> dict[str, Any]:
        """Removes a file that was sent, with what was kept of it."""
        _check_name(file)
        await asyncio.to_thread(domov.documents.drop, name, file)
        return {"name": name, "file": file, "deleted": True}


def _status(domov: App) -> dict[str, Any]:
    documents = domov.documents
    from domov.documents.library import state

    stage = asdict(documents.stage) if documents.stage else None
    if stage and not current().grant.covers("admin"):
        stage["name"] = ""  # it may be a file of somebody else
    rows = [state(s) | {"changeable": documents.may_change(s.collection)} for s in documents.status()]
    for row in rows:
        row["failures"] = row["failures"][:MOST_FAILURES]
    return {"collections": rows, "stage": stage, "problem": documents.problem}


def safe_name(name: str) -> str:
    """The name of a file that is sent as one that every file system takes, its ending kept."""
    stem, dot, ending = re.sub(r'[/\\\0\x01-\x1f:*?"<>|]', "_", name.strip()).lstrip(".").rpartition(".")
    while len(f"{stem}{dot}{ending}".encode()) > MOST_NAME_BYTES and stem:
        stem = stem[:-1]
    return f"{stem}{dot}{ending}"


def _check_name(file: str) -> None:
    from domov.documents.kinds import kind_of

    long = len(file.encode("utf-8", "replace")) > MOST_NAME_BYTES
    if long or not _FILE.fullmatch(file) or file.startswith(".") or kind_of(file) is None:
        raise BadRequest(
            f"not a file that is read: {ascii(file[:80])}", hint="its name needs an ending like .pdf or .html"
        )


def _keep(domov: App, name: str, file: str, content: bytes | Path) -> dict[str, Any]:
    _check_name(file)
    return {"name": name, "file": file, "path": str(domov.documents.keep(name, file, content))}
