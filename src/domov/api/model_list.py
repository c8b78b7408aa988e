"""The models that are here, at the one path that two dialects share: `anthropic-version` asks for Anthropic's form."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from domov.api.anthropic import models as anthropic
from domov.api.envelopes import speaks_anthropic
from domov.api.models import installed, shown
from domov.api.ollama.describing import details
from domov.api.openai import models as openai
from domov.app import App


def router(domov: App) -> APIRouter:
    routes = APIRouter(tags=["OpenAI", "Anthropic"])

    @routes.get("/v1/models")
    async def models(request: Request, page: Annotated[anthropic.Page, Query()]) -> dict[str, Any]:
        """The models that are here."""
        found = shown(domov)
        if speaks_anthropic(request.scope):
            return anthropic.models_table(found, page)
        return await asyncio.to_thread(openai.models_table, found, details)

    @routes.get("/v1/models/{name:path}")
    async def model(name: str, request: Request) -> dict[str, Any]:
        """One model that is here."""
        found = installed(domov, name)
        if speaks_anthropic(request.scope):
            return anthropic.model_row(found)
        return await asyncio.to_thread(lambda: openai.model_row(found, details(found)))

    return routes
