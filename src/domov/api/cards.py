"""Domov's own route for a model's card: what was measured of it, what it was made of, its variants' curve."""

import asyncio
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter

from domov.api.models import installed, shown
from domov.app import App
from domov.meter.usage import spent_by
from domov.optimize.family import Kin, kin, measured
from domov.store.models import Model


def add_cards(routes: APIRouter, domov: App) -> None:
    @routes.get("/models/{name:path}/card")
    async def card(name: str) -> dict[str, Any]:
        """What was measured of a model, the tree of models that it stands in, and the measured ones among them."""
        return await asyncio.to_thread(_card, domov, installed(domov, name), shown(domov))


def _card(domov: App, model: Model, models: list[Model]) -> dict[str, Any]:
    """models  those that the caller may see"""
    shape, manifest = model.shape(), model.manifest
    tree = list(kin(models, model))
    return {
        "model": model.name,
        "digest": manifest.digest,
        "size_bytes": manifest.size_bytes,
        "quantization": shape.quantization,
        "parameters": shape.parameters,
        "licence": manifest.licence,
        "source": asdict(manifest.source),
        "tuned": domov.tuning(model).words,
        "card": manifest.card,
        "energy": _energy(domov, model.name),
        "lineage": [_node(each) for each in tree],
        "curve": [point for each in tree if (point := measured(each))],
    }


def _energy(domov: App, model: str) -> dict[str, Any] | None:
    """What a token of an answer took here so far, reading of prompts included; None: that is not known."""
    if not domov.config.database.exists():
        return None
    spent = spent_by(domov.database, model)
    if not spent.answer_tokens:
        return None
    per_token = spent.joules / spent.answer_tokens
    return {
        "joules_per_token": per_token,
        "requests": spent.requests,
        "estimated": domov.tariff.estimated,
        "cost_per_token": domov.tariff.told(per_token)["cost"],
        "currency": domov.tariff.currency,
    }


def _node(each: Kin) -> dict[str, Any]:
    table = asdict(each)
    table["measured"] = bool(table.pop("card"))
    return table | {"here": each.here}
