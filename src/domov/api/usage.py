"""Domov's own API for what was used: by day, model and person. Who may not administer sees their own alone."""

import asyncio
import time
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query

from domov.access.access import ENVIRONMENT
from domov.access.callers import current
from domov.app import App
from domov.meter.tariff import Tariff
from domov.meter.usage import Amount, By, day_of, used

MOST_DAYS = 3660
DAY_SECONDS = 86_400
KINDS: dict[str, By] = {"day": "day", "model": "model", "person": "owner"}


def router(domov: App) -> APIRouter:
    routes = APIRouter(prefix="/api/domov", tags=["Domov"])

    @routes.get("/usage")
    async def usage(days: Annotated[int, Query(ge=1, le=MOST_DAYS)] = 30) -> dict[str, Any]:
        """Requests, tokens, seconds and joules of the last days: in all, by day, by model and by person."""
        caller = current()
        owner = None if caller.grant.scope == "admin" else caller.owner
        return await asyncio.to_thread(summary, domov, days=days, owner=owner)

    return routes


def summary(domov: App, *, days: int, owner: str | None = None) -> dict[str, Any]:
    """owner  only what this one has used; None: what all have"""
    now = time.time()
    since, until = day_of(now - (days - 1) * DAY_SECONDS), day_of(now)
    tariff = domov.tariff
    table: dict[str, Any] = {
        "since": since,
        "until": until,
        "energy_estimated": tariff.estimated,
        "currency": tariff.currency,
        "total": _table(Amount(), tariff),
    }
    if not domov.config.database.exists():  # nobody has asked anything yet
        return table | {kind: [] for kind in KINDS}
    database, names = domov.database, _names(domov)
    for _, amount in used(database, (), since=since, until=until, owner=owner):
        table["total"] = _table(amount, tariff)
    for kind, column in KINDS.items():
        rows = used(database, (column,), since=since, until=until, owner=owner)
        table[kind] = [{kind: key, **_table(amount, tariff)} for (key,), amount in rows]
    for row in table["person"]:
        row["name"] = names.get(row["person"], row["person"])
    return table


def _table(amount: Amount, tariff: Tariff) -> dict[str, Any]:
    """As it is told: joules of what was not measured are not known."""
    return {**asdict(amount), **tariff.told(amount.joules if amount.measured else None)}


def _names(domov: App) -> dict[str, str]:
    """What owners are called. Who uses no key is whoever is at this computer."""
    keys = {key.id: key.grant.name for key in domov.access.keys.all()}
    people = {user.id: user.name for user in domov.access.people.all()}
    return {"": "", ENVIRONMENT: "DOMOV_API_KEY", **keys, **people}
