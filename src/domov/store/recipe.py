"""Which type each tensor gets when a model is quantized: llama-quantize's rules.

So the size of every variant follows from one header, before any of them is fetched or made, and what Domov makes itself
is what llama-quantize would make. Makers of dynamic quantizations choose otherwise: theirs differ by some percent.
Source: llama.cpp's src/llama-quant.cpp at b11549; held against published files' sizes in tests/store/test_recipe.py.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from domov.errors import BadOption
from domov.store.gguf import BLOCKS, FILE_TYPES, Header, Tensor

BLOCK_OF = {name: (elements, size) for name, elements, size in BLOCKS.values()}
# What a quantization is called, and the type that most of its tensors get.
RECIPES: Mapping[str, str] = {
    "F32": "F32",
    "F16": "F16",
    "BF16": "BF16",
    "Q8_0": "Q8_0",
    "Q6_K": "Q6_K",
    "Q5_K_M": "Q5_K",
    "Q5_K_S": "Q5_K",
    "Q5_1": "Q5_1",
    "Q5_0": "Q5_0",
    "Q4_K_M": "Q4_K",
    "Q4_K_S": "Q4_K",
    "Q4_1": "Q4_1",
    "Q4_0": "Q4_0",
    "IQ4_NL": "IQ4_NL",
    "IQ4_XS": "IQ4_XS",
    "Q3_K_L": "Q3_K",
    "Q3_K_M": "Q3_K",
    "Q3_K_S": "Q3_K",
    "IQ3_M": "IQ3_S",
    "IQ3_S": "IQ3_S",
    "IQ3_XS": "IQ3_S",
    "IQ3_XXS": "IQ3_XXS",
    "Q2_K": "Q2_K",
    "Q2_K_S": "Q2_K",
    "IQ2_M": "IQ2_S",
    "IQ2_S": "IQ2_XS",
    "IQ2_XS": "IQ2_XS",
    "IQ2_XXS": "IQ2_XXS",
    "IQ1_M": "IQ1_M",
    "IQ1_S": "IQ1_S",
    "MXFP4": "MXFP4",
}
PLAIN = ("F32", "F16", "BF16")
LOWEST = ("IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ2_M", "IQ1_S", "IQ1_M")
# What takes the place of a type whose block of 256 does not divide the rows.
FALLBACK = {"Q2_K": "Q4_0", "Q3_K": "Q4_0", "Q4_K": "Q5_0", "Q5_K": "Q5_1", "Q6_K": "Q8_0"}
FALLBACK |= dict.fromkeys(("IQ4_XS", "IQ3_S", "IQ3_XXS", "IQ2_S", "IQ2_XS", "IQ2_XXS", "IQ1_M", "IQ1_S"), "IQ4_NL")
NEED_IMPORTANCE = ("IQ3_XXS", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ1_M", "IQ1_S")  # without one the result is garbage
KEPT = re.compile(  # stays as it is: small, or too sensitive
    r"_norm\.weight|ffn_gate_inp\.weight|ffn_gate_tid2eid\.weight|altup|laurel|per_layer_model_proj|^position_embd|"
    r"^token_types|ssm_conv1d|shortconv\.conv\.weight|indexer\.[kq]_proj\.weight|time_mix_(first|[wvag]\d|decay_w\d|"
    r"lerp_fused)\.weight|attn_rel_b\.weight|\.position_embd|\.rel_pos|\.patch_embd|\.patch_merger"
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tensor stands, as far as the rules ask."""

    number: int  # of its kind, from 0; the layer in a mixture of experts
    count: int
    shared_heads: int  # heads for each key head
    experts: int
    falcon: bool
    importance: bool

    @property
    def first_eighth(self) -> bool:
        return self.number < self.count // 8

    @property
    def more_bits(self) -> bool:
        n, eighth = self.number, self.count // 8
        return n < eighth or n >= 7 * self.count // 8 or (n - eighth) % 3 == 2

    @property
    def middle(self) -> bool:
        return self.count // 8 <= self.number < 7 * self.count // 8


Rule = Callable[[Place], str | None]  # the type; None: that of most tensors


def _always(kind: str) -> Rule:
    return lambda p: kind


def _shared(kind: str) -> Rule:
    return lambda p: kind if p.shared_heads >= 4 else None


def _more(kind: str) -> Rule:
    return lambda p: kind if p.more_bits else None


VALUES: dict[str, Rule] = {  # attn_v and its relatives
    "Q2_K": lambda p: "Q4_K" if p.shared_heads >= 4 else "Q3_K",
    "Q2_K_S": _shared("Q4_K"),
    "IQ3_XXS": lambda p: "Q4_K" if p.shared_heads >= 4 else "IQ3_XXS" if p.importance else "IQ3_S",
    "IQ3_XS": _shared("Q4_K"),
    "IQ3_S": _shared("Q4_K"),
    "IQ3_M": _always("Q4_K"),
    "Q3_K_M": lambda p: "Q5_K" if p.number < 2 else "Q4_K",
    "Q3_K_L": _always("Q5_K"),
    "IQ4_NL": _shared("Q5_K"),
    "IQ4_XS": _shared("Q5_K"),
    "Q4_K_M": _more("Q6_K"),
    "Q5_K_M": _more("Q6_K"),
    "Q4_K_S": lambda p: "Q5_K" if p.number < 4 else None,
}
DOWN: dict[str, Rule] = {
    "Q2_K": _always("Q3_K"),
    "Q2_K_S": lambda p: "Q4_K" if p.first_eighth else None,
    "IQ3_XXS": lambda p: None if p.importance else "Q4_K" if p.first_eighth else "Q3_K",
    "Q3_K_M": lambda p: "Q5_K" if p.number < p.count // 16 else "Q4_K" if not p.falcon or p.more_bits else None,
    "IQ3_M": lambda p: "Q4_K" if p.first_eighth or (p.experts == 8 and p.more_bits) else None,
    "Q3_K_L": lambda p: "Q4_K" if p.falcon else "Q5_K",
    "Q4_K_M": lambda p: _down_falcon(p) if p.falcon else "Q6_K" if p.more_bits else None,
    "IQ4_NL": lambda p: "Q5_K" if p.first_eighth and not p.importance else None,
    "IQ4_XS": lambda p: "Q5_K" if p.first_eighth and not p.importance else None,
    "Q5_K_M": _more("Q6_K"),
    "Q4_K_S": lambda p: "Q5_K" if p.first_eighth and not p.falcon else None,
    "Q4_0": lambda p: "Q4_1" if p.first_eighth and p.importance else None,
    "Q5_0": lambda p: "Q5_1" if p.first_eighth and p.importance else None,
}
OUTWARD: dict[str, Rule] = {  # attn_output
    "Q2_K": _always("Q3_K"),
    "IQ3_XXS": _always("IQ3_S"),
    "Q3_K_M": _always("Q4_K"),
    "Q3_K_L": _always("Q5_K"),
    "IQ3_M": _always("Q4_K"),
}
OUTWARD_OF_8 = dict.fromkeys(
    ("Q2_K", "IQ3_XS", "IQ3_XXS", "Q3_K_S", "Q3_K_M", "IQ4_NL", "Q4_K_S", "Q4_K_M", "IQ3_S", "IQ3_M", "IQ4_XS"),
    _always("Q5_K"),
)
KEYS: dict[str, Rule] = {"IQ3_XS": _always("IQ3_XXS"), "IQ3_XXS": _always("IQ2_S")}  # attn_k and attn_q
WIDE: dict[str, Rule] = {"IQ3_XS": lambda p: "IQ3_XXS" if p.middle else None}  # ffn_up and ffn_gate
INPUT = {"IQ2_XXS": "Q2_K", "IQ2_XS": "Q2_K", "IQ1_S": "Q2_K", "IQ1_M": "Q2_K", "IQ2_S": "IQ3_S", "IQ2_M": "IQ3_S",
         "IQ3_XXS": "IQ3_S"}  # fmt: skip
KINDS = (  # (in the name, what it counts as), the first that is found
    ("attn_qkv.weight", "values"),
    ("attn_kv_b.weight", "values"),
    ("attn_v.weight", "values"),
    ("attn_k.weight", "keys"),
    ("attn_q.weight", "queries"),
    ("attn_output.weight", "outward"),
    ("ffn_up", "up"),
    ("ffn_gate", "gate"),
    ("ffn_down", "down"),
)
TABLES = {"values": VALUES, "keys": KEYS, "queries": KEYS, "outward": OUTWARD, "up": WIDE, "gate": WIDE, "down": DOWN}


def retyped(header: Header, quantization: str) -> Header:
    """The header of the same model in another quantization. Raises BadOption for one without a rule."""
    return with_types(header, types_of(header, quantization), quantization)


def with_types(header: Header, types: Mapping[str, str], quantization: str = "") -> Header:
    """The header with these types, its tensors in the same order and as close as its alignment lets them lie."""
    alignment = int(header.metadata.get("general.alignment", 32))
    offset, tensors = 0, []
    for tensor in header.tensors:
        size = tensor_bytes(tensor.elements, types[tensor.name])
        tensors.append(Tensor(tensor.name, types[tensor.name], tensor.dimensions, offset, size))
        offset += -(-size // alignment) * alignment
    number = next((n for n, name in FILE_TYPES.items() if name == quantization), 0)
    metadata = {**header.metadata, "general.file_type": number}
    return replace(header, metadata=metadata, tensors=tuple(tensors), size_bytes=header.data_offset + offset)


def types_of(header: Header, quantization: str, *, importance: bool = False) -> dict[str, str]:
    """The type of each tensor, by its name. Raises BadOption for a quantization without a rule.

    importance  whether an importance matrix is at hand: some rules ask
    """
    if quantization not in RECIPES:
        raise BadOption(f"unknown quantization: {quantization}", hint=f"one of {', '.join(RECIPES)}")
    rules = _Rules(header, quantization, importance=importance)
    found = {t.name: t.type for t in header.tensors}
    for tensor in sorted(header.tensors, key=lambda t: (_layer(t.name, -1), t.name)):
        if is_quantized(tensor):
            found[tensor.name] = rules.type_of(tensor)
    return found


def is_quantized(tensor: Tensor) -> bool:
    """Whether quantizing changes a tensor at all: only matrices of weights, but for some."""
    dimensions = len(tensor.dimensions)
    while dimensions > 1 and tensor.dimensions[dimensions - 1] == 1:  # ggml_n_dims
        dimensions -= 1
    return dimensions > 1 and tensor.name.endswith("weight") and not KEPT.search(tensor.name)


def fitting(kind: str, tensor: Tensor) -> str:
    """The type, or what takes its place where its block does not divide the tensor's rows."""
    row = tensor.dimensions[0]
    if row % BLOCK_OF[kind][0] == 0:
        return kind
    kind = FALLBACK.get(kind, "F16")
    return kind if row % BLOCK_OF[kind][0] == 0 else "F16"


def needs_importance(tensor: Tensor, kind: str, quantization: str = "") -> bool:
    if tensor.name in ("token_embd.weight", "per_layer_token_embd.weight", "output.weight"):
        return False
    return kind in NEED_IMPORTANCE or (kind == "Q2_K" and quantization == "Q2_K_S")


def tensor_bytes(elements: int, kind: str) -> int:
    block_elements, block_bytes = BLOCK_OF[kind]
    return elements // block_elements * block_bytes


class _Rules:
    """The rules for one model; asked for its tensors in llama.cpp's order, as they count."""

    def __init__(self, header: Header, quantization: str, *, importance: bool) -> None:
        meta = header.metadata
        architecture = str(meta.get("general.architecture"))
        figures = {key: _first(meta.get(f"{architecture}.{key}")) for key in FIGURES}
        self.quantization, self.base, self.importance = quantization, RECIPES[quantization], importance
        self.layers, self.experts = figures["block_count"], figures["expert_count"]
        heads, shared = figures["attention.head_count"], figures["attention.head_count_kv"]
        shared = shared or heads  # as llama.cpp where the file does not say
        self.shared_heads = heads // shared if shared else 0
        self.falcon = architecture == "falcon"
        self.is_70b = self.layers == 80 and (architecture == "qwen2" or (architecture == "llama" and heads != shared))
        self.tied = not any(t.name == "output.weight" for t in header.tensors)
        self.values = sum(_kind(t.name) == "values" for t in header.tensors)
        self.seen: dict[str, int] = {}

    def type_of(self, tensor: Tensor) -> str:
        if self.quantization in PLAIN:
            return self.base
        return fitting(self._wanted(tensor), tensor)

    def _wanted(self, tensor: Tensor) -> str:
        name, base = tensor.name, self.base
        embedding = name in ("token_embd.weight", "per_layer_token_embd.weight")
        if name == "output.weight" or (self.tied and embedding):
            return self._output(tensor)
        if self.quantization == "MXFP4":
            return "MXFP4" if len(tensor.dimensions) > 2 and tensor.dimensions[2] > 1 else "Q8_0"
        if embedding:
            return INPUT.get(self.quantization, base)
        kind = _kind(name)
        if kind is None:
            return base
        place = self._place(kind, name)
        return (self._lowest(kind, place) if self.quantization in LOWEST else self._usual(kind, place)) or base

    def _output(self, tensor: Tensor) -> str:
        if self.quantization == "MXFP4" or self.falcon or tensor.dimensions[0] % BLOCK_OF[self.base][0]:
            return "Q8_0"
        if self.quantization in (*LOWEST, "IQ3_XXS"):
            return "Q5_K"
        return self.base if self.base == "Q8_0" else "Q6_K"

    def _place(self, kind: str, name: str) -> Place:
        number = self.seen.get(kind, 0)
        self.seen[kind] = number + 1
        if self.experts > 1 and kind != "values":
            number = _layer(name, 0)
        count = self.values if kind == "values" else self.layers
        return Place(number, count, self.shared_heads, self.experts, self.falcon, self.importance)

    def _usual(self, kind: str, place: Place) -> str | None:
        table = TABLES[kind]
        if kind == "outward":
            table = OUTWARD_OF_8 if place.experts == 8 else OUTWARD
            if place.falcon:
                return "Q4_K" if self.quantization == "Q3_K_L" else None
        if kind in ("values", "keys") and place.experts == 8:
            return "Q8_0"
        rule = table.get(self.quantization)
        found = rule(place) if rule else None
        if kind == "values" and self.is_70b and (found or self.base) in ("Q3_K", "Q4_K"):
            return "Q5_K"
        return found

    def _lowest(self, kind: str, place: Place) -> str | None:
        better = "IQ3_S" if self.quantization in ("IQ2_S", "IQ2_M") else "Q2_K"
        if kind == "values":
            return "Q4_K" if place.shared_heads >= 4 or place.experts >= 4 else better
        if kind == "keys" and place.experts == 8:
            return "Q4_K"
        if kind == "down":
            return better if self.seen["down"] - 1 < place.count // 8 else None
        if kind != "outward":
            return None
        if place.experts == 8:
            return "Q5_K"
        return {"IQ1_S": "IQ2_XXS", "IQ1_M": "IQ2_XXS", "IQ2_S": "IQ3_S", "IQ2_M": "IQ3_S"}.get(self.quantization)


FIGURES = ("block_count", "expert_count", "attention.head_count", "attention.head_count_kv")


def _down_falcon(place: Place) -> str:
    return "Q6_K" if place.number < place.count // 16 else "Q5_K" if place.more_bits else "Q4_K"


def _first(figure: Any) -> int:
    """A figure that some files give for each layer."""
    figure = figure[0] if isinstance(figure, list) and figure else figure
    return figure if isinstance(figure, int) else 0


def _kind(name: str) -> str | None:
    return next((kind for part, kind in KINDS if part in name), None)


def _layer(name: str, otherwise: int) -> int:
    found = re.match(r"blk\.(\d+)\.", name)
    return int(found[1]) if found else otherwise
