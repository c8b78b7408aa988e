"""Loading a model as somebody asks for it, and unloading it. A model has one instance here, called by its own name.

What was asked for holds until somebody unloads the model or has it loaded otherwise, or the server ends: also for
requests that come in other dialects, and after it made room for another model.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from domov.api.lmstudio.describing import config_table, described
from domov.api.models import installed
from domov.app import App
from domov.errors import BadRequest, NoSuchModel
from domov.store.models import Model

Table = dict[str, Any]
LOOK_SECONDS = 0.25  # between two looks at how far a model is loaded


class LoadBody(BaseModel):
    model_config = ConfigDict(extra="allow", allow_inf_nan=False)

    model: str
    context_length: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    eval_batch_size: Annotated[int, Field(ge=1, le=1 << 16)] | None = None
    parallel: Annotated[int, Field(ge=1, le=64)] | None = None
    flash_attention: bool | None = None
    num_experts: Annotated[int, Field(ge=0, lt=2**16)] | None = None
    offload_kv_cache_to_gpu: bool | None = None
    ttl: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    echo_load_config: bool = False


class UnloadBody(BaseModel):
    instance_id: str


async def load(domov: App, body: LoadBody) -> Table:
    """Loads a model, so that it stays. Raises BadRequest for what it can't be loaded with, and what loading raises."""
    if (body.model_extra or {}).get("config") is not None:
        raise BadRequest("config is of an older form of this request", hint="put its fields beside model")
    model = installed(domov, body.model)
    await asyncio.to_thread(_check, domov, model, body)
    stays_seconds = -1.0 if body.ttl is None else float(body.ttl)
    seconds = await load_with(domov, model, _options(body), stays_seconds=stays_seconds)
    found = await asyncio.to_thread(described, domov, model)
    table: Table = {
        "type": "embedding" if found.options.task == "embedding" else "llm",
        "instance_id": model.name,
        "load_time_seconds": seconds,
        "status": "loaded",
    }
    if body.echo_load_config and found.row:
        table["load_config"] = config_table(found, found.row)
    return table


async def watched(domov: App, model: Model, task: "asyncio.Future[Any]") -> AsyncIterator[float]:
    """How far a model is loaded, each time it is further, until the task that loads it is done.

    That is what its process holds already of what it will need.
    """
    shown = 0.0
    while not (await asyncio.wait([task], timeout=LOOK_SECONDS))[0]:
        row = domov.scheduler.row(model)
        share = round(min(0.99, row.memory_bytes / row.planned_bytes), 3) if row and row.planned_bytes else 0.0
        if share > shown:
            shown = share
            yield share


async def unload(domov: App, name: str) -> Table:
    """Ends a model. Raises NoSuchModel where it is not loaded, Busy while it answers."""
    model = installed(domov, name)
    if not await domov.unload(model):
        raise NoSuchModel(f"{model.name} is not loaded")
    return {"instance_id": model.name}


async def make_room_for(domov: App, model: Model, context_tokens: int) -> None:
    """Has the model loaded next with at least that context. Raises BadRequest where it can't be had."""
    row = domov.scheduler.row(model)
    has = row.context_tokens if row else (await asyncio.to_thread(_plan_context, domov, model))
    if has < context_tokens:
        asked = {**domov.asked_options.get(model.name, {}), "context_tokens": context_tokens}
        await _ask(domov, model, asked)


async def load_with(domov: App, model: Model, options: Table, *, stays_seconds: float | None) -> float:
    """Loads it with these options and otherwise as it is set. Returns the seconds that it took."""
    before = domov.asked_options.get(model.name)
    await _ask(domov, model, options)
    try:
        async with domov.scheduler.engine_for(model).ready(stays_seconds) as seconds:
            return seconds
    except BaseException:
        _put(domov, model, before)
        raise


async def _ask(domov: App, model: Model, options: Table) -> None:
    """Has these options hold, if the model can be loaded with them, and lets go of it as it was loaded before."""
    before = domov.asked_options.get(model.name)
    _put(domov, model, options or None)
    try:
        await asyncio.to_thread(_check_context, domov, model, options.get("context_tokens", 0))
    except BaseException:
        _put(domov, model, before)
        raise
    if domov.scheduler.row(model) is None:
        await domov.scheduler.release(model)


def _put(domov: App, model: Model, options: Table | None) -> None:
    if options is None:
        domov.asked_options.pop(model.name, None)
    else:
        domov.asked_options[model.name] = options


def _options(body: LoadBody) -> Table:
    """As options of a model (options.py)."""
    flash = None if body.flash_attention is None else "on" if body.flash_attention else "off"
    named = {
        "context_tokens": body.context_length,
        "batch_tokens": body.eval_batch_size,
        "slots": body.parallel,
        "flash_attention": flash,
    }
    return {name: value for name, value in named.items() if value is not None}


def _check(domov: App, model: Model, body: LoadBody) -> None:
    """Raises BadRequest for what would be loaded otherwise than asked."""
    shape = described(domov, model).known.shape
    if body.num_experts and body.num_experts != shape.experts_used:
        raise BadRequest(
            f"num_experts is {body.num_experts}: {model.name} uses {shape.experts_used or 'none'}",
            hint="leave num_experts out",
        )
    if body.offload_kv_cache_to_gpu is False and domov.plan(shape, domov.options(model)).layers_per_gpu:
        raise BadRequest(
            "offload_kv_cache_to_gpu can't be false: the cache lies where its layers are",
            hint="set gpu_layers for the model to keep layers in main memory",
        )


def _check_context(domov: App, model: Model, asked_tokens: int) -> None:
    has = _plan_context(domov, model)
    if has < asked_tokens:
        trained = described(domov, model).known.shape.trained_context_tokens
        why = f"it was trained for {trained}" if trained < asked_tokens else "no more fits into this machine's memory"
        raise BadRequest(
            f"context_length is {asked_tokens}: {model.name} can be loaded with {has}, {why}",
            hint=f"ask for {has} or less",
        )


def _plan_context(domov: App, model: Model) -> int:
    return domov.plan(described(domov, model).known.shape, domov.options(model)).context_tokens
