"""What a model is made of, as its file says: the figures that memory and speed follow from."""

import re
from dataclasses import dataclass
from typing import Any

from domov.errors import BadModelFile
from domov.store.gguf import FILE_TYPES, Header
from domov.store.names import shown

MOST_LAYERS = 4096
MOST_HEADS = 1 << 16


@dataclass(frozen=True, slots=True)
class Attention:
    """One attention layer, as read from the model file; never derived from other figures where the file has them."""

    kv_heads: int
    key_size: int  # values per head; hidden / heads is wrong for Qwen3 and Gemma
    value_size: int
    window_tokens: int | None = None  # None: the layer sees the whole context


@dataclass(frozen=True, slots=True)
class ModelShape:
    architecture: str
    parameters: int
    quantization: str
    trained_context_tokens: int
    weights_bytes: int
    attention: tuple[Attention, ...]
    chat_template: str | None
    licence: str | None


def shape_of(header: Header, *, name: str) -> ModelShape:
    """The shape in a file's header. Raises BadModelFile where the file contradicts itself or leaves out a figure."""
    meta = header.metadata
    architecture = meta.get("general.architecture")
    if not isinstance(architecture, str) or not re.fullmatch(r"[A-Za-z0-9_.\-]{1,64}", architecture):
        raise BadModelFile(f"not a usable model file: {name}: it does not name its architecture")
    if not header.tensors:
        raise BadModelFile(f"not a usable model file: {name}: it holds no tensors")
    figures = _Figures(meta, architecture, name)
    layers = figures.whole("block_count")
    file_type = meta.get("general.file_type")
    return ModelShape(
        architecture=architecture,
        parameters=sum(t.elements for t in header.tensors),
        quantization=FILE_TYPES.get(file_type, "unknown") if isinstance(file_type, int) else "unknown",
        trained_context_tokens=figures.whole("context_length"),
        weights_bytes=sum(t.size_bytes for t in header.tensors),
        attention=_attention(figures, layers),
        chat_template=_text(meta.get("tokenizer.chat_template")),
        licence=_text(meta.get("general.license")),
    )


class _Figures:
    """The keys of one architecture, with what each must be."""

    def __init__(self, metadata: dict[str, Any], architecture: str, name: str) -> None:
        self.metadata, self.architecture, self.name = metadata, architecture, name

    def get(self, key: str) -> Any:
        return self.metadata.get(f"{self.architecture}.{key}")

    def whole(self, key: str, default: int | None = None) -> int:
        value = self.get(key)
        if value is None and default is not None:
            return default
        if not _is_whole(value, 1, (1 << 32) - 1):
            raise self.bad(key, value)
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


def _attention(figures: _Figures, layers: int) -> tuple[Attention, ...]:
    if layers > MOST_LAYERS:
        raise BadModelFile(f"not a usable model file: {figures.name}: {layers} layers")
    heads = figures.per_layer("attention.head_count", [1] * layers)
    kv_heads = figures.per_layer("attention.head_count_kv", heads)
    size = figures.whole("embedding_length") // max(1, max(heads))
    key_size = figures.whole("attention.key_length", max(1, size))
    value_size = figures.whole("attention.value_length", max(1, size))
    return tuple(Attention(n, key_size, value_size) for n in kv_heads if n > 0)


def _is_whole(value: Any, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
