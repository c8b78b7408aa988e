"""Domov's own API for what was written down: who changed what, and failed logins. Only read."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query

from domov.access.trail import Log, Wanted, page
from domov.app import App

Text = Annotated[str, Query(max_length=200)]
Day = Annotated[str, Query(pattern=r"^(\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\dZ?)?)?)?$")]


def router(domov: App) -> APIRouter:
    routes = APIRouter(prefix="/api/domov/audit", tags=["Domov"])

    @routes.get("")
    async def audit(
        words: Text = "",
        who: Text = "",
        since: Day = "",
        until: Day = "",
        log: Log = "audit",
        before: Annotated[int | None, Query(ge=0)] = None,
    ) -> dict[str, Any]:
        """A hundred lines of the audit, or of failed logins (`log=logins`), newest first; `next` is for `before`."""
        path = domov.config.logs / f"{log}.jsonl"
        wanted = Wanted(words, who, since, until)
        found = await asyncio.to_thread(lambda: page(path, wanted, before=before, count=100))
        return {"rows": found.rows, "next": found.next}

    return routes
