"""Domov's own routes, for the page: what this machine is, and what runs on it."""

import asyncio
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query

from domov.api.advice import advice
from domov.api.cards import add_cards
from domov.api.live import Live
from domov.api.models import no_path, shown_rows
from domov.app import App
from domov.hardware.energy import why_unknown
from domov.hardware.machine import Machine, described
from domov.sizing.advice import class_of, class_words, precision_words, upgrades
from domov.sizing.plan import MOST_CONTEXT_TOKENS, MOST_SLOTS, Plan, Wishes
from domov.sizing.variants import alternatives, best

MOST_TEXT = 300


def router(domov: App, live: Live) -> APIRouter:
    routes = APIRouter(prefix="/api/domov", tags=["Domov"])
    add_cards(routes, domov)

    @routes.get("/machine")
    async def machine(measure: bool = False) -> dict[str, Any]:
        """This machine, its class and what more would bring; with `measure`, its speeds taken if they are not known."""
        here = await asyncio.to_thread(domov.machine, measure=measure)
        return {
            **asdict(here),
            "class": class_words(here),
            "precision": precision_words(here),
            "upgrades": upgrades(here),
            "size_class": size.name if (size := class_of(here)) else None,
            "advice": [asdict(one) for one in await asyncio.to_thread(list, advice(domov.config, here))],
        }

    @routes.get("/machine/use")
    async def use(since: Annotated[float, Query(ge=0, allow_inf_nan=False)] = 0.0) -> dict[str, Any]:
        """How busy the machine is: samples of the last hour that are newer than `since`, and the models in memory."""
        await live.sample()
        samples = [asdict(sample) for sample in list(live.sampler.hour) if sample.at > since]
        models = [asdict(row) for row in shown_rows(domov)]
        return {"samples": samples, "models": models, "energy_unknown": await asyncio.to_thread(why_unknown)}

    @routes.get("/fit")
    async def fit(
        model: Annotated[str | None, Query(max_length=MOST_TEXT)] = None,
        context: Annotated[int, Query(ge=0, le=MOST_CONTEXT_TOKENS)] = 8192,
        slots: Annotated[int, Query(ge=1, le=MOST_SLOTS)] = 1,
        cache: Annotated[str, Query(max_length=10)] = "f16",
        machine: Annotated[str | None, Query(max_length=MOST_TEXT)] = None,
    ) -> dict[str, Any]:
        """Every variant of a model, or without one what runs best; here, or on a machine described in words."""
        here = described(machine) if machine else await asyncio.to_thread(domov.machine)
        if model is None:
            return await asyncio.to_thread(_offers, domov, here)
        wishes = Wishes(context_tokens=context, slots=slots, cache_type=cache, exact=bool(context))
        found, rows = await domov.variants(no_path(model), here, wishes)
        chosen = best(rows)
        return {
            "model": found.name,
            "source": found.source,
            "best": chosen.quantization if chosen else None,
            "alternatives": alternatives(rows, wishes),
            "variants": [{**asdict(v), "plan": _plan(v.plan)} for v in rows],
        }

    return routes


def _offers(domov: App, machine: Machine) -> dict[str, Any]:
    rows = [{**asdict(o), "plan": _plan(o.plan)} for o in domov.offers(machine)]
    return {"class": class_words(machine), "precision": precision_words(machine), "offers": rows}


def _plan(plan: Plan) -> dict[str, Any]:
    return {**asdict(plan), "needed_bytes": plan.needed_bytes}
