"""Domov's own API for keys: made, listed, revoked, given a new secret. A secret is in one answer and in no other."""

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from domov.access.callers import tell
from domov.access.keys import MOST_COST, Grant, Scope
from domov.app import App

Limit = Annotated[int, Field(ge=1, le=1 << 53)]
Money = Annotated[float, Field(gt=0, le=MOST_COST, allow_inf_nan=False)]


class NewKey(BaseModel):
    """A field that is not known is an error: one that was meant to limit would not."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(max_length=64)]
    scope: Scope = "inference"
    expires_at: Annotated[float, Field(allow_inf_nan=False)] | None = None
    requests_per_minute: Limit | None = None
    tokens_per_day: Limit | None = None
    tokens_per_month: Limit | None = None
    cost_per_month: Money | None = None
    models: Annotated[list[Annotated[str, Field(max_length=200)]], Field(max_length=100)] = []


def router(domov: App) -> APIRouter:
    routes = APIRouter(prefix="/api/domov/keys", tags=["Domov"])

    @routes.get("")
    def all_keys() -> dict[str, Any]:
        """The keys of callers, what each gives and what was used of it today; never a secret."""
        return {"keys": domov.access.rows()}

    @routes.post("")
    def new_key(body: NewKey) -> dict[str, Any]:
        """Makes a key. Its `secret` is in this answer only."""
        grant = Grant(**{**body.model_dump(), "models": tuple(body.models)})
        domov.tariff.check_limit(grant.cost_per_month)
        key, secret = domov.access.keys.add(grant)
        tell(key=key.id, key_name=grant.name, key_scope=grant.scope)
        return {**key.row(), "secret": secret}

    @routes.post("/{key}/rotate")
    def rotate(key: str) -> dict[str, Any]:
        """Gives a key, by id or name, another secret; the old one ends."""
        rotated, secret = domov.access.keys.rotate(key)
        tell(key=rotated.id, key_name=rotated.grant.name)
        return {**rotated.row(), "secret": secret}

    @routes.delete("/{key}")
    def revoke(key: str) -> dict[str, Any]:
        """Ends a key, by id or name: the next request with it is refused."""
        revoked = domov.access.keys.revoke(key)
        tell(key=revoked.id, key_name=revoked.grant.name)
        return revoked.row()

    return routes
