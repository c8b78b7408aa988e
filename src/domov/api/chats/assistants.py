"""Assistants: kept presets of a chat."""

import asyncio

from fastapi import APIRouter
from fastapi.responses import Response

from domov.access.callers import current
from domov.api.answers import json_response
from domov.api.chats.bodies import ChangedAssistant, NewAssistant, given
from domov.app import App


def router(domov: App) -> APIRouter:
    routes = APIRouter(prefix="/assistants")

    @routes.get("")
    async def assistants() -> Response:
        """The assistants, the oldest first."""
        found = await asyncio.to_thread(lambda: domov.assistants.all(owner=current().owner))
        return json_response({"assistants": [one.table() for one in found]})

    @routes.post("")
    async def create(body: NewAssistant) -> Response:
        """Keeps an assistant."""
        given(body)
        about, owner = body.model_dump(exclude={"name"}), current().owner
        made = await asyncio.to_thread(lambda: domov.assistants.add(body.name, about, owner=owner))
        return json_response(made.table(), 201)

    @routes.patch("/{id}")
    async def change(id: str, body: ChangedAssistant) -> Response:
        """Changes what is sent."""
        fields, owner = given(body), current().owner
        changed = await asyncio.to_thread(lambda: domov.assistants.change(id, fields, owner=owner))
        return json_response(changed.table())

    @routes.delete("/{id}")
    async def delete(id: str) -> Response:
        """Deletes an assistant; chats that began with it go on without its words."""
        owner = current().owner
        await asyncio.to_thread(lambda: domov.assistants.delete(id, owner=owner))
        return Response(status_code=204)

    return routes
