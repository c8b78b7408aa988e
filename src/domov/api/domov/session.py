"""Domov's own API for whoever is there: who they are, logging in and out, their password, second factor and sessions.

What changes how somebody gets in needs a login, not a key: who has found a key may not make it the way to more.
"""

import asyncio
import contextlib
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from domov.access import second_factor
from domov.access.accounts import Opened
from domov.access.callers import EVERYTHING, Caller, current
from domov.access.passwords import MOST_CHARACTERS
from domov.access.people import LIMITS, User
from domov.access.sessions import page_token
from domov.api.entrance import Entrance
from domov.app import App
from domov.errors import NoSuchSession, NoSuchUser, NotLoggedIn, NotPermitted

Name = Annotated[str, Field(max_length=200)]
Password = Annotated[str, Field(max_length=MOST_CHARACTERS + 1)]
Code = Annotated[str, Field(max_length=40)]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class LogInBody(Body):
    name: Name
    password: Password
    code: Code = ""  # of the second factor, or a recovery code


class PasswordBody(Body):
    old: Password = ""
    new: Password


class ProveBody(Body):
    password: Password = ""


class TotpBody(Body):
    secret: Annotated[str, Field(max_length=64)]
    code: Code


def router(domov: App) -> APIRouter:
    routes = APIRouter(prefix="/api/domov", tags=["Domov"])
    _add_login(routes, domov)
    _add_password(routes, domov)
    _add_sessions(routes, domov)
    return routes


def _add_login(routes: APIRouter, domov: App) -> None:
    @routes.get("/session")
    def who(request: Request) -> dict[str, Any]:
        """Who is logged in, what they may do and have used, the token that changes need; otherwise how to log in."""
        return _told(domov, request)

    @routes.post("/session")
    async def log_in(body: LogInBody, request: Request, response: Response) -> dict[str, Any]:
        """Logs in by name and password, and where it is set up, a code. Without the code: `{"needs": "code"}`."""
        accounts, agent = domov.access.accounts, request.headers.get("user-agent", "")
        address = current().address
        opened = await asyncio.to_thread(
            lambda: accounts.log_in(body.name, body.password, body.code, address=address, agent=agent)
        )
        if opened is None:
            return {"needs": "code"}
        return enter(domov, opened, request, response)

    @routes.delete("/session")
    def log_out(request: Request, response: Response) -> dict[str, Any]:
        """Ends this session."""
        caller = logged_in()
        domov.access.sessions.end(caller.session, user_id=caller.user)
        entrance: Entrance = request.state.entrance
        response.headers.append("set-cookie", entrance.set_cookie("", seconds=0))
        return {"mode": mode(domov, request), "user": None}


def _add_password(routes: APIRouter, domov: App) -> None:
    @routes.post("/session/password")
    def change_password(body: PasswordBody) -> dict[str, Any]:
        """Changes one's own password; other sessions of the account end."""
        caller, user = logged_in(), own_account(domov)
        domov.access.accounts.change_password(user, body.old, body.new, session=caller.session, address=caller.address)
        domov.access.audit.action("password changed", caller)
        return {"changed": True}

    @routes.post("/session/totp")
    def begin_totp(body: ProveBody) -> dict[str, Any]:
        """Begins to set up a second factor: a new secret, as text and as a picture (SVG) for an app."""
        user = own_account(domov)
        domov.access.accounts.prove(user, body.password, address=current().address)
        secret = second_factor.new_secret()
        address = second_factor.address_of(secret, user.name)
        return {"secret": secret, "address": address, "picture": second_factor.picture_of(address)}

    @routes.put("/session/totp")
    def turn_on_totp(body: TotpBody) -> dict[str, Any]:
        """Turns it on, with a code that the app shows; the recovery codes are in this answer only."""
        user = own_account(domov)
        codes = domov.access.accounts.turn_on_totp(user, body.secret, body.code)
        domov.access.audit.action("second factor turned on", current())
        return {"totp": True, "recovery_codes": codes}

    @routes.delete("/session/totp")
    def turn_off_totp(body: ProveBody) -> dict[str, Any]:
        """Turns it off."""
        user = own_account(domov)
        domov.access.accounts.prove(user, body.password, address=current().address)
        domov.access.accounts.second_factor.turn_off(user.id)
        domov.access.audit.action("second factor turned off", current())
        return {"totp": False}


def _add_sessions(routes: APIRouter, domov: App) -> None:
    @routes.get("/sessions")
    def sessions() -> dict[str, Any]:
        """Where one is logged in."""
        caller = logged_in()
        rows = [one.row() | {"this": one.id == caller.session} for one in domov.access.sessions.of(caller.user)]
        return {"sessions": rows, "recovery_codes_left": domov.access.accounts.second_factor.codes_left(caller.user)}

    @routes.delete("/sessions")
    def end_others() -> dict[str, Any]:
        """Ends all of one's sessions but this one."""
        caller = logged_in()
        return {"ended": domov.access.sessions.end_all(caller.user, but=caller.session)}

    @routes.delete("/sessions/{id}")
    def end(id: str) -> dict[str, Any]:
        """Ends one of one's own sessions."""
        domov.access.sessions.end(id, user_id=logged_in().user)
        return {"ended": 1}


def logged_in() -> Caller:
    """Who asks, if it is a person who has logged in. Raises NotPermitted, NotLoggedIn."""
    caller = current()
    if caller.session:
        return caller
    if caller.key or caller.owner:
        raise NotPermitted("a key can't do this", hint="log in with a name and a password")
    raise NotLoggedIn("nobody is logged in", hint="there are no accounts yet, or you have not logged in")


def own_account(domov: App) -> User:
    user = domov.access.people.find(logged_in().user)
    if user is None:
        raise NoSuchUser("this account is gone")
    return user


def enter(domov: App, opened: Opened, request: Request, response: Response) -> dict[str, Any]:
    """Gives the browser its session, in place of an earlier one, and tells who is logged in."""
    entrance: Entrance = request.state.entrance
    seconds = domov.access.longest_seconds
    if before := domov.access.directory.session(request.cookies.get(entrance.cookie_name, "").encode()):
        with contextlib.suppress(NoSuchSession):
            domov.access.sessions.end(before[0].id, user_id=before[0].user_id)
    response.headers.append("set-cookie", entrance.set_cookie(opened.secret, seconds=seconds))
    caller = domov.access.of_session(opened.user.id, opened.session.id, current().address)
    domov.access.audit.action("logged in", caller)
    return {"mode": "people", **_account(domov, caller), "token": page_token(opened.secret.encode())}


def mode(domov: App, request: Request) -> str:
    """single: nobody is asked who they are; keys: callers need one, there are no accounts; people: they log in."""
    if domov.access.directory.asks_who():
        return "people"
    return "single" if current().grant is EVERYTHING else "keys"


def _told(domov: App, request: Request) -> dict[str, Any]:
    caller, entrance = current(), request.state.entrance
    about = {"mode": mode(domov, request), "oidc": domov.config.oidc_name if domov.config.oidc_issuer else None}
    if caller.session:
        secret = request.cookies.get(entrance.cookie_name, "")
        return about | _account(domov, caller) | {"token": page_token(secret.encode())}
    scope = caller.grant.scope if about["mode"] == "single" else None
    return about | {"user": None, "scope": scope, "token": None}


def _account(domov: App, caller: Caller) -> dict[str, Any]:
    user, spending, grant = domov.access.people.get(caller.user), domov.access.user_spending, caller.grant
    used = {"today": asdict(spending.today(user.id)), "month": asdict(spending.month(user.id))}
    return {
        "user": user.row(),
        "scope": grant.scope,
        "models": grant.models,
        "limits": {name: getattr(grant, name) for name in LIMITS},
        "used": used,
        "session": caller.session,
    }
