"""Domov's own routes for the user's documents: collections, how far they are, searching, one passage.

A folder of this computer is added by a path only where a setting allows it: whoever may call the API may otherwise
have no business with the files of who runs it. Files that are sent are kept in Domov's folder.
"""

import asyncio
import re
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from domov.app import App
from domov.errors import BadRequest

MOST_TEXT = 4000
Names = Annotated[list[Annotated[str, Field(max_length=100)]], Field(max_length=100)]
_FILE = re.compile(r"[^/\\\0\x01-\x1f:*?\"<>|]{1,120}")


class AddBody(BaseModel):
    name: Annotated[str, Field(max_length=100)]
    paths: Annotated[list[Annotated[str, Field(max_length=4096)]], Field(min_length=1, max_length=100)]


class PauseBody(BaseModel):
    paused: bool


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

    @routes.put("/{name}/files/{file}")
    async def send(name: str, file: str, request: Request) -> dict[str, Any]:
        """Takes a file in: a saved web page, a note, whatever a reader knows."""
        content = await request.body()
        return await asyncio.to_thread(_keep, domov, name, file, content)

    @routes.post("/{name}/pause")
    async def pause(name: str, body: PauseBody) -> dict[str, Any]:
        """Stops looking at a collection, or goes on."""
        await asyncio.to_thread(domov.documents.pause, name, body.paused)
        return {"name": name, "paused": body.paused}

    @routes.delete("/{name}")
    async def remove(name: str) -> dict[str, Any]:
        """Deletes a collection with all that was kept of it; the user's own files stay."""
        await asyncio.to_thread(domov.documents.remove, name)
        return {"name": name, "deleted": True}


def _status(domov: App) -> dict[str, Any]:
    documents = domov.documents
    from domov.documents.library import state

    stage = asdict(documents.stage) if documents.stage else None
    return {"collections": [state(s) for s in documents.status()], "stage": stage, "problem": documents.problem}


def _keep(domov: App, name: str, file: str, content: bytes) -> dict[str, Any]:
    from domov.documents.kinds import kind_of

    if not _FILE.fullmatch(file) or file.startswith(".") or kind_of(file) is None:
        raise BadRequest(
            f"not a file that is read: {ascii(file[:80])}", hint="its name needs an ending like .pdf or .html"
        )
    return {"name": name, "path": str(domov.documents.keep(name, file, content))}
