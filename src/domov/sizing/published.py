"""The files that a hub has of one model, each as it would run on a machine. Pure: one header tells of all of them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from domov.hardware.machine import Machine
from domov.sizing.plan import Wishes
from domov.sizing.variants import Variant, variant
from domov.store.gguf import Header
from domov.store.huggingface import HubFile
from domov.store.recipe import RECIPES, retyped
from domov.store.shape import ModelShape, shape_of


@dataclass(frozen=True, slots=True)
class Published:
    file: HubFile
    variant: Variant
    rough: bool  # the rule of its quantization is not known: it is taken for the nearest that is


def published(
    files: Iterable[HubFile], header: Header, machine: Machine, wishes: Wishes, *, name: str
) -> Iterator[Published]:
    """The largest first. Files whose name tells no quantization are taken for what the header is of."""
    own = shape_of(header, name=name)
    for file in sorted(files, key=lambda f: -(f.size_bytes or 0)):
        quantization = nearest(file.quant)
        shape = own if quantization in ("", own.quantization) else shape_of(retyped(header, quantization), name=name)
        rough = quantization != file.quant
        found = variant(_named(shape, file), machine, wishes)
        yield Published(file, replace(found, file_bytes=file.size_bytes or found.file_bytes), rough)


def nearest(quantization: str) -> str:
    """The quantization itself, or the first that is called nearly so; empty: there is none."""
    words = quantization.split("_")
    for count in range(len(words), 0, -1):
        start = "_".join(words[:count])
        found = [name for name in RECIPES if name == start or name.startswith(f"{start}_")]
        if found:
            return found[0]
    return ""


def _named(shape: ModelShape, file: HubFile) -> ModelShape:
    return replace(shape, quantization=file.quant or shape.quantization)
