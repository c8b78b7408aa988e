"""Domov's own API for models: those that are here with what they are given, and those that could be fetched."""

import asyncio
from dataclasses import asdict, replace
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from domov.access.callers import tell
from domov.api.models import installed, no_path, shown, shown_rows
from domov.app import App
from domov.engine.known import known
from domov.engine.scheduler import Row
from domov.errors import BadModelFile, BadRequest, DomovError
from domov.hardware.machine import described
from domov.sizing.plan import MOST_CONTEXT_TOKENS, Plan, Wishes
from domov.sizing.published import Published, published
from domov.sizing.variants import best
from domov.store.huggingface import whole_files
from domov.store.models import Model
from domov.store.names import HubName, LocalName, parse
from domov.store.preset import NOTHING, PARAMETERS, Preset, preset

MOST_TEXT = 300
Table = dict[str, Any]
Name = Annotated[str, Query(min_length=1, max_length=MOST_TEXT)]


class ParametersBody(BaseModel):
    """What a model is given with every request that does not say otherwise; all of it, what is left out goes."""

    model: Annotated[str, Field(min_length=1, max_length=MOST_TEXT)]
    system: Annotated[str, Field(max_length=1 << 20)] = ""
    parameters: Annotated[dict[str, Any], Field(max_length=100)] = Field({}, description="Those of a Modelfile.")


def router(domov: App) -> APIRouter:
    routes = APIRouter(prefix="/api/domov", tags=["Domov"])
    _add_installed(routes, domov)

    @routes.get("/search")
    async def search(
        query: Annotated[str, Query(max_length=MOST_TEXT)] = "", count: Annotated[int, Query(ge=1, le=100)] = 20
    ) -> Table:
        """Repositories with GGUF files on the hub, those that were fetched most first. The hub is asked for it."""
        rows = await domov.headers.search(query, count=count)
        return {"repositories": [asdict(row) for row in rows]}

    @routes.get("/variants")
    async def variants(
        model: Name,
        context: Annotated[int, Query(ge=0, le=MOST_CONTEXT_TOKENS)] = 8192,
        machine: Annotated[str | None, Query(max_length=MOST_TEXT)] = None,
    ) -> Table:
        """Every file that the hub has of a model, the largest first, each as it would run here. The hub is asked."""
        name = _on_hub(domov, model)
        repository, header = await domov.headers.repository(name)
        place = described(machine) if machine else await asyncio.to_thread(domov.machine)
        wishes = Wishes(context_tokens=context)
        found = list(published(whole_files(repository), header, place, wishes, name=str(name)))
        chosen = best([row.variant for row in found])
        here = {m.manifest.source.file for m in shown(domov) if _is_from(m, name)}
        rows = [_variant_table(name, r, best=r.variant is chosen, here=r.file.name in here) for r in found]
        return {"model": str(replace(name, quant=None)), "licence": repository.licence, "variants": rows}

    return routes


def _add_installed(routes: APIRouter, domov: App) -> None:
    @routes.get("/models")
    async def models() -> Table:
        """The models that are here: what they are, how they would run, and whether they are in memory."""
        loaded = {row.model: row for row in shown_rows(domov)}
        found = await asyncio.to_thread(lambda: [_table(domov, m, loaded.get(m.name)) for m in shown(domov)])
        return {"models": found}

    @routes.delete("/models")
    async def remove(model: Name) -> Table:
        """Removes a model, and its file with the last name that it has; one that answers is a 503."""
        found = installed(domov, model)
        tell(model=found.name)
        await domov.unload(found)
        return {"model": found.name, "freed_bytes": await asyncio.to_thread(domov.models.remove, found.name)}

    @routes.get("/parameters")
    async def parameters(model: Name) -> Table:
        """What a model is given with every request that does not say otherwise, and what may be set."""
        return _parameters(installed(domov, model))

    @routes.put("/parameters")
    async def set_parameters(body: ParametersBody) -> Table:
        """Sets that; how it is loaded holds from the next time on that it is."""
        model = installed(domov, body.model)
        tell(model=model.name)
        return _parameters(await asyncio.to_thread(_with_parameters, domov, model, body))


def _table(domov: App, model: Model, row: Row | None) -> Table:
    manifest = model.manifest
    keys = ("name", "digest", "size_bytes", "licence", "verified", "added", "path")
    table: Table = {key: getattr(manifest, key) for key in keys}
    table |= {
        "source": asdict(manifest.source),
        "lineage": asdict(manifest.lineage) if manifest.lineage else None,
        "has_card": manifest.card is not None,
        "has_preset": manifest.preset is not None,
        "loaded": asdict(row) if row else None,
        "problem": "",
    }
    try:
        installed(domov, model.name)  # its file is there, and as it was
        found, options = known(model), domov.options(model)
        shape, plan = found.shape, domov.plan(found.shape, options)
    except (DomovError, OSError) as error:  # damaged, gone, or with options that can't be: told, and listed
        words = error.message if isinstance(error, DomovError) else str(error.strerror)
        return table | {"problem": words, "plan": None}
    return table | {
        "architecture": shape.architecture,
        "parameters": shape.parameters,
        "quantization": shape.quantization,
        "trained_context_tokens": shape.trained_context_tokens,
        "task": options.task or shape.task,
        "chats": shape.chat_template is not None and shape.task == "chat",
        "thinks": found.thinks,
        "plan": _plan(plan),
    }


def _is_from(model: Model, name: HubName) -> bool:
    return model.manifest.source.location.partition("@")[0] == f"hf.co/{name.user}/{name.repo}"


def _variant_table(name: HubName, row: Published, *, best: bool, here: bool) -> Table:
    return {
        "name": str(replace(name, quant=row.file.quant or None)),
        "file": row.file.name,
        "quantization": row.file.quant,
        "size_bytes": row.variant.file_bytes,
        "quality": row.variant.quality,
        "rough": row.rough,
        "best": best,
        "here": here,
        "plan": _plan(row.variant.plan),
    }


def _plan(plan: Plan) -> Table:
    return {**asdict(plan), "needed_bytes": plan.needed_bytes}


def _on_hub(domov: App, text: str) -> HubName:
    """The repository that a model is from. Raises BadRequest for one that is not from the hub."""
    name = parse(no_path(text))
    entry = domov.models.catalogue.find(name) if isinstance(name, LocalName) else None
    source = parse(entry.source) if entry else name
    if not isinstance(source, HubName):
        raise BadRequest(f"{text} is not from the hub: there are no other files of it")
    return source


def _parameters(model: Model) -> Table:
    given = model.manifest.preset or NOTHING
    allowed = {
        name: {"kind": kind.__name__, "least": least, "most": most} for name, (kind, least, most) in PARAMETERS.items()
    }
    return {"model": model.name, "system": given.system, "parameters": dict(given.parameters), "allowed": allowed}


def _with_parameters(domov: App, model: Model, body: ParametersBody) -> Model:
    if not model.manifest.digest:
        raise BadModelFile(f"{model.name} has no name of its own: nothing can be kept for it")
    before = model.manifest.preset or NOTHING
    told = preset({"system": body.system, "parameters": body.parameters})
    given: Preset | None = replace(before, system=told.system, parameters=told.parameters)
    return domov.models.add(replace(model.manifest, preset=None if given == NOTHING else given))
