"""GET /api/domov/chats/export: one chat as a file, or all of them as a zip, which is sent while it is made."""

from collections.abc import Iterator
from functools import partial
from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import APIRouter, Query
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response, StreamingResponse

from domov.access.callers import current
from domov.api.chats.attaching import SAFE
from domov.api.chats.room import Room
from domov.chats.exporting import Whole, file_name, json_bytes, markdown, zipped
from domov.errors import NoSuchChat

Format = Literal["markdown", "json"]
ENDINGS = {"markdown": ("md", "text/markdown; charset=utf-8"), "json": ("json", "application/json")}


def router(room: Room) -> APIRouter:
    routes = APIRouter()

    @routes.get("/chats/export")
    async def export(format: Format = "json", id: Annotated[str | None, Query(max_length=100)] = None) -> Response:
        """One chat as Markdown or JSON, or without `id` a zip of all."""
        owner = current().owner
        if id is None:
            every = await run_in_threadpool(lambda: list(room.kept().all(owner=owner)))
            files = zipped(_files(room, every, format, owner))
            return StreamingResponse(files, media_type="application/zip", headers=_headers("chats.zip"))
        whole = await run_in_threadpool(partial(_whole, room, id, owner))
        ending, media_type = ENDINGS[format]
        content = await run_in_threadpool(_written, whole, format)
        return Response(content, media_type=media_type, headers=_headers(file_name(whole.chat, ending)))

    return routes


def _headers(name: str) -> dict[str, str]:
    return {**SAFE, "content-disposition": f"attachment; filename*=UTF-8''{quote(name)}"}


def _whole(room: Room, id: str, owner: str) -> Whole:
    chats = room.kept(id)
    chat = chats.get(id, owner=owner)
    attachments = room.attachments(temporary=chat.temporary)
    return Whole(chat, chats.turns.of(id), lambda attachment: attachments.contents.get(attachment.id))


def _written(whole: Whole, format: Format) -> bytes:
    return markdown(whole).encode() if format == "markdown" else json_bytes(whole)


def _files(room: Room, ids: list[str], format: Format, owner: str) -> Iterator[tuple[str, bytes]]:
    """Each chat as a file; one that is deleted meanwhile is left out."""
    for number, id in enumerate(ids, 1):
        try:
            whole = _whole(room, id, owner)
        except NoSuchChat:
            continue
        yield file_name(whole.chat, ENDINGS[format][0], number), _written(whole, format)
