"""Domov's own routes for chats, which are kept on the server: docs/chats.md tells of all of them."""

import asyncio
from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import BaseModel, Field

from domov.access.callers import current
from domov.api.answers import json_response
from domov.api.chats import assistants, attaching, exporting, importing, stories, turns
from domov.api.chats.bodies import ChangedChat, Forked, NewChat, given
from domov.api.chats.room import Room
from domov.app import App
from domov.chats.chats import MOST_ROWS, Wanted
from domov.chats.records import Chat, Table

MOST_TEXT = 1000


class Listed(BaseModel):
    """Which chats of the list."""

    query: Annotated[str, Field(max_length=MOST_TEXT)] = ""
    folder: Annotated[str | None, Field(max_length=MOST_TEXT)] = None
    tag: Annotated[str | None, Field(max_length=MOST_TEXT)] = None
    kind: Literal["chat", "story"] | None = None
    archived: bool = False
    limit: Annotated[int, Field(ge=1, le=MOST_ROWS)] = 50
    before: Annotated[str | None, Field(max_length=100)] = None


def router(domov: App, room: Room) -> APIRouter:
    routes = APIRouter(prefix="/api/domov", tags=["Domov"])
    routes.include_router(exporting.router(room))
    routes.include_router(importing.router(room))
    _add_chats(routes, room)
    routes.include_router(turns.router(room))
    routes.include_router(stories.router(room))
    routes.include_router(attaching.router(room))
    routes.include_router(assistants.router(domov))
    return routes


def _add_chats(routes: APIRouter, room: Room) -> None:
    @routes.get("/chats")
    async def chats(wanted: Annotated[Listed, Query()]) -> Response:
        """The chats, pinned ones first, then those used last; with `query` those that have its words."""
        return json_response(await asyncio.to_thread(_page, room, Wanted(**dict(wanted))))

    @routes.post("/chats")
    async def create(body: NewChat) -> Response:
        """Begins a chat, or a story; a temporary one is in memory alone."""
        fields = given(body)
        made = Chat("", current().owner, titled="person" if fields.get("title") else "", **_plain(fields))
        keep = "temp_" if body.temporary else ""
        return json_response((await asyncio.to_thread(lambda: room.kept(keep).create(made))).table(), 201)

    @routes.get("/chats/{id}")
    async def chat(id: str) -> Response:
        """A chat with all its messages."""
        return json_response(await asyncio.to_thread(_whole, room, id))

    @routes.patch("/chats/{id}")
    async def change(id: str, body: ChangedChat) -> Response:
        """Changes what is sent."""
        fields = given(body)
        fields |= {"titled": "person"} if fields.get("title") else {}
        changed = partial(_changed, room, id, fields)
        return json_response(await asyncio.to_thread(changed))

    @routes.delete("/chats/{id}")
    async def delete(id: str) -> Response:
        """Deletes a chat with its messages, attachments and what models have kept of it."""
        await room.delete(id, owner=current().owner)
        return Response(status_code=204)

    @routes.post("/chats/{id}/fork")
    async def fork(id: str, body: Forked) -> Response:
        """A copy of the way to a message, as a chat of its own."""
        copy = partial(_forked, room, id, body.message_id)
        return json_response(await asyncio.to_thread(copy), 201)


def _plain(fields: Table) -> Table:
    return {name: value for name, value in fields.items() if name != "temporary"}


def _page(room: Room, wanted: Wanted) -> Table:
    owner, chats = current().owner, room.kept()
    found, following = chats.page(wanted, owner=owner)
    rows = [shown(room, chat) for chat in found]
    return {"chats": rows, "next": following, "folders": chats.folders(owner=owner), "tags": chats.tags(owner=owner)}


def _whole(room: Room, id: str) -> Table:
    chat = room.chat(id)
    under_way = room.answering.all()
    turns = room.kept(id).turns.of(id)
    messages = [(under_way.get(turn.id) or room.answering.of(turn) or turn).table() for turn in turns]
    return shown(room, chat) | {"messages": messages}


def _changed(room: Room, id: str, fields: Table) -> Table:
    return shown(room, room.kept(id).change(id, fields, owner=current().owner))


def _forked(room: Room, id: str, message: str) -> Table:
    return shown(room, room.kept(id).fork(id, message, owner=current().owner))


def shown(room: Room, chat: Chat) -> Table:
    """A chat as it is told."""
    return chat.table() | {"running": bool(room.answering.running(chat.id))}
