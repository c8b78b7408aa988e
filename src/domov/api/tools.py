"""Domov's own routes for tools of the user's servers: what there is, what it costs, and the calls that wait for a word.

A chat with tools stands still while a call waits: whoever asked sees it here, and says yes or no.
"""

from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from domov.access.callers import current
from domov.app import App
from domov.engine.protocol import Engine
from domov.errors import NoSuchTool
from domov.tools.approvals import Pending
from domov.tools.calls import Call, Result, row
from domov.tools.servers import ToolServer
from domov.tools.using import ToolUsing

Names = Annotated[list[Annotated[str, Field(max_length=40)]], Field(max_length=20)]


class DecisionBody(BaseModel):
    allowed: bool


def servers_seen(domov: App) -> list[ToolServer]:
    """Those that the caller may use."""
    admin = current().grant.covers("admin")
    return [server for server in domov.tool_servers.all() if admin or server.shared]


@dataclass
class ChatTools:
    """Gives a model tools for one answer of a chat; what was called stands in `uses`. Close it after the answer."""

    domov: App
    chat: str = ""  # its id, shown with the calls that wait
    uses: list[dict[str, Any]] = field(default_factory=list)
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack, init=False)

    async def given_to(self, engine: Engine, names: bool | list[str]) -> Engine:
        """The engine with the tools of these servers, or of all that the caller may use. Raises NoSuchTool."""
        seen = [server.name for server in servers_seen(self.domov)]
        wanted = seen if names is True else list(names or ())
        for name in set(wanted) - set(seen):
            raise NoSuchTool(f"no such server of tools: {name}", hint=f"there are: {', '.join(seen)}" if seen else "")
        if not wanted:
            return engine
        box = await self._stack.enter_async_context(self.domov.toolbox(wanted))
        owner = current().owner

        async def ask(call: Call) -> bool:
            return await self.domov.approvals.ask(call, owner=owner, chat=self.chat)

        return ToolUsing(engine, box, ask, self._note)

    def _note(self, call: Call, result: Result) -> None:
        table = {"name": call.offered.tool.name, "server": call.offered.server, "arguments": call.arguments}
        self.uses.append({**table, "failed": result.failed, "result": result.text[:4000]})

    async def close(self) -> None:
        await self._stack.aclose()


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
            async with domov.toolbox([server.name for server in servers]) as box:
                rows, problems = [row(offered) for offered in await box.offered()], box.problems
        told = [{"name": s.name, "shared": s.shared, "problem": problems.get(s.name)} for s in servers]
        return {"servers": told, "tools": rows}

    @routes.get("/pending")
    async def pending() -> dict[str, Any]:
        """The calls that wait for the caller's word."""
        return {"pending": [pending_row(p) for p in domov.approvals.waiting(current().owner)]}

    @routes.post("/pending/{id}")
    async def decide(id: str, body: DecisionBody) -> dict[str, Any]:
        """Allows one call, or forbids it."""
        domov.approvals.decide(id, body.allowed, owner=current().owner)
        return {"id": id, "allowed": body.allowed}

    return routes
