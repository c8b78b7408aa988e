"""Which type each tensor gets when a model is quantized: llama-quantize's rules, without an importance matrix.

So the size of every variant follows from one header, before any of them is fetched or made. Makers of dynamic
quantizations choose otherwise: theirs differ by some percent.
Source: llama.cpp's src/llama-quant.cpp at b11549; held against published files' sizes in tests/store/test_recipe.py.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from domov.errors import BadOption
from domov.store.gguf import BLOCKS, FILE_TYPES, Header, Tensor

BLOCK_OF = {name: (elements, size) for name, elements, size in BLOCKS.values()}
# What takes the place of a type whose block of 256 does not divide the rows.
FALLBACK = {"Q2_K": "Q4_0", "Q3_K": "Q4_0", "Q4_K": "Q5_0", "Q5_K": "Q5_1", "Q6_K": "Q8_0", "IQ4_XS": "IQ4_NL"}
KEPT = re.compile(  # stays as it is: small, or too sensitive
    r"_norm|ffn_gate_inp|position_embd|token_types|conv1d|shortconv\.conv|cls|rope_freqs|per_layer_model_proj|_scale|"
    r"ssm_(a|d|dt)\b|\.bias$"
)


@dataclass(frozen=True, slots=True)
class Recipe:
    base: str
    output: str = ""  # of the output matrix, where it is not the base
    more: str = ""  # of half of the attn_v and ffn_down layers
    fused: str = ""  # of attn_qkv
    attention_output: str = ""


RECIPES: Mapping[str, Recipe] = {
    "F32": Recipe("F32"),
    "F16": Recipe("F16"),
    "BF16": Recipe("BF16"),
    "Q8_0": Recipe("Q8_0"),
    "Q6_K": Recipe("Q6_K"),
    "Q5_K_M": Recipe("Q5_K", output="Q6_K", more="Q6_K", fused="Q6_K"),
    "Q5_K_S": Recipe("Q5_K", output="Q6_K"),
    "Q5_0": Recipe("Q5_0", output="Q6_K"),
    "Q4_K_M": Recipe("Q4_K", output="Q6_K", more="Q6_K", fused="Q5_K"),
    "Q4_K_S": Recipe("Q4_K", output="Q6_K"),
    "Q4_1": Recipe("Q4_1", output="Q6_K"),
    "Q4_0": Recipe("Q4_0", output="Q6_K"),
    "Q3_K_M": Recipe("Q3_K", output="Q6_K", more="Q4_K", fused="Q4_K", attention_output="Q4_K"),
    "Q2_K": Recipe("Q2_K", output="Q6_K", more="Q3_K", fused="Q3_K", attention_output="Q3_K"),
    "MXFP4": Recipe("Q8_0"),
}


def retyped(header: Header, quantization: str) -> Header:
    """The header of the same model in another quantization. Raises BadOption for one without a rule."""
    if quantization not in RECIPES:
        raise BadOption(f"unknown quantization: {quantization}", hint=f"one of {', '.join(RECIPES)}")
    recipe = RECIPES[quantization]
    tied = not any(t.name == "output.weight" for t in header.tensors)
    layers = 1 + max((_layer(t.name) for t in header.tensors), default=0)
    offset, tensors = 0, []
    for tensor in header.tensors:
        kind = _type(tensor, recipe, quantization, tied=tied, layers=layers)
        size = tensor_bytes(tensor.elements, kind)
        tensors.append(Tensor(tensor.name, kind, tensor.dimensions, offset, size))
        offset += -(-size // 32) * 32
    number = next((n for n, name in FILE_TYPES.items() if name == quantization), 0)
    metadata = {**header.metadata, "general.file_type": number}
    return replace(header, metadata=metadata, tensors=tuple(tensors), size_bytes=header.data_offset + offset)


def tensor_bytes(elements: int, kind: str) -> int:
    block_elements, block_bytes = BLOCK_OF[kind]
    return elements // block_elements * block_bytes


def _type(tensor: Tensor, recipe: Recipe, quantization: str, *, tied: bool, layers: int) -> str:
    if len(tensor.dimensions) < 2 or KEPT.search(tensor.name):
        return "F32"
    kind = recipe.base
    if quantization == "MXFP4" and "_exps." in tensor.name:
        kind = "MXFP4"
    elif tensor.name == "output.weight" or (tied and tensor.name == "token_embd.weight"):
        kind = recipe.output or kind
    elif re.search(r"attn_v\.|ffn_down(_exps|_shexp)?\.", tensor.name):
        kind = recipe.more if recipe.more and _more_bits(_layer(tensor.name), layers) else kind
    elif "attn_qkv." in tensor.name:
        kind = recipe.fused or kind
    elif "attn_output." in tensor.name:
        kind = recipe.attention_output or kind
    return kind if tensor.dimensions[0] % BLOCK_OF[kind][0] == 0 else _fallback(kind, tensor.dimensions[0])


def _fallback(kind: str, row: int) -> str:
    kind = FALLBACK.get(kind, "F16")
    return kind if row % BLOCK_OF[kind][0] == 0 else "F16"


def _more_bits(layer: int, layers: int) -> bool:
    return layer < layers // 8 or layer >= 7 * layers // 8 or (layer - layers // 8) % 3 == 2


def _layer(name: str) -> int:
    found = re.match(r"blk\.(\d+)\.", name)
    return int(found[1]) if found else 0
