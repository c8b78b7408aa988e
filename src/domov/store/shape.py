"""What a model is made of, as its file says: the figures that memory and speed follow from."""

from dataclasses import dataclass
from typing import Any

from domov.errors import BadModelFile
from domov.store.gguf import FILE_TYPES, Elements, Header


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
    if not isinstance(architecture, str):
        raise BadModelFile(f"not a usable model file: {name}: it does not name its architecture")
    figures = _Figures(meta, architecture, name)
    layers = figures.whole("block_count")
    return ModelShape(
        architecture=architecture,
        parameters=sum(t.elements for t in header.tensors),
        quantization=FILE_TYPES.get(meta.get("general.file_type", -1), "unknown"),
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
        if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 1 << 32:
            raise BadModelFile(f"not a usable model file: {self.name}: {self.architecture}.{key} is {value!r}")
        return value

    def per_layer(self, key: str, layers: int, default: int) -> list[int]:
        """One figure for each layer: a number stands for all of them."""
        value = self.get(key)
        if isinstance(value, list) and len(value) >= layers and all(isinstance(v, int) for v in value):
            return value[:layers]
        return [self.whole(key, default)] * layers


def _attention(figures: _Figures, layers: int) -> tuple[Attention, ...]:
    if layers > 4096:
        raise BadModelFile(f"not a usable model file: {figures.name}: {layers} layers")
    heads = figures.per_layer("attention.head_count", layers, 1)
    kv_heads = figures.per_layer("attention.head_count_kv", layers, heads[0])
    size = figures.whole("embedding_length") // max(1, max(heads))
    key_size = figures.whole("attention.key_length", max(1, size))
    value_size = figures.whole("attention.value_length", max(1, size))
    return tuple(Attention(n, key_size, value_size) for n in kv_heads if n > 0)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and not isinstance(value, Elements) else None
