"""Models of two layers and 32 hidden values with random weights, of each architecture that training knows.

llama.cpp loads and runs them. Their tokens are the 256 bytes, so that any text is one.
"""

import array
import importlib
import os
import random
import struct
from collections.abc import Mapping
from typing import Any

import pytest

from tests.gguf_files import ALIGNMENT, float_value
from tests.hub import F32, number_value, numbers_value, string, text_value, texts_value

F16 = 1
WIDTH, HEADS, KV_HEADS, SIZE, FED, LAYERS = 32, 4, 2, 8, 64, 2
Values = Mapping[str, bytes]


def torch_needed() -> Any:
    """torch; without it the tests of a file are skipped, in CI they fail."""
    return importlib.import_module("torch") if os.environ.get("CI") else pytest.importorskip("torch")


def letters() -> list[str]:
    """Each byte as GPT-2's vocabulary writes it."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = (n for n in range(256) if n not in plain)
    named = {n: chr(n) for n in plain} | {n: chr(256 + k) for k, n in enumerate(others)}
    return [named[n] for n in range(256)]


TOKENS = [*letters(), "Ġt", "<|end|>"]


def tokenizer(*, tokens: list[str] | None = None) -> dict[str, bytes]:
    own = tokens or TOKENS
    return {
        "tokenizer.ggml.model": text_value("gpt2"),
        "tokenizer.ggml.pre": text_value("gpt-2"),
        "tokenizer.ggml.tokens": texts_value(own),
        "tokenizer.ggml.token_type": numbers_value([1] * (len(own) - 1) + [3]),
        "tokenizer.ggml.merges": texts_value(["Ġ t"]),
        "tokenizer.ggml.eos_token_id": number_value(len(own) - 1),
        "tokenizer.ggml.bos_token_id": number_value(len(own) - 1),
        "tokenizer.chat_template": text_value(
            "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}assistant:"
        ),
    }


def figures(architecture: str, *, layers: int, heads: int, fed: int) -> dict[str, bytes]:
    whole = {
        "block_count": layers,
        "context_length": 1024,
        "embedding_length": WIDTH,
        "feed_forward_length": fed,
        "attention.head_count": heads,
        "attention.head_count_kv": heads // 2,
        "attention.key_length": SIZE,
        "attention.value_length": SIZE,
        "rope.dimension_count": SIZE,
    }
    found = {f"{architecture}.{key}": number_value(number) for key, number in whole.items()}
    found[f"{architecture}.attention.layer_norm_rms_epsilon"] = float_value(1e-5)
    found[f"{architecture}.rope.freq_base"] = float_value(10_000.0)
    if architecture == "gemma3":
        found["gemma3.attention.sliding_window"] = number_value(24)
        found["gemma3.rope.freq_base"] = float_value(1_000_000.0)
    return found


def shapes(architecture: str, *, layers: int, heads: int, fed: int, vocabulary: int) -> dict[str, tuple[int, ...]]:
    query, shared = heads * SIZE, heads // 2 * SIZE
    found: dict[str, tuple[int, ...]] = {"token_embd.weight": (WIDTH, vocabulary), "output_norm.weight": (WIDTH,)}
    for n in range(layers):
        own: dict[str, tuple[int, ...]] = {
            "attn_norm.weight": (WIDTH,),
            "attn_q.weight": (WIDTH, query),
            "attn_k.weight": (WIDTH, shared),
            "attn_v.weight": (WIDTH, shared),
            "attn_output.weight": (query, WIDTH),
            "ffn_norm.weight": (WIDTH,),
            "ffn_gate.weight": (WIDTH, fed),
            "ffn_up.weight": (WIDTH, fed),
            "ffn_down.weight": (fed, WIDTH),
        }
        if architecture == "qwen2":
            own |= {"attn_q.bias": (query,), "attn_k.bias": (shared,), "attn_v.bias": (shared,)}
        if architecture in ("qwen3", "gemma3"):
            own |= {"attn_q_norm.weight": (SIZE,), "attn_k_norm.weight": (SIZE,)}
        if architecture == "gemma3":
            own |= {"post_attention_norm.weight": (WIDTH,), "post_ffw_norm.weight": (WIDTH,)}
        found |= {f"blk.{n}.{name}": shape for name, shape in own.items()}
    return found


def tiny(  # noqa: PLR0913
    architecture: str = "llama",
    *,
    kind: int = F32,
    layers: int = LAYERS,
    heads: int = HEADS,
    fed: int = FED,
    tokens: list[str] | None = None,
    seed: int = 1,
    scale: float = 0.25,
) -> bytes:
    """A GGUF file; its matrices in 32 or 16 bits."""
    metadata = {
        "general.architecture": text_value(architecture),
        "general.license": text_value("apache-2.0"),
        **figures(architecture, layers=layers, heads=heads, fed=fed),
        **tokenizer(tokens=tokens),
    }
    chance, rows, weights = random.Random(seed), b"", b""
    wanted = shapes(architecture, layers=layers, heads=heads, fed=fed, vocabulary=len(tokens or TOKENS))
    for name, shape in wanted.items():
        own = kind if len(shape) > 1 else F32
        rows += string(name) + struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
        rows += struct.pack("<IQ", own, len(weights))
        count = shape[0] * (shape[1] if len(shape) > 1 else 1)
        middle = 1.0 if name.endswith("norm.weight") else 0.0
        values = [chance.gauss(middle, scale) for _ in range(count)]
        weights += struct.pack(f"<{count}e", *values) if own == F16 else array.array("f", values).tobytes()
        weights += bytes(-len(weights) % ALIGNMENT)
    head = struct.pack("<4sIQQ", b"GGUF", 3, len(wanted), len(metadata))
    head += b"".join(string(key) + value for key, value in metadata.items()) + rows
    return head + bytes(-len(head) % ALIGNMENT) + weights
