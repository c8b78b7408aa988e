"""Anthropic's list of models, page by page. Source: Anthropic's API reference, models."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, Field

from domov.errors import BadRequest
from domov.store.models import Model


class Page(BaseModel):
    limit: Annotated[int, Field(ge=1, le=1000)] = 20
    after_id: str | None = None
    before_id: str | None = None


def models_table(models: Sequence[Model], page: Page) -> dict[str, Any]:
    """Raises BadRequest for a page that begins at no model."""
    names = [model.name for model in models]
    if page.before_id is not None:
        end = _place(names, page.before_id)
        start = max(0, end - page.limit)
        more = start > 0
    else:
        start = 0 if page.after_id is None else _place(names, page.after_id) + 1
        end = min(len(names), start + page.limit)
        more = end < len(names)
    shown = models[start:end]
    first, last = (shown[0].name, shown[-1].name) if shown else (None, None)
    return {"data": [model_row(model) for model in shown], "has_more": more, "first_id": first, "last_id": last}


def model_row(model: Model) -> dict[str, Any]:
    return {
        "type": "model",
        "id": model.name,
        "display_name": model.name,
        "created_at": model.manifest.added,
        "lifecycle": "active",
    }


def _place(names: Sequence[str], name: str) -> int:
    if name not in names:
        raise BadRequest(f"no such model to page from: {name[:80]}")
    return names.index(name)
