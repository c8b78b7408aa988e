"""OpenAI's list of models."""

import time
from collections.abc import Sequence
from typing import Any

from domov.store.models import Model


def models_table(models: Sequence[Model]) -> dict[str, Any]:
    return {"object": "list", "data": [model_row(model) for model in models]}


def model_row(model: Model) -> dict[str, Any]:
    created = int(time.mktime(time.strptime(model.manifest.added, "%Y-%m-%dT%H:%M:%SZ")) - time.timezone)
    return {"id": model.name, "object": "model", "created": created, "owned_by": "domov"}
