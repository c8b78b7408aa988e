"""The header that a model's GGUF file would have, made from its published figures, without the file.

Figures are GGUF's own keys (llama.cpp's gguf-py/gguf/constants.py) and stand in `blueprints.toml`; which tensors
follow from them is what llama.cpp's loader asks for (src/models/*.cpp at b11549). Sizes come from `recipe`, shapes from
`shape`: the same code that reads real files.
"""

import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any

from domov.errors import NotFound
from domov.store.gguf import Header, Tensor

Row = tuple[str, tuple[int, ...]]  # a tensor's name and dimensions, the fastest first


@dataclass(frozen=True, slots=True)
class Blueprint:
    name: str
    architecture: str
    vocabulary: int
    tied: bool  # the output matrix is the embedding
    figures: Mapping[str, Any]  # GGUF keys, without the architecture's prefix

    def number(self, key: str, default: int = 0) -> int:
        return int(self.figures.get(key, default))

    def of_layer(self, key: str, layer: int, default: int = 0) -> int:
        value = self.figures.get(key, default)
        return int(value[layer] if isinstance(value, list) else value)

    @property
    def layers(self) -> int:
        return self.number("block_count")

    @property
    def hidden(self) -> int:
        return self.number("embedding_length")

    @property
    def classes(self) -> int:
        """How many scores a classifying head gives; 0: there is none."""
        return len(self.figures.get("classifier.output_labels", ()))

    def with_layers(self, layers: int) -> "Blueprint":
        """The same model with fewer layers: its first ones."""
        cut = {k: v[:layers] if isinstance(v, list) and len(v) == self.layers else v for k, v in self.figures.items()}
        cut["block_count"] = layers
        if "attention.shared_kv_layers" in cut:
            cut["attention.shared_kv_layers"] = layers // 2
        return replace(self, figures=cut)


@cache
def load() -> Mapping[str, Blueprint]:
    """Every model whose figures Domov knows, by name."""
    table = tomllib.loads(files("domov.store").joinpath("blueprints.toml").read_text("utf-8"))
    return {name: blueprint(name, dict(row)) for name, row in table.items()}


def blueprint(name: str, figures: dict[str, Any]) -> Blueprint:
    """One row of the file, or a table of the same keys."""
    return Blueprint(
        name=name,
        architecture=figures.pop("architecture"),
        vocabulary=figures.pop("vocabulary"),
        tied=figures.pop("tied", False),
        figures=figures,
    )


def rows(plan: Blueprint) -> Iterator[Row]:
    """Every tensor of the model, in the order of its layers. Raises NotFound for an architecture without a rule."""
    if plan.architecture not in LAYERS:
        raise NotFound(f"no figures for the architecture {plan.architecture}", hint="fetch the file: its header tells")
    yield "token_embd.weight", (plan.hidden, plan.vocabulary)
    yield from TOPS.get(plan.architecture, _top)(plan)
    if not plan.tied:
        yield "output.weight", (plan.hidden, plan.vocabulary)
    for layer in range(plan.layers):
        for name, dimensions in LAYERS[plan.architecture](plan, layer):
            yield f"blk.{layer}.{name}", dimensions


def header(plan: Blueprint) -> Header:
    """A header as a file's, all tensors as F32; `recipe.retyped` gives them the types of a quantization."""
    metadata: dict[str, Any] = {f"{plan.architecture}.{key}": value for key, value in plan.figures.items()}
    metadata |= {"general.architecture": plan.architecture, "general.file_type": 0}
    offset, tensors = 0, []
    for name, dimensions in rows(plan):
        tensor = Tensor(name, "F32", dimensions, offset, 0)
        tensor = Tensor(name, "F32", dimensions, offset, 4 * tensor.elements)
        tensors.append(tensor)
        offset += -(-tensor.size_bytes // 32) * 32
    return Header(3, metadata, tuple(tensors), 0, offset)


def _top(p: Blueprint) -> Iterator[Row]:
    yield "output_norm.weight", (p.hidden,)
    if p.classes:
        yield "cls.output.weight", (p.hidden, p.classes)


def _bert_top(p: Blueprint) -> Iterator[Row]:
    yield "token_types.weight", (p.hidden, 2)
    yield "position_embd.weight", (p.hidden, p.number("context_length"))
    yield from _normed("token_embd_norm", p.hidden)
    if p.classes:
        yield from _biased("cls", p.hidden, p.hidden)
        yield from _biased("cls.output", p.hidden, p.classes)


def _lfm2_top(p: Blueprint) -> Iterator[Row]:
    yield "token_embd_norm.weight", (p.hidden,)


def _gemma4_top(p: Blueprint) -> Iterator[Row]:
    yield from _top(p)
    per_layer = p.number("embedding_length_per_layer_input")
    if per_layer:
        yield "per_layer_token_embd.weight", (per_layer * p.layers, p.vocabulary)
        yield "per_layer_model_proj.weight", (p.hidden, per_layer * p.layers)
        yield "per_layer_proj_norm.weight", (per_layer,)
    yield "rope_freqs.weight", (p.number("attention.key_length") // 2,)


def _biased(name: str, inputs: int, outputs: int) -> Iterator[Row]:
    yield f"{name}.weight", (inputs, outputs)
    yield f"{name}.bias", (outputs,)


def _normed(name: str, size: int) -> Iterator[Row]:
    yield f"{name}.weight", (size,)
    yield f"{name}.bias", (size,)


def _head_size(p: Blueprint, layer: int) -> int:
    return p.number("attention.key_length", p.hidden // p.of_layer("attention.head_count", layer))


def _projections(p: Blueprint, layer: int) -> Iterator[Row]:
    heads, size = p.of_layer("attention.head_count", layer), _head_size(p, layer)
    cached = p.of_layer("attention.head_count_kv", layer, heads) * size
    yield "attn_q.weight", (p.hidden, heads * size)
    yield "attn_k.weight", (p.hidden, cached)
    yield "attn_v.weight", (p.hidden, cached)
    yield "attn_output.weight", (heads * size, p.hidden)


def _head_norms(p: Blueprint, layer: int) -> Iterator[Row]:
    yield "attn_q_norm.weight", (_head_size(p, layer),)
    yield "attn_k_norm.weight", (_head_size(p, layer),)


def _feed_forward(p: Blueprint, layer: int) -> Iterator[Row]:
    size = p.of_layer("feed_forward_length", layer)
    yield "ffn_norm.weight", (p.hidden,)
    yield "ffn_gate.weight", (p.hidden, size)
    yield "ffn_up.weight", (p.hidden, size)
    yield "ffn_down.weight", (size, p.hidden)


def _experts(p: Blueprint) -> Iterator[Row]:
    count = p.number("expert_count")
    size = p.number("expert_feed_forward_length", p.number("feed_forward_length"))
    yield "ffn_gate_inp.weight", (p.hidden, count)
    yield "ffn_gate_exps.weight", (p.hidden, size, count)
    yield "ffn_up_exps.weight", (p.hidden, size, count)
    yield "ffn_down_exps.weight", (size, p.hidden, count)


def _llama(p: Blueprint, layer: int) -> Iterator[Row]:
    yield "attn_norm.weight", (p.hidden,)
    yield from _projections(p, layer)
    yield from _feed_forward(p, layer)


def _qwen2(p: Blueprint, layer: int) -> Iterator[Row]:
    yield from _llama(p, layer)
    for name, (_, outputs) in list(_projections(p, layer))[:3]:
        yield name.replace("weight", "bias"), (outputs,)


def _qwen3(p: Blueprint, layer: int) -> Iterator[Row]:
    yield from _llama(p, layer)
    yield from _head_norms(p, layer)


def _qwen3moe(p: Blueprint, layer: int) -> Iterator[Row]:
    yield "attn_norm.weight", (p.hidden,)
    yield from _projections(p, layer)
    yield from _head_norms(p, layer)
    yield "ffn_norm.weight", (p.hidden,)
    yield from _experts(p)


def _olmoe(p: Blueprint, layer: int) -> Iterator[Row]:
    yield "attn_norm.weight", (p.hidden,)
    yield from _projections(p, layer)
    yield "attn_q_norm.weight", (p.hidden,)  # over all heads at once
    yield "attn_k_norm.weight", (p.of_layer("attention.head_count_kv", layer) * _head_size(p, layer),)
    yield "ffn_norm.weight", (p.hidden,)
    yield from _experts(p)


def _gemma3(p: Blueprint, layer: int) -> Iterator[Row]:
    yield from _qwen3(p, layer)
    yield "post_attention_norm.weight", (p.hidden,)
    yield "post_ffw_norm.weight", (p.hidden,)


def _gemma4(p: Blueprint, layer: int) -> Iterator[Row]:
    window = bool(p.of_layer("attention.sliding_window_pattern", layer))
    size = p.number("attention.key_length_swa" if window else "attention.key_length")
    heads, cached = (p.of_layer(f"attention.head_count{s}", layer) for s in ("", "_kv"))
    yield "attn_norm.weight", (p.hidden,)
    yield "attn_q.weight", (p.hidden, heads * size)
    yield "attn_q_norm.weight", (size,)
    yield "attn_output.weight", (heads * size, p.hidden)
    yield "attn_k.weight", (p.hidden, cached * size)  # layers that share a cache have theirs too, unused
    yield "attn_k_norm.weight", (size,)
    yield "attn_v.weight", (p.hidden, cached * size)
    yield from _feed_forward(p, layer)
    for name in ("post_attention_norm", "post_ffw_norm"):
        yield f"{name}.weight", (p.hidden,)
    yield "layer_output_scale.weight", (1,)
    if per_layer := p.number("embedding_length_per_layer_input"):
        yield "inp_gate.weight", (p.hidden, per_layer)
        yield "proj.weight", (per_layer, p.hidden)
        yield "post_norm.weight", (p.hidden,)


def _gpt_oss(p: Blueprint, layer: int) -> Iterator[Row]:
    yield "attn_norm.weight", (p.hidden,)
    for name, (inputs, outputs) in _projections(p, layer):
        yield from _biased(name.removesuffix(".weight"), inputs, outputs)
    yield "attn_sinks.weight", (p.of_layer("attention.head_count", layer),)
    yield "post_attention_norm.weight", (p.hidden,)
    for name, dimensions in _experts(p):
        yield name, dimensions
        yield name.replace("weight", "bias"), dimensions[1:]


def _granite_hybrid(p: Blueprint, layer: int) -> Iterator[Row]:
    yield "attn_norm.weight", (p.hidden,)
    yield from _projections(p, layer) if p.of_layer("attention.head_count_kv", layer) else _mamba2(p)
    yield from _feed_forward(p, layer)


def _mamba2(p: Blueprint) -> Iterator[Row]:
    inner, state, heads = (p.number(f"ssm.{key}") for key in ("inner_size", "state_size", "time_step_rank"))
    groups = p.number("ssm.group_count")
    mixed = inner + 2 * groups * state
    yield "ssm_in.weight", (p.hidden, inner + mixed + heads)
    yield "ssm_conv1d.weight", (p.number("ssm.conv_kernel"), mixed)
    yield "ssm_conv1d.bias", (mixed,)
    yield "ssm_dt.bias", (heads,)
    yield "ssm_a", (1, heads)
    yield "ssm_d", (1, heads)
    yield "ssm_norm.weight", (inner // groups, groups)
    yield "ssm_out.weight", (inner, p.hidden)


def _lfm2(p: Blueprint, layer: int) -> Iterator[Row]:
    yield "attn_norm.weight", (p.hidden,)
    if p.of_layer("attention.head_count_kv", layer):
        yield from _projections(p, layer)
        yield from _head_norms(p, layer)
    else:
        yield "shortconv.conv.weight", (p.number("shortconv.l_cache"), p.hidden)
        yield "shortconv.in_proj.weight", (p.hidden, 3 * p.hidden)
        yield "shortconv.out_proj.weight", (p.hidden, p.hidden)
    yield from _feed_forward(p, layer)


def _qwen35(p: Blueprint, layer: int) -> Iterator[Row]:
    yield "attn_norm.weight", (p.hidden,)
    yield "post_attention_norm.weight", (p.hidden,)
    if (layer + 1) % p.number("full_attention_interval") == 0:
        for name, dimensions in _projections(p, layer):
            gated = (dimensions[0], 2 * dimensions[1]) if name == "attn_q.weight" else dimensions
            yield name, gated
        yield from _head_norms(p, layer)
    else:
        yield from _delta_net(p)
    yield from (row for row in _feed_forward(p, layer) if row[0] != "ffn_norm.weight")


def _delta_net(p: Blueprint) -> Iterator[Row]:
    state, heads = p.number("ssm.state_size"), p.number("ssm.time_step_rank")
    keys, values = state * p.number("ssm.group_count"), state * heads
    yield "attn_qkv.weight", (p.hidden, 2 * keys + values)
    yield "attn_gate.weight", (p.hidden, values)
    yield "ssm_conv1d.weight", (p.number("ssm.conv_kernel"), 2 * keys + values)
    yield "ssm_dt.bias", (heads,)
    yield "ssm_a", (heads,)
    yield "ssm_beta.weight", (p.hidden, heads)
    yield "ssm_alpha.weight", (p.hidden, heads)
    yield "ssm_norm.weight", (state,)
    yield "ssm_out.weight", (values, p.hidden)


def _deepseek2(p: Blueprint, layer: int) -> Iterator[Row]:
    heads, rank, rope = (
        p.number(k) for k in ("attention.head_count", "attention.kv_lora_rank", "rope.dimension_count")
    )
    key, value = p.number("attention.key_length_mla"), p.number("attention.value_length_mla")
    yield "attn_norm.weight", (p.hidden,)
    if query_rank := p.number("attention.q_lora_rank"):
        yield "attn_q_a.weight", (p.hidden, query_rank)
        yield "attn_q_a_norm.weight", (query_rank,)
        yield "attn_q_b.weight", (query_rank, heads * key)
    else:
        yield "attn_q.weight", (p.hidden, heads * key)
    yield "attn_kv_a_mqa.weight", (p.hidden, rank + rope)
    yield "attn_kv_a_norm.weight", (rank,)
    yield "attn_k_b.weight", (key - rope, rank, heads)
    yield "attn_v_b.weight", (rank, value, heads)
    yield "attn_output.weight", (heads * value, p.hidden)
    if layer < p.number("leading_dense_block_count"):
        yield from _feed_forward(p, layer)
        return
    yield "ffn_norm.weight", (p.hidden,)
    yield from _experts(p)
    shared = p.number("expert_shared_count") * p.number("expert_feed_forward_length")
    yield "ffn_gate_shexp.weight", (p.hidden, shared)
    yield "ffn_up_shexp.weight", (p.hidden, shared)
    yield "ffn_down_shexp.weight", (shared, p.hidden)


def _bert(p: Blueprint, layer: int) -> Iterator[Row]:
    for name, (inputs, outputs) in _projections(p, layer):
        yield from _biased(name.removesuffix(".weight"), inputs, outputs)
    yield from _normed("attn_output_norm", p.hidden)
    yield from _biased("ffn_up", p.hidden, p.number("feed_forward_length"))
    yield from _biased("ffn_down", p.number("feed_forward_length"), p.hidden)
    yield from _normed("layer_output_norm", p.hidden)


TOPS: Mapping[str, Callable[[Blueprint], Iterator[Row]]] = {"bert": _bert_top, "lfm2": _lfm2_top, "gemma4": _gemma4_top}
LAYERS: Mapping[str, Callable[[Blueprint, int], Iterator[Row]]] = {
    "llama": _llama,
    "gemma": _llama,
    "qwen2": _qwen2,
    "qwen3": _qwen3,
    "qwen3moe": _qwen3moe,
    "olmoe": _olmoe,
    "gemma3": _gemma3,
    "gemma4": _gemma4,
    "gpt-oss": _gpt_oss,
    "granitehybrid": _granite_hybrid,
    "lfm2": _lfm2,
    "qwen35": _qwen35,
    "deepseek2": _deepseek2,
    "bert": _bert,
}
