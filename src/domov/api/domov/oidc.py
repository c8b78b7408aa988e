"""Domov's own API for logging in elsewhere: the way there and the way back, both by the browser itself."""

import asyncio
import hmac
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from domov.access.callers import current
from domov.api.domov.session import enter
from domov.api.entrance import Entrance, cookie
from domov.app import App
from domov.errors import DomovError, NotLoggedIn

Text = Annotated[str, Query(max_length=4000)]


def router(domov: App) -> APIRouter:
    routes = APIRouter(prefix="/api/domov/oidc", tags=["Domov"])

    @routes.get("/start", response_class=RedirectResponse, status_code=303)
    async def start(request: Request) -> Response:
        """Sends the browser to the provider of the setting `oidc_issuer`."""
        if not domov.access.directory.asks_who():
            return _failed("there are no accounts here yet: make an administrator first")
        try:
            address, state = await domov.access.oidc.begin(_callback(request))
        except DomovError as error:
            return _failed(error.message)
        answer = RedirectResponse(address, 302)
        entrance: Entrance = request.state.entrance
        answer.headers.append("set-cookie", entrance.set_login_cookie(state))
        return answer

    @routes.get("/callback", response_class=RedirectResponse, status_code=303)
    async def callback(
        request: Request, code: Text = "", state: Text = "", iss: Text = "", error: Text = ""
    ) -> Response:
        """Where the provider sends the browser back to: it is logged in, or told why not."""
        entrance: Entrance = request.state.entrance
        mine = cookie(request.headers.get("cookie", ""), f"{entrance.cookie_name}-login")
        answer = RedirectResponse("/", 303)
        try:
            if error:
                raise NotLoggedIn(f"the provider says: {ascii(error[:100])[1:-1]}")
            if not mine or not hmac.compare_digest(mine.encode(), state.encode()):
                raise NotLoggedIn("this login was begun in another browser")
            claims = await domov.access.oidc.finish(state=state, code=code, issuer=iss)
            accounts, address = domov.access.accounts, current().address
            create = domov.config.oidc_create_accounts
            user = await asyncio.to_thread(lambda: accounts.of_claims(claims, create=create))
            agent = request.headers.get("user-agent", "")
            opened = await asyncio.to_thread(lambda: accounts.open(user, address=address, agent=agent))
            enter(domov, opened, request, answer)
        except DomovError as problem:
            answer = _failed(problem.message)
        answer.headers.append("set-cookie", entrance.set_login_cookie(""))
        return answer

    return routes


def _callback(request: Request) -> str:
    """This server's own address for the way back. The guard has found Host to be one of its names."""
    entrance: Entrance = request.state.entrance
    return f"{'https' if entrance.secure else 'http'}://{request.headers['host']}/api/domov/oidc/callback"


def _failed(words: str) -> RedirectResponse:
    """The page shows what stands behind the `#`."""
    return RedirectResponse(f"/#login-failed={quote(words)}", 303)
