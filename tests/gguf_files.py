"""Small GGUF files that llama.cpp really loads: adapters and encoders with random weights."""

import array
import random
import struct
from collections.abc import Mapping, Sequence
from math import prod

from tests.hub import F32, number_value, numbers_value, string, text_value, texts_value

Shape = tuple[int, ...]  # as ggml counts: the first dimension varies fastest
ALIGNMENT = 32


def float_value(number: float) -> bytes:
    return struct.pack("<If", 6, number)


def flag_value(value: bool) -> bytes:
    return struct.pack("<I?", 7, value)


def random_gguf(metadata: Mapping[str, bytes], shapes: Mapping[str, Shape], *, scale: float = 0.1) -> bytes:
    """A file whose tensors are normally distributed 32-bit floats; norms' weights lie around 1."""
    chance, rows, weights = random.Random(1), b"", b""
    for name, shape in shapes.items():
        rows += (
            string(name) + struct.pack(f"<I{len(shape)}Q", len(shape), *shape) + struct.pack("<IQ", F32, len(weights))
        )
        middle = 1.0 if name.endswith("norm.weight") else 0.0
        weights += array.array("f", [chance.gauss(middle, scale) for _ in range(prod(shape))]).tobytes()
        weights += bytes(-len(weights) % ALIGNMENT)
    head = struct.pack("<4sIQQ", b"GGUF", 3, len(shapes), len(metadata))
    head += b"".join(string(key) + value for key, value in metadata.items()) + rows
    return head + bytes(-len(head) % ALIGNMENT) + weights


def lora_adapter(*, architecture: str = "llama", layers: int = 30, width: int = 576, scale: float = 0.5) -> bytes:
    """An adapter of rank 4 on the query weights; the sizes are SmolLM2-135M's."""
    rank = 4
    shapes = {
        f"blk.{layer}.attn_q.weight.lora_{part}": shape
        for layer in range(layers)
        for part, shape in (("a", (width, rank)), ("b", (rank, width)))
    }
    metadata = {
        "general.type": text_value("adapter"),
        "general.architecture": text_value(architecture),
        "adapter.type": text_value("lora"),
        "adapter.lora.alpha": float_value(4.0),
    }
    return random_gguf(metadata, shapes, scale=scale)


WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "▁house", "▁sea", "▁red", "▁apple", "▁the", "▁by")
WIDTH, INNER, CONTEXT_TOKENS = 32, 64, 64


def bert(*, pooling: int | None = 1, words: Sequence[str] = WORDS) -> bytes:
    """An encoder of one layer. pooling: 1 mean, 2 cls, 4 rank (with a classifier of one output), None: not said."""
    figures = {"block_count": 1, "context_length": CONTEXT_TOKENS, "embedding_length": WIDTH}
    figures |= {"feed_forward_length": INNER, "attention.head_count": 2}
    figures |= {"pooling_type": pooling} if pooling is not None else {}
    metadata = {
        "general.architecture": text_value("bert"),
        **{f"bert.{key}": number_value(number) for key, number in figures.items()},
        "bert.attention.layer_norm_epsilon": float_value(1e-12),
        "bert.attention.causal": flag_value(False),
        "tokenizer.ggml.model": text_value("bert"),
        "tokenizer.ggml.pre": text_value("default"),
        "tokenizer.ggml.tokens": texts_value(words),
        "tokenizer.ggml.token_type": numbers_value([3] * 5 + [1] * (len(words) - 5)),
        "tokenizer.ggml.token_type_count": number_value(2),
        "tokenizer.ggml.unknown_token_id": number_value(1),
        "tokenizer.ggml.cls_token_id": number_value(2),
        "tokenizer.ggml.bos_token_id": number_value(2),
        "tokenizer.ggml.seperator_token_id": number_value(3),
        "tokenizer.ggml.padding_token_id": number_value(0),
        "tokenizer.ggml.mask_token_id": number_value(4),
    }
    shapes: dict[str, Shape] = {
        "token_embd.weight": (WIDTH, len(words)),
        "position_embd.weight": (WIDTH, CONTEXT_TOKENS),
        "token_types.weight": (WIDTH, 2),
        **_norm("token_embd_norm", WIDTH),
        **_linear("blk.0.attn_q", WIDTH, WIDTH),
        **_linear("blk.0.attn_k", WIDTH, WIDTH),
        **_linear("blk.0.attn_v", WIDTH, WIDTH),
        **_linear("blk.0.attn_output", WIDTH, WIDTH),
        **_norm("blk.0.attn_output_norm", WIDTH),
        **_linear("blk.0.ffn_up", WIDTH, INNER),
        **_linear("blk.0.ffn_down", INNER, WIDTH),
        **_norm("blk.0.layer_output_norm", WIDTH),
    }
    if pooling == 4:
        shapes |= {**_linear("cls", WIDTH, WIDTH), **_linear("cls.output", WIDTH, 1)}
    return random_gguf(metadata, shapes)


def _linear(name: str, inputs: int, outputs: int) -> dict[str, Shape]:
    return {f"{name}.weight": (inputs, outputs), f"{name}.bias": (outputs,)}


def _norm(name: str, width: int) -> dict[str, Shape]:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}
