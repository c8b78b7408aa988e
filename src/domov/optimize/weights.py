"""A GGUF file's weights as torch's, and back: the file that a model came from is the template of the new one.

Its tokenizer, its template and all other keys are copied byte for byte. In a child process.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from domov.errors import BadModelFile
from domov.optimize.architecture import architecture_of, changed_figures, kind_for
from domov.optimize.layout import rebuilt
from domov.optimize.native import Kernels
from domov.optimize.network import Network
from domov.optimize.quantizing import check_numbers
from domov.store.gguf import Header, read_header
from domov.store.recipe import PLAIN

DTYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}


def load(path: Path, *, name: str, matrices: torch.dtype = torch.float32, device: str = "cpu") -> Network:
    """A model of any type of weights. Vectors stay in 32 bits. Raises BadInput, and BadModelFile for no numbers."""
    header, kernels = read_header(path), Kernels()
    found: dict[str, Tensor] = {}
    with path.open("rb", buffering=0) as file:
        for tensor in header.tensors:
            content = os.pread(file.fileno(), tensor.size_bytes, header.data_offset + tensor.offset)
            if len(content) != tensor.size_bytes:
                raise BadModelFile(f"{name} became shorter while tensor {tensor.name} was read", hint="fetch it again")
            floats = kernels.floats(np.frombuffer(content, np.uint8), tensor.type, tensor.elements)
            check_numbers(floats, tensor, 0)
            weight = torch.from_numpy(floats.copy()).view(tensor.dimensions[::-1])
            kind = matrices if weight.ndim > 1 else torch.float32
            found[tensor.name] = weight.to(device=device, dtype=kind)
    return Network(architecture_of(header, name=name), found)


def save(network: Network, template: Path, target: Path, *, done: Callable[[int], None] = lambda n: None) -> None:
    """Writes the model to `target`. Raises BadModelFile for a weight that its type can't hold."""
    header = read_header(template)
    types, kind = {t.name: t.type for t in header.tensors}, kind_for(header)
    weights = _in_order(header, network.weights)
    tensors = [(name, tuple(w.shape[::-1]), _type(name, w, types, kind)) for name, w in weights.items()]
    changes = changed_figures(architecture_of(header, name=template.name), network.architecture)
    with template.open("rb", buffering=0) as source, target.open("wb") as writing:
        plan = rebuilt(
            header, lambda start, n: os.pread(source.fileno(), n, start), tensors, changes, quantization=kind
        )
        writing.write(plan.head)
        for (name, _, own), start in zip(tensors, plan.starts(), strict=True):
            writing.write(bytes(start - writing.tell()) + _bytes(weights[name], own, name))
            done(writing.tell())
        writing.write(bytes(plan.size_bytes - writing.tell()))
        writing.flush()
        os.fsync(writing.fileno())


def _in_order(header: Header, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """As they stand in the template; layers that it has not come last."""
    known = [t.name for t in header.tensors if t.name in weights]
    return {name: weights[name] for name in (*known, *(name for name in weights if name not in set(known)))}


def _type(name: str, weight: Tensor, types: Mapping[str, str], kind: str) -> str:
    own = types.get(name, "")
    return own if own in PLAIN else "F32" if weight.ndim == 1 else kind


def _bytes(weight: Tensor, kind: str, name: str) -> bytes:
    made = weight.detach().to(device="cpu", dtype=DTYPES[kind]).contiguous()
    if not bool(torch.isfinite(made).all()):
        raise BadModelFile(f"tensor {name} holds a weight that {kind} can't hold", hint="the training went astray")
    return made.view(torch.uint8).numpy().tobytes() if made.ndim else b""
