"""Domov's own API for who administers: accounts, groups, one-time links. A link's secret is in one answer only."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import Field

from domov.access.callers import current, tell
from domov.access.keys import Grant, Scope
from domov.access.passwords import checked
from domov.access.people import Role
from domov.api.domov import deleting
from domov.api.domov.session import Body, Name, Password
from domov.api.keys import Limit, Money
from domov.app import App

Names = Annotated[list[Name], Field(max_length=100)]


class NewUser(Body):
    name: Name
    role: Role = "user"
    groups: Names = []
    password: Password | None = None  # none: the answer has a link that sets one


class ChangedUser(Body):
    name: Name | None = None
    role: Role | None = None
    groups: Names | None = None
    disabled: bool | None = None


class GroupBody(Body):
    name: Annotated[str, Field(max_length=64)]
    scope: Scope = "inference"
    requests_per_minute: Limit | None = None
    tokens_per_day: Limit | None = None
    tokens_per_month: Limit | None = None
    cost_per_month: Money | None = None
    models: Names = []

    def grant(self) -> Grant:
        return Grant(**{**self.model_dump(), "models": tuple(self.models)})


class InvitationBody(Body):
    note: Annotated[str, Field(max_length=100)] = ""
    role: Role = "user"
    groups: Names = []
    days: Annotated[float, Field(gt=0, le=90, allow_inf_nan=False)] = 7


def router(domov: App) -> APIRouter:
    routes = APIRouter(prefix="/api/domov", tags=["Domov"])
    _add_users(routes, domov)
    _add_ways_in(routes, domov)
    _add_groups(routes, domov)
    _add_invitations(routes, domov)
    return routes


def _add_users(routes: APIRouter, domov: App) -> None:
    @routes.get("/users")
    def users() -> dict[str, Any]:
        """All accounts, each with what it used today and this month."""
        return {"users": domov.access.user_rows()}

    @routes.post("/users")
    def new_user(body: NewUser) -> dict[str, Any]:
        """Makes an account; without a `password` the answer's `secret` is of a link that sets one."""
        people, accounts = domov.access.people, domov.access.accounts
        hashed = None
        if body.password is not None:
            hashed = accounts.passwords.hashed(checked(body.password, name=body.name))
        user = people.add(body.name, body.role, groups=body.groups, password=hashed)
        tell(user=user.id, user_name=user.name, role=user.role)
        if hashed is not None:
            return user.row()
        link, secret = accounts.invitations.reset(user)
        return {**user.row(), "link": link.row(), "secret": secret}

    @routes.patch("/users/{user}")
    def change_user(user: str, body: ChangedUser) -> dict[str, Any]:
        """Changes an account's name, role or groups, disables it or enables it again."""
        people = domov.access.people
        found = people.get(user)
        tell(user=found.id, user_name=found.name, changed=", ".join(sorted(body.model_fields_set)))
        people.change(found.id, name=body.name, role=body.role, groups=body.groups)
        if body.disabled is not None:
            people.disable(found.id, body.disabled)
            if body.disabled:
                domov.access.sessions.end_all(found.id)
        return people.get(found.id).row()

    @routes.delete("/users/{user}")
    async def delete_user(user: str) -> dict[str, Any]:
        """Deletes an account with all that is its own: chats, documents, files, batches, answers, stories, keys."""
        found = await asyncio.to_thread(domov.access.people.get, user)
        tell(user=found.id, user_name=found.name)
        await deleting.delete_user(domov, found)
        return {"id": found.id, "name": found.name, "deleted": True}


def _add_ways_in(routes: APIRouter, domov: App) -> None:
    @routes.post("/users/{user}/reset")
    def reset(user: str) -> dict[str, Any]:
        """A link that sets a new password, good for two days; its `secret` is in this answer only."""
        found = domov.access.people.get(user)
        link, secret = domov.access.accounts.invitations.reset(found)
        tell(user=found.id, user_name=found.name)
        return {**link.row(), "secret": secret}

    @routes.delete("/users/{user}/totp")
    def without_totp(user: str) -> dict[str, Any]:
        """Turns an account's second factor off, for somebody who has lost it and the recovery codes."""
        found = domov.access.people.get(user)
        domov.access.accounts.second_factor.turn_off(found.id)
        tell(user=found.id, user_name=found.name)
        return domov.access.people.get(found.id).row()

    @routes.delete("/users/{user}/sessions")
    def log_out_everywhere(user: str) -> dict[str, Any]:
        """Ends all sessions of an account."""
        found = domov.access.people.get(user)
        tell(user=found.id, user_name=found.name)
        return {"ended": domov.access.sessions.end_all(found.id)}


def _add_groups(routes: APIRouter, domov: App) -> None:
    @routes.get("/groups")
    def groups() -> dict[str, Any]:
        """The groups, and what each gives; `everyone` is what people without a group have."""
        return {"groups": [group.row() for group in domov.access.people.groups()]}

    @routes.post("/groups")
    def new_group(body: GroupBody) -> dict[str, Any]:
        """Makes a group."""
        domov.tariff.check_limit(body.cost_per_month)
        group = domov.access.people.add_group(body.grant())
        tell(group=group.id, group_name=group.grant.name)
        return group.row()

    @routes.put("/groups/{group}")
    def change_group(group: str, body: GroupBody) -> dict[str, Any]:
        """Changes what a group gives, from the next request of its members on."""
        domov.tariff.check_limit(body.cost_per_month)
        changed = domov.access.people.change_group(group, body.grant())
        tell(group=changed.id, group_name=changed.grant.name)
        return changed.row()

    @routes.delete("/groups/{group}")
    def delete_group(group: str) -> dict[str, Any]:
        """Deletes a group; its members stay."""
        gone = domov.access.people.delete_group(group)
        tell(group=gone.id, group_name=gone.grant.name)
        return {"id": gone.id, "name": gone.grant.name, "deleted": True}


def _add_invitations(routes: APIRouter, domov: App) -> None:
    @routes.get("/invitations")
    def invitations() -> dict[str, Any]:
        """The links that were made, used or not; never their secrets."""
        return {"invitations": [link.row() for link in domov.access.accounts.invitations.all()]}

    @routes.post("/invitations")
    def invite(body: InvitationBody) -> dict[str, Any]:
        """A link for somebody who is to have an account; its `secret` is in this answer only."""
        link, secret = domov.access.accounts.invitations.invite(
            body.note, role=body.role, groups=body.groups, days=body.days
        )
        tell(invitation=link.id, role=link.role)
        return {**link.row(), "secret": secret, "by": current().owner}

    @routes.delete("/invitations/{id}")
    def withdraw(id: str) -> dict[str, Any]:
        """Takes a link back."""
        gone = domov.access.accounts.invitations.withdraw(id)
        tell(invitation=gone.id)
        return gone.row()
