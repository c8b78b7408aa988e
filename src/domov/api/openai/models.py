"""OpenAI's list of models, with what llama.cpp's server tells of a model beside it (`meta`)."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from domov.store.models import Model

Details = Mapping[str, Any]


def models_table(models: Sequence[Model], details: Callable[[Model], Details]) -> dict[str, Any]:
    return {"object": "list", "data": [model_row(model, details(model)) for model in models]}


def model_row(model: Model, details: Details) -> dict[str, Any]:
    """details: what the model's file says, in Ollama's words; nothing of a file that is damaged."""
    created = int(time.mktime(time.strptime(model.manifest.added, "%Y-%m-%dT%H:%M:%SZ")) - time.timezone)
    meta = {
        "architecture": details.get("family", ""),
        "quantization": details.get("quantization_level", ""),
        "size": model.manifest.size_bytes,
        "n_ctx_train": details.get("context_length", 0),
        "n_embd": details.get("embedding_length", 0),
    }
    return {"id": model.name, "object": "model", "created": created, "owned_by": "domov", "meta": meta}
