"""Domov's own API for beginning: what there is to set up, the first administrator, and taking an invitation."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import Field

from domov.access.callers import current
from domov.api.domov.session import Body, Name, Password, enter, mode
from domov.api.models import shown
from domov.app import App

Secret = Annotated[str, Field(max_length=100)]


class FirstBody(Body):
    name: Name
    password: Password


class LinkBody(Body):
    secret: Secret


class AcceptBody(LinkBody):
    name: Name = ""  # of the new account; not for a link that sets a password
    password: Password


def router(domov: App) -> APIRouter:
    routes = APIRouter(prefix="/api/domov", tags=["Domov"])

    @routes.get("/setup")
    def setup(request: Request) -> dict[str, Any]:
        """Whether people log in here (`mode`), and for who may see it, whether there is a model yet."""
        here = mode(domov, request)
        knows = here == "single" or current().session
        return {"mode": here, "models": bool(shown(domov)) if knows else None}

    @routes.post("/setup")
    async def begin(body: FirstBody, request: Request, response: Response) -> dict[str, Any]:
        """Makes the first administrator and logs them in: from now on people log in, and what was kept is theirs."""
        accounts = domov.access.accounts
        user = await asyncio.to_thread(accounts.begin, body.name, body.password)
        return await _entered(domov, user.id, request, response)

    @routes.post("/invitation")
    def look(body: LinkBody) -> dict[str, Any]:
        """What a link is for, by its secret: a new account, or a new password for one."""
        found = domov.access.accounts.invitations.find(body.secret)
        name = domov.access.people.get(found.user_id).name if found.user_id else None
        return {"kind": found.row()["kind"], "name": name, "note": found.note, "expires_at": found.expires_at}

    @routes.post("/invitation/accept")
    async def accept(body: AcceptBody, request: Request, response: Response) -> dict[str, Any]:
        """Makes the account, or sets the new password, and logs in; where a second factor is on, it asks for that."""
        accounts = domov.access.accounts
        user = await asyncio.to_thread(lambda: accounts.accept(body.secret, name=body.name, password=body.password))
        domov.access.audit.action("link used", current(), user=user.id, user_name=user.name)
        if user.totp is not None or not user.usable:
            return {"needs": "login"}
        return await _entered(domov, user.id, request, response)

    return routes


async def _entered(domov: App, user_id: str, request: Request, response: Response) -> dict[str, Any]:
    user = await asyncio.to_thread(domov.access.people.get, user_id)
    agent, address = request.headers.get("user-agent", ""), current().address
    opened = await asyncio.to_thread(lambda: domov.access.accounts.open(user, address=address, agent=agent))
    return enter(domov, opened, request, response)
