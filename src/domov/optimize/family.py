"""Which models were made of which: the tree that a model stands in, its oldest ancestor first. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from domov.optimize.card import short
from domov.store.manifest import Lineage
from domov.store.models import Model
from domov.units import human_bytes


@dataclass(frozen=True, slots=True)
class Kin:
    """One file in the tree, whatever its names are."""

    digest: str
    names: tuple[str, ...]
    depth: int
    size_bytes: int | None  # None: it is not here any more
    this: bool = False  # the one whose tree it is
    lineage: Lineage | None = None
    card: dict[str, Any] | None = None

    @property
    def here(self) -> bool:
        return self.size_bytes is not None


def kin(models: Sequence[Model], model: Model) -> Iterator[Kin]:
    """The tree, each branch whole before the next one, the largest first."""
    top, seen = model, {model.manifest.digest}
    while (parent := _parent(models, top)) and parent.manifest.digest not in seen:
        seen.add(parent.manifest.digest)
        top = parent
    lineage = top.manifest.lineage
    if lineage:
        yield Kin(lineage.parent_digest, (lineage.parent,), 0, None)
    yield from _branch(models, top, model, depth=1 if lineage else 0, seen=set())


def _branch(models: Sequence[Model], model: Model, shown: Model, *, depth: int, seen: set[str]) -> Iterator[Kin]:
    manifest = model.manifest
    if not manifest.digest or manifest.digest in seen:
        return
    seen.add(manifest.digest)
    names = sorted({m.name for m in models if m.manifest.digest == manifest.digest} or {model.name})
    this = manifest.digest == shown.manifest.digest
    yield Kin(manifest.digest, tuple(names), depth, manifest.size_bytes, this, manifest.lineage, manifest.card)
    for child in sorted(models, key=lambda m: -m.manifest.size_bytes):
        lineage = child.manifest.lineage
        if lineage and lineage.parent_digest == manifest.digest:
            yield from _branch(models, child, shown, depth=depth + 1, seen=seen)


def _parent(models: Sequence[Model], model: Model) -> Model | None:
    lineage = model.manifest.lineage
    return next((m for m in models if lineage and m.manifest.digest == lineage.parent_digest), None)


def family(models: Sequence[Model], model: Model) -> Iterator[str]:
    """The tree drawn, a line each."""
    for each in kin(models, model):
        if each.size_bytes is None:
            yield f"{each.names[0]} (not here any more)"
        else:
            mark = " *" if each.this else ""
            yield f"{'   ' * each.depth}{', '.join(each.names)}{mark}  {_words(each, each.size_bytes)}"


def _words(each: Kin, size_bytes: int) -> str:
    lineage, card = each.lineage, each.card
    words = human_bytes(size_bytes) + (f", {lineage.recipe}" if lineage else "")
    try:
        divergence = card["distance"]["divergence"]["value"] if card else None
        return words + (
            f", divergence {short(divergence)} from {card['parent']}" if card and divergence is not None else ""
        )
    except (KeyError, TypeError):
        return words


def measured(each: Kin) -> dict[str, Any] | None:
    """What a curve of variants shows of one: its card's figures; None for one that was not measured."""
    card = each.card
    if not card or each.size_bytes is None:
        return None
    distance, speed = card.get("distance"), card.get("speed")
    return {
        "name": each.names[0],
        "this": each.this,
        "size_bytes": each.size_bytes,
        "perplexity": card.get("perplexity"),
        "divergence": distance["divergence"] if distance else None,
        "same_top": distance["same_top"] if distance else None,
        "writing": speed["writing"] if speed else None,
        "reading": speed["reading"] if speed else None,
        "memory_bytes": speed["memory_bytes"] if speed else None,
        **{key: card.get(key, "") for key in ("parent", "parent_digest", "text_digest", "machine", "engine", "date")},
        "how": each.lineage.how if each.lineage else "",
        "recipe": each.lineage.recipe if each.lineage else "",
    }
