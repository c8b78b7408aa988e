"""Domov's own routes for tools of the user's servers: what there is, what it costs, and the calls that wait for a word.

A chat with tools stands still while a call waits: whoever asked sees it here, and says yes or no.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel

from domov.access.callers import current
from domov.app import App
from domov.engine.protocol import Engine
from domov.errors import NoSuchTool
from domov.tools.approvals import Pending
from domov.tools.calls import Call, Result, row
from domov.tools.servers import ToolServer
from domov.tools.using import ToolUsing

MOST_NOTED_CHARACTERS = 4000  # of a result, kept with the answer


class DecisionBody(BaseModel):
    allowed: bool


def servers_seen(domov: App) -> list[ToolServer]:
    """Those that the caller may use."""
    admin = current().grant.covers("admin")
    return [server for server in domov.tools.servers.all() if admin or server.shared]


@asynccontextmanager
async def tools_for(
    domov: App, engine: Engine, names: bool | list[str], *, chat: str = ""
) -> AsyncIterator[tuple[Engine, list[dict[str, Any]]]]:
    """The engine with the tools of these servers, or of all that the caller may use; and what was called, as it is.

    chat  the id that is shown with the calls that wait

    Raises NoSuchTool.
    """
    seen = [server.name for server in servers_seen(domov)] if names else []
    wanted = seen if names is True else list(names or ())
    for name in wanted:
        if name not in seen:
            raise NoSuchTool(f"no such server of tools: {name}", hint=f"there are: {', '.join(seen)}" if seen else "")
    uses: list[dict[str, Any]] = []
    if not wanted:
        yield engine, uses
        return
    owner = current().owner

    async def ask(call: Call) -> bool:
        return await domov.tools.approvals.ask(call, owner=owner, chat=chat)

    def note(call: Call, result: Result) -> None:
        table = {"name": call.offered.tool.name, "server": call.offered.server, "arguments": call.arguments}
        uses.append({**table, "failed": result.failed, "result": result.text[:MOST_NOTED_CHARACTERS]})

    async with domov.tools.box(wanted) as box:
        yield ToolUsing(engine, box, ask, note), uses


def pending_row(pending: Pending) -> dict[str, Any]:
    call = pending.call
    return {
        "id": pending.id,
        "chat": pending.chat,
        "server": call.offered.server,
        "tool": call.offered.name,
        "description": call.offered.tool.description,
        "reads_only": call.offered.reads_only,
        "arguments": call.arguments,
        "asked_at": pending.asked_at,
    }


def router(domov: App) -> APIRouter:
    routes = APIRouter(prefix="/api/domov/tools", tags=["Domov"])

    @routes.get("")
    async def tools() -> dict[str, Any]:
        """The servers of tools that the caller may use, their tools, and about how many tokens each costs a prompt."""
        servers = servers_seen(domov)
        rows, problems = [], {}
        if servers:
            async with domov.tools.box([server.name for server in servers]) as box:
                rows, problems = [row(offered) for offered in await box.offered()], box.problems
        told = [{"name": s.name, "shared": s.shared, "problem": problems.get(s.name)} for s in servers]
        return {"servers": told, "tools": rows}

    @routes.get("/pending")
    async def pending() -> dict[str, Any]:
        """The calls that wait for the caller's word."""
        return {"pending": [pending_row(p) for p in domov.tools.approvals.waiting(current().owner)]}

    @routes.post("/pending/{id}")
    async def decide(id: str, body: DecisionBody) -> dict[str, Any]:
        """Allows one call, or forbids it."""
        domov.tools.approvals.decide(id, body.allowed, owner=current().owner)
        return {"id": id, "allowed": body.allowed}

    return routes
