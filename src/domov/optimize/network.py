"""A model as torch calculates it: the same as llama.cpp, with the weights under their names in a GGUF file.

Only in a child process, and only there is torch imported. Weights stay in the file's own order (llama.cpp permutes the
queries and keys of Llama for its rotation, and adds one to Gemma's norms): nothing is converted, going in or out.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from domov.optimize.architecture import Architecture

Weights = Mapping[str, Tensor]
Watch = Callable[[str, Tensor], None]  # (name of a matrix, what goes into it)
ADAPTER_SCALE = 2.0  # alpha is twice the rank
EMBEDDING, OUTPUT, ROPE_FACTORS = "token_embd.weight", "output.weight", "rope_freqs.weight"


class Network:
    """One model. `x` below is (texts, tokens, hidden), in 32 bits."""

    def __init__(self, architecture: Architecture, weights: Weights, watch: Watch | None = None) -> None:
        self.architecture, self.weights, self._watch = architecture, weights, watch
        self.adapters: dict[str, tuple[Tensor, Tensor]] = {}  # of matrices: what is added to them, as two thin ones

    @property
    def head(self) -> Tensor:
        """The matrix that turns the last hidden values into logits."""
        return self.weights.get(OUTPUT, self.weights[EMBEDDING])

    def embedded(self, tokens: Tensor) -> Tensor:
        x = F.embedding(tokens, self.weights[EMBEDDING]).float()
        return x * self.architecture.hidden**0.5 if self.architecture.gemma else x

    def layer(self, number: int, x: Tensor) -> Tensor:
        attended = self._attention(number, self._norm(x, f"blk.{number}.attn_norm"))
        x = x + self._norm(attended, f"blk.{number}.post_attention_norm")
        fed = self._feed_forward(number, self._norm(x, f"blk.{number}.ffn_norm"))
        return x + self._norm(fed, f"blk.{number}.post_ffw_norm")

    def hidden(self, tokens: Tensor) -> Tensor:
        """What the head makes logits of."""
        x = self.embedded(tokens)
        for number in range(self.architecture.layers):
            x = self.layer(number, x)
        return self.last(x)

    def last(self, x: Tensor) -> Tensor:
        return self._norm(x, "output_norm")

    def logits(self, hidden: Tensor) -> Tensor:
        found = F.linear(hidden, self._same_type(self.head, hidden)).float()
        cap = self.architecture.softcap
        return cap * torch.tanh(found / cap) if cap else found

    def _same_type(self, weight: Tensor, x: Tensor) -> Tensor:
        return weight if torch.is_autocast_enabled(x.device.type) else weight.to(x.dtype)

    def _norm(self, x: Tensor, name: str) -> Tensor:
        """Root mean square, in 32 bits. A norm that the model has not changes nothing."""
        weight = self.weights.get(f"{name}.weight")
        if weight is None:
            return x
        x = x.float()
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.architecture.epsilon) * weight.float()

    def _product(self, x: Tensor, name: str) -> Tensor:
        if self._watch:
            self._watch(name, x)
        bias = self.weights.get(f"{name}.bias")
        weight = self._same_type(self.weights[f"{name}.weight"], x)
        found = F.linear(x, weight, None if bias is None else self._same_type(bias, x))
        if adapter := self.adapters.get(f"{name}.weight"):
            first, second = adapter
            found = found + ADAPTER_SCALE * F.linear(F.linear(x, first), second)
        return found

    def _feed_forward(self, number: int, x: Tensor) -> Tensor:
        gate, up = self._product(x, f"blk.{number}.ffn_gate"), self._product(x, f"blk.{number}.ffn_up")
        active = F.gelu(gate, approximate="tanh") if self.architecture.gemma else F.silu(gate)
        return self._product(active * up, f"blk.{number}.ffn_down")

    def _attention(self, number: int, x: Tensor) -> Tensor:
        a, (texts, tokens, _) = self.architecture, x.shape
        window = a.window_of(number)
        q = self._product(x, f"blk.{number}.attn_q").view(texts, tokens, a.heads, a.head_size)
        k = self._product(x, f"blk.{number}.attn_k").view(texts, tokens, a.kv_heads, a.head_size)
        v = self._product(x, f"blk.{number}.attn_v").view(texts, tokens, a.kv_heads, a.head_size)
        q, k = self._norm(q, f"blk.{number}.attn_q_norm"), self._norm(k, f"blk.{number}.attn_k_norm")
        angles = self._angles(tokens, windowed=window > 0, device=x.device)
        q, k = rotated(q, *angles, neighbours=a.interleaved), rotated(k, *angles, neighbours=a.interleaved)
        q, k, v = ((one.to(v.dtype).transpose(1, 2)) for one in (q, k, v))
        k, v = (one.repeat_interleave(a.heads // a.kv_heads, dim=1) for one in (k, v))
        seen = None if not window or tokens <= window else _window(tokens, window, x.device)
        found = F.scaled_dot_product_attention(q, k, v, seen, is_causal=seen is None, scale=a.query_scale)
        return self._product(found.transpose(1, 2).reshape(texts, tokens, -1), f"blk.{number}.attn_output")

    def _angles(self, tokens: int, *, windowed: bool, device: torch.device) -> tuple[Tensor, Tensor]:
        """Cosines and sines for each place and each pair of values: (tokens, 1, size / 2)."""
        a = self.architecture
        base, factor = (a.window_rope_base, 1.0) if windowed else (a.rope_base, a.rope_factor)
        turns = _turns(a.head_size, base, factor)
        if not windowed and (factors := self.weights.get(ROPE_FACTORS)) is not None:
            turns = turns / factors.double().cpu()
        angles = torch.arange(tokens, dtype=torch.float64)[:, None, None] * turns
        return angles.cos().float().to(device), angles.sin().float().to(device)


@lru_cache
def _turns(size: int, base: float, factor: float) -> Tensor:
    return base ** (-torch.arange(0, size, 2, dtype=torch.float64) / size) / factor


def rotated(x: Tensor, cosines: Tensor, sines: Tensor, *, neighbours: bool) -> Tensor:
    """Each pair of values turned by the angle of its place. x: (texts, tokens, heads, size)."""
    if neighbours:
        first, second = x[..., 0::2], x[..., 1::2]
        turned = (first * cosines - second * sines, first * sines + second * cosines)
        return torch.stack(turned, dim=-1).flatten(-2)
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cosines - second * sines, first * sines + second * cosines), dim=-1)


def _window(tokens: int, window: int, device: torch.device) -> Tensor:
    """True where a token sees another: itself and the window - 1 before it."""
    every = torch.ones(tokens, tokens, dtype=torch.bool, device=device)
    return every.tril() & every.triu(1 - window)
