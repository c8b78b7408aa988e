"""What is told of models: those that are here, one in detail, those in memory."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from domov.api.ollama.replies import NEVER_SECONDS, timestamp
from domov.app import App
from domov.engine.allocated import Buffer
from domov.engine.known import Known, known
from domov.engine.scheduler import Row
from domov.errors import BadModelFile
from domov.options import ModelOptions
from domov.store.gguf import Elements, read_header
from domov.store.models import Model
from domov.store.preset import NOTHING, Preset, modelfile, parameter_texts
from domov.units import human_count

# Ollama's clients look for this word to learn whether a model fills gaps; the rest is the model's own template.
GAP_NOTE = "{#- .Suffix: the gap before it is filled -#}\n"


def details(model: Model) -> dict[str, Any]:
    """Of a file that is damaged only what needs no reading."""
    table: dict[str, Any] = {"parent_model": "", "format": "gguf"}
    try:
        header, shape = known(model).header, known(model).shape
    except (BadModelFile, OSError):
        return table | {"family": "", "families": [], "parameter_size": "", "quantization_level": ""}
    return table | {
        "family": shape.architecture,
        "families": [shape.architecture],
        "parameter_size": human_count(shape.parameters),
        "quantization_level": shape.quantization,
        "context_length": shape.trained_context_tokens,
        "embedding_length": header.metadata.get(f"{shape.architecture}.embedding_length", 0),
    }


def tag_table(model: Model) -> dict[str, Any]:
    manifest = model.manifest
    return {
        "name": model.name,
        "model": model.name,
        "modified_at": manifest.added,
        "size": manifest.size_bytes,
        "digest": manifest.digest.removeprefix("sha256:"),
        "details": details(model),
    }


def loaded_table(row: Row, model: Model | None) -> dict[str, Any]:
    """One model in memory. size: what its process holds, or will while it is loading."""
    left = NEVER_SECONDS if row.expires_in_seconds is None else row.expires_in_seconds
    return {
        "name": row.model,
        "model": row.model,
        "size": row.memory_bytes or row.planned_bytes,
        "digest": model.manifest.digest.removeprefix("sha256:") if model else "",
        "details": details(model) if model else {},
        "expires_at": timestamp(left),
        "size_vram": sum(size for device, size in row.allocated_bytes.items() if not Buffer(device, "", size).in_ram),
        "context_length": row.context_tokens,
    }


def capabilities(found: Known, options: ModelOptions) -> list[str]:
    """What a model can do, as it is loaded here. Tools always: where the template has none, they are told in words."""
    if options.task != "chat":
        return ["embedding"] if options.task == "embedding" else []
    able = ["completion", "tools"]
    able += ["insert"] if found.fills_gaps else []
    able += ["thinking"] if found.thinks else []
    projector = read_header(Path(options.mmproj)).metadata if options.mmproj else {}
    able += ["vision"] if projector.get("clip.has_vision_encoder") else []
    return able + (["audio"] if projector.get("clip.has_audio_encoder") else [])


def show_table(domov: App, model: Model, *, verbose: bool) -> dict[str, Any]:
    """Everything about one model. Raises BadModelFile, and BadOption for options that don't fit it."""
    found, options = known(model), domov.options(model)
    preset = model.manifest.preset or NOTHING
    template = options.chat_template or found.shape.chat_template or ""
    licence = model.manifest.licence or found.shape.licence or ""
    table: dict[str, Any] = {
        "license": licence,
        "modelfile": modelfile(preset, source=model.name, licence=licence),
        "parameters": _parameters(preset, context_tokens=domov.plan(found.shape, options).context_tokens),
        "template": (GAP_NOTE if found.fills_gaps else "") + template,
        "details": details(model),
        "model_info": model_info(found.header.metadata),
        "capabilities": capabilities(found, options),
        "modified_at": model.manifest.added,
    }
    if preset.system:
        table["system"] = preset.system
    if preset.messages:
        table["messages"] = [{"role": role, "content": text} for role, text in preset.messages]
    if options.mmproj:
        table["projector_info"] = model_info(read_header(Path(options.mmproj)).metadata)
    if verbose:
        table["tensors"] = [{"name": t.name, "type": t.type, "shape": t.dimensions} for t in found.header.tensors]
    return table


def _parameters(preset: Preset, *, context_tokens: int) -> str:
    """A line for each: the context as it is, the others as they were set."""
    set_ones = [(name, text) for name, text in parameter_texts(preset) if name != "num_ctx"]
    return "\n".join(f"{name:<30} {text}" for name, text in [("num_ctx", str(context_tokens)), *set_ones])


def model_info(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of a file's header; long lists, such as vocabularies, are null. The template stands elsewhere."""
    return {key: _plain(value) for key, value in metadata.items() if key != "tokenizer.chat_template"}


def _plain(value: Any) -> Any:
    if isinstance(value, Elements) or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return value
