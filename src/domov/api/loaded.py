"""Domov's own API for the models in memory: what is loaded, ending it, and what is remembered."""

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel

from domov.access.callers import tell
from domov.api.models import installed, shown_rows
from domov.app import App


class Named(BaseModel):
    model: str


class Conversation(BaseModel):
    conversation: str


def router(domov: App) -> APIRouter:
    routes = APIRouter(prefix="/api/domov", tags=["Domov"])

    @routes.get("/loaded")
    async def loaded() -> dict[str, Any]:
        """The models in memory: what they take, what they do, when they go."""
        return {"models": [asdict(row) for row in shown_rows(domov)]}

    @routes.post("/load")
    async def load(body: Named) -> dict[str, Any]:
        """Loads a model before anybody asks it something."""
        model = installed(domov, body.model)
        return asdict(await domov.scheduler.engine_for(model).start())

    @routes.post("/unload")
    async def unload(body: Named) -> dict[str, bool]:
        """Ends a model that is idle; a running one is a 503 with the time to come back."""
        tell(model=body.model)
        return {"unloaded": await domov.unload(installed(domov, body.model))}

    @routes.post("/forget")
    async def forget(body: Conversation) -> dict[str, int]:
        """Has all models forget what they have read of a conversation, in memory and on disk."""
        return {"states": await domov.forget(body.conversation)}

    return routes
