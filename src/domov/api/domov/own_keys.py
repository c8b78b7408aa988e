"""Domov's own API for one's own keys: a key never gives more than its account, whatever it was made with."""

from typing import Any

from fastapi import APIRouter

from domov.access.callers import current
from domov.access.keys import Grant, Key
from domov.api.domov.session import logged_in
from domov.api.keys import NewKey
from domov.app import App
from domov.errors import NoSuchKey, NotPermitted


def router(domov: App) -> APIRouter:
    routes = APIRouter(prefix="/api/domov/session/keys", tags=["Domov"])

    @routes.get("")
    def own_keys() -> dict[str, Any]:
        """One's own keys, with what was used of each; never a secret."""
        return {"keys": domov.access.rows_of(logged_in().user)}

    @routes.post("")
    def new_own_key(body: NewKey) -> dict[str, Any]:
        """Makes a key of one's own. Its `secret` is in this answer only."""
        caller = logged_in()
        grant = Grant(**{**body.model_dump(), "models": tuple(body.models)})
        if not caller.grant.covers(grant.scope):
            raise NotPermitted(f"your account does not give scope {grant.scope}", hint="take a lesser one")
        domov.tariff.check_limit(grant.cost_per_month)
        key, secret = domov.access.keys.add(grant, user_id=caller.user)
        _audit(domov, "key made", key)
        return {**key.row(), "secret": secret}

    @routes.post("/{key}/rotate")
    def rotate_own(key: str) -> dict[str, Any]:
        """Gives one of one's own keys another secret; the old one ends."""
        rotated, secret = domov.access.keys.rotate(_own(domov, key).id)
        _audit(domov, "key rotated", rotated)
        return {**rotated.row(), "secret": secret}

    @routes.delete("/{key}")
    def revoke_own(key: str) -> dict[str, Any]:
        """Ends one of one's own keys, by its id: the next request with it is refused."""
        revoked = domov.access.keys.revoke(_own(domov, key).id)
        _audit(domov, "key revoked", revoked)
        return revoked.row()

    return routes


def _own(domov: App, id: str) -> Key:
    """Another's is not found."""
    found = next((key for key in domov.access.keys.of(logged_in().user) if key.id == id), None)
    if found is None:
        raise NoSuchKey(f"no such key: {ascii(id[:60])[1:-1]}")
    return found


def _audit(domov: App, action: str, key: Key) -> None:
    domov.access.audit.action(action, current(), key=key.id, key_name=key.grant.name, key_scope=key.grant.scope)
