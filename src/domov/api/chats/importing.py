"""POST /api/domov/chats/import: the chats of another program, or of another Domov."""

import asyncio
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import Response

from domov.access.callers import current
from domov.api.answers import json_response
from domov.api.chats.room import Room
from domov.api.multipart import received
from domov.api.openai.files import TAKES_FORM
from domov.chats.importing.files import MOST_BYTES, chats_in
from domov.chats.importing.keeping import keep
from domov.chats.records import Table

FORM_BYTES = 1 << 16  # what a form has around its file


def router(room: Room) -> APIRouter:
    routes = APIRouter()
    one_at_a_time = asyncio.Semaphore(1)  # each may take a gigabyte of memory

    @routes.post("/chats/import", openapi_extra=TAKES_FORM)
    async def take_in(request: Request) -> Response:
        """Takes in the chats of a file (`file` in a form), as ChatGPT, Open WebUI, LM Studio and Domov write them."""
        folder, owner = room.domov.config.attachments, current().owner
        async with received(request, folder=folder, most_bytes=MOST_BYTES + FORM_BYTES) as form, one_at_a_time:
            return json_response(await asyncio.to_thread(_taken, room, form.file("file").path, owner))

    return routes


def _taken(room: Room, path: Path, owner: str) -> Table:
    return keep(chats_in(path), room.kept(), room.domov.attachments, owner=owner)
