"""Domov's own API for what leaves this computer: the ledger of connections, and the switch that forbids them."""

import asyncio
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel

from domov import config
from domov.access.callers import tell
from domov.app import App
from domov.errors import BadRequest
from domov.outbound import Row, read_ledger

MOST_ROWS = 1000
MOST_TEXT = 200


class OfflineBody(BaseModel):
    offline: bool


def router(domov: App) -> APIRouter:
    routes = APIRouter(prefix="/api/domov", tags=["Domov"])

    @routes.get("/connections")
    async def connections(
        limit: Annotated[int, Query(ge=1, le=MOST_ROWS)] = 100,
        skip: Annotated[int, Query(ge=0, le=1 << 31)] = 0,
        reason: Annotated[str, Query(max_length=MOST_TEXT)] = "",
        host: Annotated[str, Query(max_length=MOST_TEXT)] = "",
    ) -> dict[str, Any]:
        """The ledger of connections to elsewhere, the newest first, and sums for each reason and host."""
        ledger = domov.config.logs / "outbound.jsonl"
        return await asyncio.to_thread(told, ledger, limit=limit, skip=skip, reason=reason, host=host)

    @routes.get("/offline")
    def offline() -> dict[str, Any]:
        """Whether connections to elsewhere are forbidden, and whether that is set in the environment."""
        return _state(domov)

    @routes.put("/offline")
    async def switch(body: OfflineBody) -> dict[str, Any]:
        """Forbids connections to elsewhere, or allows them: at once, and from then on; those that are open end."""
        tell(offline=str(body.offline))
        if fixed() and body.offline != domov.door.offline:
            raise BadRequest("DOMOV_OFFLINE is set where the server was started", hint="start it without")
        await asyncio.to_thread(config.write, domov.config.home / "config.toml", {"offline": body.offline})
        domov.__dict__["config"] = replace(domov.config, offline=body.offline)  # frozen for everybody else
        await domov.door.switch(offline=body.offline)
        return _state(domov)

    return routes


def fixed() -> bool:
    """Whether offline mode is what the environment says, whatever is set."""
    return "DOMOV_OFFLINE" in os.environ


def _state(domov: App) -> dict[str, Any]:
    return {"offline": domov.door.offline, "fixed": fixed()}


def told(ledger: Path, *, limit: int, skip: int = 0, reason: str = "", host: str = "") -> dict[str, Any]:
    """The newest rows of the ledger and what all of them add up to.

    reason, host  only rows for that reason, to that host
    """
    every = [(why_of(row), row) for row in read_ledger(ledger)]
    chosen = [row for why, row in every if reason in ("", why) and host in ("", row.host)]
    return {
        "connections": [{**asdict(row), "why": why_of(row)} for row in islice(chosen, skip, skip + limit)],
        "count": len(chosen),
        "reasons": _sums((why, row) for why, row in every),
        "hosts": _sums((row.host, row) for _, row in every),
    }


def why_of(row: Row) -> str:
    """The kind of reason: what stands before the name of the thing."""
    words = row.reason.split()
    return " ".join(words[:-1]) or row.reason


def _sums(rows: Iterable[tuple[str, Row]]) -> list[dict[str, Any]]:
    """For each name the connections made and refused and the bytes, most connections first."""
    count, refused, received, sent = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    for name, row in rows:
        count[name] += 1
        refused[name] += row.outcome.startswith("forbidden")
        received[name] += row.received_bytes or 0
        sent[name] += row.sent_bytes
    return [
        {"name": n, "count": c, "refused": refused[n], "received_bytes": received[n], "sent_bytes": sent[n]}
        for n, c in count.most_common()
    ]
