"""Domov's own API for the models in memory: what is loaded, and ending it."""

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel

from domov.api.models import installed
from domov.app import App


class Named(BaseModel):
    model: str


def router(domov: App) -> APIRouter:
    routes = APIRouter(prefix="/api/domov", tags=["Domov"])

    @routes.get("/loaded")
    async def loaded() -> dict[str, Any]:
        """The models in memory: what they take, what they do, when they go."""
        return {"models": [asdict(row) for row in domov.scheduler.rows()]}

    @routes.post("/load")
    async def load(body: Named) -> dict[str, Any]:
        """Loads a model before anybody asks it something."""
        model = installed(domov, body.model)
        return asdict(await domov.scheduler.engine_for(model).start())

    @routes.post("/unload")
    async def unload(body: Named) -> dict[str, bool]:
        """Ends a model that is idle; a running one is a 503 with the time to come back."""
        return {"unloaded": await domov.scheduler.unload(installed(domov, body.model))}

    return routes
