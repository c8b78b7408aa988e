"""What a model is made of, as its file says: the figures that memory and speed follow from.

`shape_of` reads them from a header; `layers` and `width` do the counting. Nothing is derived from other figures where
the file has them.
"""

import re
from dataclasses import dataclass, field
from typing import Any

from domov.errors import BadModelFile
from domov.store.gguf import FILE_TYPES, Elements, Header, Tensor
from domov.store.names import shown

MOST_LAYERS = 4096
MOST_HEADS = 1 << 16
MOST_SIZE = 1 << 24
# One layer in so many sees the whole context, the others a window (llama.cpp's src/models at b11549).
FULL_EVERY = {"gemma2": 2, "gemma3": 6, "gemma3n": 5, "gemma-embedding": 6, "cohere2": 4, "gpt-oss": 2, "exaone4": 4,
              "olmo2": 4, "llama4": 4, "smallthinker": 4}  # fmt: skip
# They read a text at once and keep nothing of it (llama_model::create_memory).
NO_CACHE = ("bert", "nomic-bert", "nomic-bert-moe", "jina-bert-v2", "jina-bert-v3", "neo-bert", "modern-bert",
            "eurobert", "gemma-embedding", "t5encoder", "dream", "llada", "llada-moe")  # fmt: skip
POOLING_RANK = 4


@dataclass(frozen=True, slots=True)
class Attention:
    """One attention layer, as read from the model file; never derived from other figures where the file has them."""

    kv_heads: int
    key_size: int  # values per head; hidden / heads is wrong for Qwen3 and Gemma
    value_size: int  # 0 with MLA: the values are part of the keys
    window_tokens: int | None = None  # None: the layer sees the whole context


@dataclass(frozen=True, slots=True)
class Recurrent:
    """The state of one recurrent layer, in 32-bit values for each conversation, however long that is."""

    convolution_values: int
    state_values: int

    @property
    def values(self) -> int:
        return self.convolution_values + self.state_values


@dataclass(frozen=True, slots=True)
class Layer:
    weights_bytes: int
    expert_bytes: int = 0  # part of weights_bytes: all experts of a mixture
    attention: Attention | None = None  # the cache it keeps; None: it keeps none, or uses another layer's
    recurrent: Recurrent | None = None


@dataclass(frozen=True, slots=True)
class Width:
    """How many values one token takes at the widest places of the calculation."""

    hidden: int = 0
    heads: int = 0
    query: int = 0
    cached: int = 0  # keys of one layer
    feed_forward: int = 0  # gate, up and their product, and for experts what all that are used give
    recurrent: int = 0  # of a recurrent layer, beside the hidden ones
    extra: int = 0  # per-layer embeddings
    vocabulary: int = 0


@dataclass(frozen=True, slots=True)
class ModelShape:
    architecture: str
    parameters: int
    quantization: str
    trained_context_tokens: int
    weights_bytes: int  # of what is loaded: heads that predict several tokens ahead are not
    attention: tuple[Attention, ...]
    chat_template: str | None
    licence: str | None
    layers: tuple[Layer, ...] = ()
    input_bytes: int = 0  # the embedding matrix: read one row a token, always in RAM
    output_bytes: int = 0  # what turns the last layer into a choice of a token
    experts: int = 0
    experts_used: int = 0
    width: Width = field(default_factory=Width)
    task: str = "chat"  # chat, base, embedding or rerank
    read_types: tuple[tuple[str, int], ...] = ()  # weight types, and of each the bytes read for one new token

    @property
    def recurrent(self) -> tuple[Recurrent, ...]:
        return tuple(layer.recurrent for layer in self.layers if layer.recurrent)

    @property
    def expert_bytes(self) -> int:
        return sum(layer.expert_bytes for layer in self.layers)

    @property
    def read_bytes(self) -> int:
        """The weights that one new token is calculated from: no unused experts, one row of the embeddings."""
        used = self.experts_used / self.experts if self.experts else 1.0
        layers = sum(y.weights_bytes - y.expert_bytes + used * y.expert_bytes for y in self.layers)
        return round(layers + self.output_bytes) if self.layers else self.weights_bytes

    @property
    def read_parameters(self) -> int:
        """As `read_bytes`, in parameters: each is one multiplication and one addition for a token."""
        return round(self.parameters * self.read_bytes / self.weights_bytes) if self.weights_bytes else 0


def shape_of(header: Header, *, name: str) -> ModelShape:
    """The shape in a file's header. Raises BadModelFile where the file contradicts itself or leaves out a figure."""
    meta = header.metadata
    architecture = meta.get("general.architecture")
    if not isinstance(architecture, str) or not re.fullmatch(r"[A-Za-z0-9_.\-]{1,64}", architecture):
        raise BadModelFile(f"not a usable model file: {name}: it does not name its architecture")
    if not header.tensors:
        raise BadModelFile(f"not a usable model file: {name}: it holds no tensors")
    figures = Figures(meta, architecture, name)
    all_layers = figures.whole("block_count")
    if all_layers > MOST_LAYERS:
        raise BadModelFile(f"not a usable model file: {name}: {all_layers} layers")
    tensors = _Tensors(header.tensors, all_layers - min(all_layers - 1, figures.whole("nextn_predict_layers", 0)))
    layers = _layers(figures, tensors, all_layers)
    file_type = meta.get("general.file_type")
    template = _text(meta.get("tokenizer.chat_template"))
    return ModelShape(
        architecture=architecture,
        parameters=sum(t.elements for t in header.tensors),
        quantization=FILE_TYPES.get(file_type, "unknown") if isinstance(file_type, int) else "unknown",
        trained_context_tokens=figures.whole("context_length"),
        weights_bytes=tensors.loaded_bytes,
        attention=tuple(layer.attention for layer in layers if layer.attention),
        chat_template=template,
        licence=_text(meta.get("general.license")),
        layers=layers,
        input_bytes=tensors.input_bytes,
        output_bytes=tensors.output_bytes,
        experts=figures.whole("expert_count", 0),
        experts_used=figures.whole("expert_used_count", 0),
        width=_width(figures, tensors, all_layers),
        task=_task(figures, tensors, template),
        read_types=tensors.read_types(
            figures.whole("expert_used_count", 0) / max(1, figures.whole("expert_count", 0)) or 1.0
        ),
    )


class Figures:
    """The keys of one architecture, with what each must be."""

    def __init__(self, metadata: dict[str, Any], architecture: str, name: str) -> None:
        self.metadata, self.architecture, self.name = metadata, architecture, name

    def get(self, key: str) -> Any:
        return self.metadata.get(f"{self.architecture}.{key}")

    def whole(self, key: str, default: int | None = None) -> int:
        """The figure; without a default it must be there and at least 1."""
        value = self.get(key)
        if value is None and default is not None:
            return default
        if default is not None and isinstance(value, list) and value and all(_is_whole(v, 0, MOST_SIZE) for v in value):
            value = max(value)
        if not _is_whole(value, 1 if default is None else 0, (1 << 32) - 1):
            raise self.bad(key, self.get(key))
        return int(value)

    def per_layer(self, key: str, default: list[int]) -> list[int]:
        """One figure for each layer, as many as `default` has: a number stands for all of them."""
        value, layers = self.get(key), len(default)
        if value is None:
            return default
        values = value[:layers] if isinstance(value, list) else [value] * layers
        if len(values) < layers or not all(_is_whole(v, 0, MOST_HEADS) for v in values):
            raise self.bad(key, value)
        return values

    def bad(self, key: str, value: Any) -> BadModelFile:
        words = f"{self.architecture}.{key} is {shown(str(value))}"
        return BadModelFile(f"not a usable model file: {self.name}: {words}")


class _Tensors:
    """The tensors by the layer that they belong to; those of layers that are not loaded are left out."""

    def __init__(self, tensors: tuple[Tensor, ...], loaded_layers: int) -> None:
        self.of_layer: dict[int, dict[str, Tensor]] = {}
        self.others: dict[str, Tensor] = {}
        for tensor in tensors:
            found = re.match(r"blk\.(\d{1,9})\.(.+)", tensor.name)
            if not found:
                self.others[tensor.name] = tensor
            elif int(found[1]) < loaded_layers:
                self.of_layer.setdefault(int(found[1]), {})[found[2]] = tensor
        self.loaded_layers = loaded_layers

    @property
    def loaded_bytes(self) -> int:
        own = sum(t.size_bytes for layer in self.of_layer.values() for t in layer.values())
        return own + sum(t.size_bytes for t in self.others.values())

    @property
    def input_bytes(self) -> int:
        return sum(t.size_bytes for name, t in self.others.items() if name in INPUTS)

    @property
    def output_bytes(self) -> int:
        """The output matrix, or the embedding matrix where it is used as one; and the norm before it."""
        matrix = self.others.get("output.weight") or self.others.get("token_embd.weight")
        rest = sum(t.size_bytes for n, t in self.others.items() if n not in INPUTS and n != "output.weight")
        return rest + (matrix.size_bytes if matrix else 0)

    def read_types(self, experts_used: float) -> tuple[tuple[str, int], ...]:
        """The bytes of each weight type that one new token needs; of experts the part that is used."""
        found: dict[str, float] = {}
        output = self.others.get("output.weight") or self.others.get("token_embd.weight")
        for layer in (*self.of_layer.values(), {"output": output} if output else {}):
            for name, t in layer.items():
                share = experts_used if "_exps." in name else 1.0
                found[t.type] = found.get(t.type, 0) + share * t.size_bytes
        return tuple((kind, round(size)) for kind, size in sorted(found.items()))

    def widest(self, pattern: str, axis: int) -> int:
        """The largest size along one axis of all layers' tensors of a name."""
        regex = re.compile(pattern)
        sizes = [
            t.dimensions[axis]
            for layer in self.of_layer.values()
            for name, t in layer.items()
            if regex.fullmatch(name) and len(t.dimensions) > axis
        ]
        return max(sizes, default=0)

    def has(self, layer: int, pattern: str) -> bool:
        regex = re.compile(pattern)
        return any(regex.match(name) for name in self.of_layer.get(layer, ()))


INPUTS = ("token_embd.weight", "per_layer_token_embd.weight", "position_embd.weight", "token_types.weight")


def _layers(figures: Figures, tensors: _Tensors, all_layers: int) -> tuple[Layer, ...]:
    attention, state = _attention(figures, all_layers), _recurrent(figures)
    cached = all_layers - _shared_layers(figures, all_layers)
    result = []
    for index in range(tensors.loaded_layers):
        own = tensors.of_layer.get(index, {})
        recurrent = tensors.has(index, r"ssm_|shortconv\.|time_mix_")
        keys = tensors.has(index, r"attn_(k|kv_a_mqa|kv_b|k_b)\.") or not recurrent
        keeps = attention[index].kv_heads > 0 and keys and index < cached
        result.append(
            Layer(
                weights_bytes=sum(t.size_bytes for t in own.values()),
                expert_bytes=sum(t.size_bytes for n, t in own.items() if "_exps." in n),
                attention=attention[index] if keeps and figures.architecture not in NO_CACHE else None,
                recurrent=state if recurrent and state.values else None,
            )
        )
    return tuple(result)


def _attention(figures: Figures, layers: int) -> list[Attention]:
    heads = figures.per_layer("attention.head_count", [1] * layers)
    kv_heads = figures.per_layer("attention.head_count_kv", heads)
    size = max(1, figures.whole("embedding_length") // max(1, max(heads)))
    key, value = figures.whole("attention.key_length", size), figures.whole("attention.value_length", size)
    key_window = figures.whole("attention.key_length_swa", key)
    value_window = figures.whole("attention.value_length_swa", value)
    if figures.get("attention.key_length_mla") is not None and figures.get("attention.kv_lora_rank") is not None:
        value = value_window = 0
    windows = _windows(figures, layers)
    return [
        Attention(n, key_window, value_window, window) if window else Attention(n, key, value)
        for n, window in zip(kv_heads, windows, strict=True)
    ]


def _windows(figures: Figures, layers: int) -> list[int | None]:
    """The window of each layer. A window without a known pattern is not used: the whole context is the safe side."""
    window, pattern = figures.whole("attention.sliding_window", 0), figures.get("attention.sliding_window_pattern")
    every = FULL_EVERY.get(figures.architecture, 0)
    if isinstance(pattern, list):
        if len(pattern) < layers or not all(isinstance(p, bool | int) for p in pattern):
            raise figures.bad("attention.sliding_window_pattern", pattern)
        return [window if window and p else None for p in pattern[:layers]]
    if _is_whole(pattern, 1, MOST_LAYERS):
        every = int(pattern)
    return [window if window and every and i % every < every - 1 else None for i in range(layers)]


def _shared_layers(figures: Figures, layers: int) -> int:
    """How many of the last layers use the cache of an earlier one."""
    default = max(0, layers - 20) if figures.architecture == "gemma3n" else 0
    return min(layers, figures.whole("attention.shared_kv_layers", default))


def _recurrent(figures: Figures) -> Recurrent:
    """Source: llama_hparams::n_embd_r and n_embd_s."""
    hidden = figures.whole("embedding_length")
    if length := figures.whole("shortconv.l_cache", 0):
        return Recurrent(hidden * (length - 1), 0)
    if head := figures.whole("wkv.head_size", 0):
        return Recurrent(hidden * figures.whole("token_shift_count", 2), hidden * head)
    inner, state = figures.whole("ssm.inner_size", 0), figures.whole("ssm.state_size", 0)
    mixed = inner + 2 * figures.whole("ssm.group_count", 0) * state
    return Recurrent(max(0, figures.whole("ssm.conv_kernel", 0) - 1) * mixed, inner * state)


def _width(figures: Figures, tensors: _Tensors, layers: int) -> Width:
    heads = max(figures.per_layer("attention.head_count", [1] * layers))
    attention = _attention(figures, layers)
    hidden, key = figures.whole("embedding_length"), max(a.key_size for a in attention)
    per_layer = figures.whole("embedding_length_per_layer_input", 0)
    vocabulary = next((t.dimensions[-1] for n, t in tensors.others.items() if n == "token_embd.weight"), 0)
    return Width(
        hidden=hidden,
        heads=heads,
        query=heads * key,
        cached=max(a.kv_heads * a.key_size for a in attention),
        feed_forward=_feed_forward(figures, tensors),
        recurrent=_recurrent_width(figures, tensors),
        extra=2 * per_layer * tensors.loaded_layers,
        vocabulary=vocabulary,
    )


def _feed_forward(figures: Figures, tensors: _Tensors) -> int:
    up, gated = tensors.widest(r"ffn_up\.weight", 1), tensors.widest(r"ffn_gate\.weight", 1)
    size = max(up, gated, 0) or figures.whole("feed_forward_length", 0)
    down = tensors.widest(r"ffn_down\.weight", 0)
    dense = 3 * size if gated else (size + down if down and down < size else size)
    used, hidden = figures.whole("expert_used_count", 0), figures.whole("embedding_length")
    expert = tensors.widest(r"ffn_(up|gate)_exps\.weight", 1)
    # what the experts give lies where gate and up were, if it has room there
    mixture = used * (3 * expert + (hidden if hidden > 2 * expert else 0)) if expert else 0
    return max(dense, mixture)


def _recurrent_width(figures: Figures, tensors: _Tensors) -> int:
    """Found by fitting llama.cpp's reservations for Mamba-2 and gated delta nets (docs/fit.md)."""
    inner, mixed = figures.whole("ssm.inner_size", 0), tensors.widest(r"ssm_conv1d\.weight", 1)
    if projected := tensors.widest(r"ssm_in\.weight", 1):
        return projected + 2 * mixed + 3 * inner - 4 * figures.whole("embedding_length")
    return 2 * mixed


def _task(figures: Figures, tensors: _Tensors, template: str | None) -> str:
    pooling = figures.get("pooling_type")
    if pooling == POOLING_RANK or any(name.startswith("cls") for name in tensors.others):
        return "rerank"
    if figures.architecture in NO_CACHE or pooling in (1, 2, 3):
        return "embedding"
    return "chat" if template is not None else "base"


def vocabulary_of(header: Header) -> int:
    """The number of tokens in the file's tokenizer; 0 where it has none."""
    tokens = header.metadata.get("tokenizer.ggml.tokens")
    return tokens.count if isinstance(tokens, Elements) else len(tokens) if isinstance(tokens, list) else 0


def _is_whole(value: Any, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
