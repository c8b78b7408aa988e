"""How a model calculates, as its file says: the figures that training needs, for the architectures that it knows.

Pure. What it does not know it refuses by name, down to single tensors: a model that were calculated otherwise than
llama.cpp does it would be trained to something else. Source: llama.cpp's src/models at b11549.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from domov.errors import BadInput
from domov.store.gguf import Header
from domov.store.names import shown
from domov.store.recipe import PLAIN

KNOWN = ("llama", "qwen2", "qwen3", "gemma3")
TENSORS = re.compile(
    r"(token_embd|output_norm|output|rope_freqs)\.weight|"
    r"blk\.\d+\.(attn_norm|attn_q|attn_k|attn_v|attn_output|attn_q_norm|attn_k_norm|ffn_norm|ffn_gate|ffn_up|ffn_down|"
    r"post_attention_norm|post_ffw_norm)\.weight|blk\.\d+\.(attn_q|attn_k|attn_v|attn_output)\.bias"
)
GEMMA_FULL_EVERY = 6  # one layer in six sees everything, the others a window
GEMMA_27B_LAYERS = 62  # scales its queries by hidden / heads instead of the heads' size
HINT = f"training knows {', '.join(KNOWN)} (Llama, Mistral, SmolLM2, TinyLlama, Qwen 2 and 3, Gemma 3)"


@dataclass(frozen=True, slots=True)
class Architecture:
    name: str
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_size: int  # values of a key, and of a value
    feed_forward: int
    vocabulary: int
    epsilon: float  # of the norms
    rope_base: float
    rope_factor: float = 1.0  # positions are divided by it
    window_tokens: int = 0  # 0: every layer sees everything
    window_rope_base: float = 10_000.0  # of layers with a window
    softcap: float = 0.0  # of the logits; 0: none
    tied: bool = True  # the output matrix is the embedding

    @property
    def interleaved(self) -> bool:
        """Whether a rotation takes neighbours, and not values half a head apart (llama_rope_type)."""
        return self.name == "llama"

    @property
    def gemma(self) -> bool:
        return self.name == "gemma3"

    @property
    def query_scale(self) -> float:
        whole = self.hidden / self.heads if self.gemma and self.layers == GEMMA_27B_LAYERS else self.head_size
        return float(whole**-0.5)

    def window_of(self, layer: int) -> int:
        """How many tokens a layer sees; 0: all."""
        full = not self.gemma or layer % GEMMA_FULL_EVERY == GEMMA_FULL_EVERY - 1
        return 0 if full else self.window_tokens

    @property
    def layer_parameters(self) -> int:
        """Weights of the matrices of one layer."""
        attention = 2 * self.hidden * self.head_size * (self.heads + self.kv_heads)
        return attention + 3 * self.hidden * self.feed_forward

    @property
    def matrix_parameters(self) -> int:
        """Weights of all matrices, those for tokens once or twice."""
        return self.layers * self.layer_parameters + self.hidden * self.vocabulary * (1 if self.tied else 2)


def architecture_of(header: Header, *, name: str) -> Architecture:
    """Raises BadInput for a model that training does not know, naming what it does not know."""
    meta = header.metadata
    kind = meta.get("general.architecture")
    if kind not in KNOWN:
        raise BadInput(f"{name} is of the architecture {shown(str(kind))}, which can't be trained here", hint=HINT)
    strange = next((t.name for t in header.tensors if not TENSORS.fullmatch(t.name)), None)
    if strange:
        raise BadInput(f"{name} has the tensor {shown(strange)}, which training does not know", hint=HINT)
    figures = _Figures(meta, str(kind), name)
    scaling = meta.get(f"{kind}.rope.scaling.type", "none")
    if scaling not in ("none", "linear"):
        raise BadInput(f"{name} stretches its context by {shown(str(scaling))}, which training does not know")
    shapes = {t.name: t.dimensions for t in header.tensors}
    if "token_embd.weight" not in shapes:
        raise BadInput(f"{name} has no tensor token_embd.weight")
    heads, hidden = figures.whole("attention.head_count"), figures.whole("embedding_length")
    size = figures.whole("attention.key_length", hidden // max(1, heads))
    if figures.whole("attention.value_length", size) != size or figures.whole("rope.dimension_count", size) != size:
        raise BadInput(f"{name} has keys and values of different sizes, which training does not know")
    found = Architecture(
        name=str(kind),
        layers=figures.whole("block_count"),
        hidden=hidden,
        heads=heads,
        kv_heads=figures.whole("attention.head_count_kv", heads),
        head_size=size,
        feed_forward=figures.whole("feed_forward_length"),
        vocabulary=shapes["token_embd.weight"][-1],
        epsilon=figures.number("attention.layer_norm_rms_epsilon"),
        rope_base=figures.number("rope.freq_base", 10_000.0),
        rope_factor=figures.number("rope.scaling.factor", 1.0) if scaling == "linear" else 1.0,
        window_tokens=figures.whole("attention.sliding_window", 0) if kind == "gemma3" else 0,
        window_rope_base=figures.number("rope.freq_base_swa", 10_000.0),
        softcap=figures.number("final_logit_softcapping", 0.0),
        tied="output.weight" not in shapes,
    )
    _check_shapes(found, shapes, name)
    return found


class _Figures:
    def __init__(self, metadata: Mapping[str, Any], architecture: str, name: str) -> None:
        self._metadata, self._architecture, self._name = metadata, architecture, name

    def number(self, key: str, default: float | None = None) -> float:
        value = self._metadata.get(f"{self._architecture}.{key}", default)
        if isinstance(value, list) and len(set(value)) == 1:
            value = value[0]
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise BadInput(f"{self._name} does not say {key} as one number: its layers differ, or it is damaged")
        return float(value)

    def whole(self, key: str, default: int | None = None) -> int:
        return int(self.number(key, default))


def _check_shapes(a: Architecture, shapes: Mapping[str, tuple[int, ...]], name: str) -> None:
    """Raises BadInput where a tensor is missing or has another shape than the figures say."""
    wanted: dict[str, tuple[int, ...]] = {"output_norm.weight": (a.hidden,)}
    query, shared = a.heads * a.head_size, a.kv_heads * a.head_size
    for n in range(a.layers):
        wanted |= {
            f"blk.{n}.attn_norm.weight": (a.hidden,),
            f"blk.{n}.attn_q.weight": (a.hidden, query),
            f"blk.{n}.attn_k.weight": (a.hidden, shared),
            f"blk.{n}.attn_v.weight": (a.hidden, shared),
            f"blk.{n}.attn_output.weight": (query, a.hidden),
            f"blk.{n}.ffn_norm.weight": (a.hidden,),
            f"blk.{n}.ffn_gate.weight": (a.hidden, a.feed_forward),
            f"blk.{n}.ffn_up.weight": (a.hidden, a.feed_forward),
            f"blk.{n}.ffn_down.weight": (a.feed_forward, a.hidden),
        }
    wrong = next((key for key, shape in wanted.items() if shapes.get(key) != shape), None)
    if wrong:
        raise BadInput(f"{name}: tensor {wrong} has the shape {shapes.get(wrong)}, not {wanted[wrong]}")
    if a.kv_heads < 1 or a.heads % a.kv_heads:
        raise BadInput(f"{name} has {a.heads} heads for {a.kv_heads} of keys, which training does not know")


def kind_for(header: Header) -> str:
    """What the matrices of a model that is made of this one are written in: its own 16 or 32 bits, or F16."""
    kinds = [t.type for t in header.tensors if len(t.dimensions) > 1]
    most = max(sorted(set(kinds)), key=kinds.count, default="F16")
    return most if most in PLAIN else "F16"


def changed_figures(old: Architecture, new: Architecture) -> dict[str, int]:
    """The keys of a file that must be others when a model becomes another of its kind."""
    before, after = _sizes(old), _sizes(new)
    all_of_them = (old.heads, old.hidden) != (new.heads, new.hidden)  # what is not said follows from these two
    return {key: number for key, number in after.items() if all_of_them or before[key] != number}


def _sizes(a: Architecture) -> dict[str, int]:
    return {
        f"{a.name}.{key}": number
        for key, number in (
            ("block_count", a.layers),
            ("embedding_length", a.hidden),
            ("feed_forward_length", a.feed_forward),
            ("attention.head_count", a.heads),
            ("attention.head_count_kv", a.kv_heads),
            ("attention.key_length", a.head_size),
            ("attention.value_length", a.head_size),
            ("rope.dimension_count", a.head_size),
        )
    }
