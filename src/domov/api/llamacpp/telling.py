"""What llama.cpp's router tells: the models and their states, the properties of one, its slots and adapters.

Source: llama.cpp tools/server/README.md, "Using multiple models", GET /props, /slots, /lora-adapters. Paths of files
are not told, only their names.
"""

import importlib.metadata
from pathlib import Path
from typing import Any

from domov.api.models import shown, shown_rows
from domov.api.ollama.describing import capabilities, details
from domov.api.openai.models import model_row
from domov.app import App
from domov.engine.known import known
from domov.engine.scheduler import Row
from domov.errors import BadRequest, DomovError
from domov.store.models import Model

Table = dict[str, Any]


def models_table(domov: App, failed: set[str]) -> Table:
    """failed: names of the models that could not be loaded when it was tried last."""
    rows = [
        {**model_row(model, details(model)), **_described(domov, model, model.name in failed)} for model in shown(domov)
    ]
    return {"object": "list", "data": rows}


def _described(domov: App, model: Model, failed: bool) -> Table:
    """Of a file that is damaged or gone, or whose options can't be, little."""
    try:
        row, shape, able = domov.scheduler.row(model), known(model).shape, _able(domov, model)
    except (DomovError, OSError):
        return {"status": _status(None, failed)}
    reads = ["text", *(["image"] if "vision" in able else []), *(["audio"] if "audio" in able else [])]
    return {
        "status": _status(row, failed),
        "architecture": {"input_modalities": reads, "output_modalities": ["text"]},
        "meta": {
            "n_ctx_train": shape.trained_context_tokens,
            "n_params": shape.parameters,
            "size": model.manifest.size_bytes,
        },
    }


def _status(row: Row | None, failed: bool) -> Table:
    if row is None:
        return {"value": "unloaded", **({"failed": True, "exit_code": 1} if failed else {})}
    arguments = ["--ctx-size", str(row.context_tokens * row.slots), "--parallel", str(row.slots)]
    return {"value": "loading" if row.state == "loading" else "loaded", "args": ["llama-server", *arguments]}


def _able(domov: App, model: Model) -> list[str]:
    return capabilities(known(model), domov.options(model))


def router_props(domov: App) -> Table:
    """Of the server; with those of the model that is loaded, if it is one, for programs that know no router."""
    rows = shown_rows(domov)
    only = domov.models.find(rows[0].model) if len(rows) == 1 else None
    table: Table = {
        "model_alias": "domov",
        "model_path": "none",
        "default_generation_settings": {"params": None, "n_ctx": 0},
        "build_info": _build(domov),
    }
    return table | (model_props(domov, only) if only else {}) | {"role": "router", "models_autoload": True}


def model_props(domov: App, model: Model) -> Table:
    """Of a model, as it is loaded or would be. Raises BadModelFile, BadOption."""
    shape, options, able = known(model).shape, domov.options(model), _able(domov, model)
    row = domov.scheduler.row(model)
    plan = domov.plan(shape, options)
    speculates = options.speculation != "none"
    context = row.context_tokens if row else plan.context_tokens
    return {
        "default_generation_settings": {**_slot(0, context, speculates, processing=False), "params": {}},
        "total_slots": row.slots if row else plan.slots,
        "model_alias": model.name,
        "model_path": Path(model.manifest.source.file or model.name).name,
        "chat_template": shape.chat_template or "",
        "modalities": {"vision": "vision" in able, "audio": "audio" in able},
        "build_info": _build(domov),
        "is_sleeping": row is None,
    }


def slots_table(domov: App, model: Model) -> list[Table]:
    """How many of a model's slots are at work; which of them is not told. Raises BadRequest where it is not loaded."""
    row = domov.scheduler.row(model)
    if row is None:
        raise BadRequest(f"{model.name} is not loaded", hint="load it with POST /models/load")
    speculates = domov.options(model).speculation != "none"
    return [_slot(n, row.context_tokens, speculates, processing=n < row.running) for n in range(row.slots)]


def adapters_table(domov: App, model: Model) -> list[Table]:
    adapters = domov.options(model).adapters
    return [{"id": n, "path": Path(a.file).name, "scale": a.scale} for n, a in enumerate(adapters)]


def _slot(number: int, context_tokens: int, speculative: bool, *, processing: bool) -> Table:
    slot = {"id": number, "id_task": -1, "n_ctx": context_tokens}
    return {**slot, "speculative": speculative, "is_processing": processing}


def _build(domov: App) -> str:
    engine = domov.config.engine
    return f"xllamacpp-{importlib.metadata.version('xllamacpp')}" if engine == "xllamacpp" else engine
