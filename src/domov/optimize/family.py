"""Which models were made of which, drawn as a tree. Pure."""

from collections.abc import Iterator, Sequence

from domov.optimize.card import short
from domov.store.models import Model
from domov.units import human_bytes


def family(models: Sequence[Model], model: Model) -> Iterator[str]:
    """The tree that a model stands in, a line each: its oldest ancestor first. Names of one file are one line."""
    top, seen = model, {model.manifest.digest}
    while (parent := _parent(models, top)) and parent.manifest.digest not in seen:
        seen.add(parent.manifest.digest)
        top = parent
    lineage = top.manifest.lineage
    if lineage:
        yield f"{lineage.parent} (not here any more)"
    yield from _branch(models, top, model, depth=1 if lineage else 0, seen=set())


def _branch(models: Sequence[Model], model: Model, shown: Model, *, depth: int, seen: set[str]) -> Iterator[str]:
    digest = model.manifest.digest
    if not digest or digest in seen:
        return
    seen.add(digest)
    names = sorted({m.name for m in models if m.manifest.digest == digest} or {model.name})
    mark = " *" if digest == shown.manifest.digest else ""
    yield f"{'   ' * depth}{', '.join(names)}{mark}  {_words(model)}"
    for child in sorted(models, key=lambda m: -m.manifest.size_bytes):
        lineage = child.manifest.lineage
        if lineage and lineage.parent_digest == digest:
            yield from _branch(models, child, shown, depth=depth + 1, seen=seen)


def _parent(models: Sequence[Model], model: Model) -> Model | None:
    lineage = model.manifest.lineage
    return next((m for m in models if lineage and m.manifest.digest == lineage.parent_digest), None)


def _words(model: Model) -> str:
    lineage, card = model.manifest.lineage, model.manifest.card
    words = human_bytes(model.manifest.size_bytes) + (f", {lineage.recipe}" if lineage else "")
    try:
        divergence = card["distance"]["divergence"]["value"] if card else None
        return words + (
            f", divergence {short(divergence)} from {card['parent']}" if card and divergence is not None else ""
        )
    except (KeyError, TypeError):
        return words
