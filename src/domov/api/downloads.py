"""Domov's own API for the queue of models that are fetched; its list as it changes, by server-sent events."""

from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import BaseModel, Field

from domov.access.callers import tell
from domov.api.answers import streaming
from domov.api.events import SSE, event, failure, with_pulse
from domov.api.models import no_path
from domov.app import App
from domov.errors import BadRequest, DomovError
from domov.store.names import parse
from domov.store.queued import Download


class DownloadBody(BaseModel):
    model: Annotated[str, Field(min_length=1, max_length=300)]


class MoveBody(BaseModel):
    before: Annotated[str, Field(max_length=60)] | None = Field(None, description="None: after all.")


def router(domov: App) -> APIRouter:
    routes = APIRouter(prefix="/api/domov/downloads", tags=["Domov"])

    @routes.get("")
    async def all_downloads() -> dict[str, Any]:
        """The models that are being fetched, those that wait in their order, and those that have ended."""
        await domov.downloads.begin()
        return {"downloads": domov.downloads.rows()}

    @routes.post("")
    async def download(body: DownloadBody) -> dict[str, Any]:
        """Wants a model: it is fetched when those before it are here. One that failed is tried again."""
        parse(no_path(body.model))
        tell(model=body.model)
        return (await domov.downloads.add(body.model)).row()

    @routes.get("/events")
    async def events() -> Response:
        """The whole list, now and whenever it changes."""
        return await streaming(_events(domov), failed=failure, media_type=SSE)

    _add_actions(routes, domov)
    return routes


async def begin(domov: App) -> None:
    """Goes on with what is left of the queue, as a server starts. A database that is not there has none in it."""
    if domov.config.database.exists():
        with suppress(DomovError):  # the database can't be opened: whoever asks for the queue is told so
            await domov.downloads.begin()


def _add_actions(routes: APIRouter, domov: App) -> None:
    queue = domov.downloads

    @routes.post("/{id}/pause")
    async def pause(id: str) -> dict[str, Any]:
        """Stops one; what was fetched is kept."""
        return (await queue.pause(await queue.get(id))).row()

    @routes.post("/{id}/resume")
    async def resume(id: str) -> dict[str, Any]:
        """Goes on with one that was paused or has failed, from where it stopped."""
        return (await queue.resume(await queue.get(id))).row()

    @routes.post("/{id}/move")
    async def move(id: str, body: MoveBody) -> dict[str, Any]:
        """Has one fetched before another one, or after all."""
        one = await queue.get(id)
        before = await queue.get(body.before) if body.before else None
        if before is one:
            raise BadRequest("a download can't be moved before itself")
        await queue.move(one, before=before)
        return {"downloads": queue.rows()}

    @routes.delete("/{id}")
    async def cancel(id: str) -> dict[str, Any]:
        """Takes one off the list and throws away what was fetched; a model that is whole stays."""
        one: Download = await queue.get(id)
        tell(model=one.model)
        await queue.cancel(one)
        return {"id": one.id, "deleted": True}


async def _events(domov: App) -> AsyncGenerator[bytes, None]:
    async for piece in with_pulse(domov.downloads.watch()):
        yield event({"downloads": piece}) if piece is not None else b": \n\n"
