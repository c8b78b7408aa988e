"""Which layers, channels and heads of a model matter least on a text, and the model without them. In a child process.

Depth: layers that change what goes through them least are tried (block influence, ShortGPT, arXiv 2403.03853); the one
goes without which the model is nearest to its parent, measured, one after the other. Width: a channel counts as much
as what goes through it is large, times its column (Minitron, arXiv 2407.14679; a head likewise).
"""

import re
from collections.abc import Callable, Container, Sequence
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from domov.optimize.architecture import Architecture
from domov.optimize.network import Network, Weights

TRIED_FOR_ONE = 2  # candidates for each layer to go, and
TRIED_MORE = 4  # so many more
Done = Callable[[int, int], None]


@torch.no_grad()
def influences(network: Network, pieces: Sequence[Tensor]) -> list[float]:
    """For each layer how far it turns what goes through it: 1 - cosine, the mean over all tokens."""
    found = [0.0] * network.architecture.layers
    for piece in pieces:
        x = network.embedded(piece)
        for number in range(len(found)):
            after = network.layer(number, x)
            found[number] += float(1 - F.cosine_similarity(x, after, dim=-1).mean()) / len(pieces)
            x = after
    return found


@torch.no_grad()
def least_needed_layers(network: Network, pieces: Sequence[Tensor], count: int, done: Done) -> list[int]:
    """The layers to leave out, as they are numbered in the model. The first and the last stay."""
    influence = influences(network, pieces)
    inner = sorted(range(1, network.architecture.layers - 1), key=lambda n: influence[n])
    candidates = inner[: TRIED_FOR_ONE * count + TRIED_MORE]
    parent = [_likelihoods(network, _through(network, network.embedded(piece))) for piece in pieces]
    gone: list[int] = []
    trials, tried = sum(len(candidates) - n for n in range(count)), 0
    for _ in range(count):
        reached = [_states(network, piece, set(gone)) for piece in pieces]
        losses = {}
        for candidate in (n for n in candidates if n not in gone):
            done(tried, trials)
            left_out, start = {*gone, candidate}, candidate + 1
            ends = (_through(network, states[candidate], start=start, left_out=left_out) for states in reached)
            own = (_likelihoods(network, end) for end in ends)
            losses[candidate] = sum(float(divergence(*pair)) for pair in zip(parent, own, strict=True))
            tried += 1
        gone.append(min(losses, key=lambda n: losses[n]))
    return sorted(gone)


def _states(network: Network, piece: Tensor, left_out: set[int]) -> list[Tensor]:
    """What goes into each layer: a trial without one begins there."""
    x, found = network.embedded(piece), []
    for number in range(network.architecture.layers):
        found.append(x)
        x = x if number in left_out else network.layer(number, x)
    return found


def _through(network: Network, x: Tensor, *, start: int = 0, left_out: Container[int] = ()) -> Tensor:
    """What the head makes logits of, from what goes into one of the layers."""
    for number in range(start, network.architecture.layers):
        x = x if number in left_out else network.layer(number, x)
    return network.last(x)


def _likelihoods(network: Network, hidden: Tensor) -> Tensor:
    return network.logits(hidden).log_softmax(-1)


def divergence(parent: Tensor, own: Tensor) -> Tensor:
    """Kullback-Leibler, mean over the tokens, in nats; both are natural logarithms."""
    return F.kl_div(own, parent, log_target=True, reduction="none").sum(-1).mean()


def without_layers(network: Network, gone: Sequence[int]) -> Network:
    """The model without these layers; those after them move up."""
    a = network.architecture
    places = {old: new for new, old in enumerate(n for n in range(a.layers) if n not in gone)}
    weights = {}
    for name, weight in network.weights.items():
        layer = re.match(r"blk\.(\d+)\.(.+)", name)
        if layer is None:
            weights[name] = weight
        elif int(layer[1]) in places:
            weights[f"blk.{places[int(layer[1])]}.{layer[2]}"] = weight
    return Network(replace(a, layers=len(places)), weights)


@torch.no_grad()
def sums_of_squares(network: Network, pieces: Sequence[Tensor]) -> dict[str, Tensor]:
    """For each matrix that brings back what a layer has found: how large each of its columns' inputs is."""
    sums: dict[str, Tensor] = {}

    def watch(name: str, x: Tensor) -> None:
        if name.endswith(("ffn_down", "attn_output")):
            squares = x.float().square().sum(dim=(0, 1))
            sums[name] = sums[name] + squares if name in sums else squares

    watched = Network(network.architecture, network.weights, watch)
    for piece in pieces:
        watched.hidden(piece)
    return sums


def importance_of_columns(network: Network, pieces: Sequence[Tensor]) -> dict[str, Tensor]:
    """The size of what goes through each column, times the size of the column itself."""
    sums = sums_of_squares(network, pieces)
    return {name: x.sqrt() * network.weights[f"{name}.weight"].float().norm(dim=0) for name, x in sums.items()}


def narrower(network: Network, channels: int, importance: dict[str, Tensor]) -> Network:
    """The model with so many channels of feed-forward in each layer: the most important ones, in their order."""
    weights = dict(network.weights)
    for n in range(network.architecture.layers):
        kept = importance[f"blk.{n}.ffn_down"].topk(channels).indices.sort().values
        for part in ("ffn_gate", "ffn_up"):
            weights[f"blk.{n}.{part}.weight"] = weights[f"blk.{n}.{part}.weight"][kept]
        weights[f"blk.{n}.ffn_down.weight"] = weights[f"blk.{n}.ffn_down.weight"][:, kept]
    return Network(replace(network.architecture, feed_forward=channels), weights)


def fewer_heads(network: Network, groups: int, importance: dict[str, Tensor]) -> Network:
    """The model with so many heads of keys in each layer, and with the heads that ask them."""
    a, weights = network.architecture, dict(network.weights)
    shared, size = a.heads // a.kv_heads, a.head_size
    for n in range(a.layers):
        by_group = importance[f"blk.{n}.attn_output"].view(a.kv_heads, shared * size).square().sum(dim=1)
        kept = by_group.topk(groups).indices.sort().values
        rows = {"attn_q": _rows(kept, shared * size), "attn_k": _rows(kept, size), "attn_v": _rows(kept, size)}
        for part, own in rows.items():
            for kind in ("weight", "bias"):
                if (name := f"blk.{n}.{part}.{kind}") in weights:
                    weights[name] = weights[name][own]
        output = f"blk.{n}.attn_output.weight"
        weights[output] = weights[output][:, rows["attn_q"]]
    return Network(replace(a, heads=groups * shared, kv_heads=groups), weights)


def _rows(kept: Tensor, size: int) -> Tensor:
    return (kept[:, None] * size + torch.arange(size, device=kept.device)).flatten()


def parameters(weights: Weights) -> int:
    return sum(weight.numel() for weight in weights.values())


def smaller(network: Network, wanted: Architecture, pieces: Sequence[Tensor], done: Done) -> tuple[Network, list[int]]:
    """The model with the sizes of `wanted`, and the layers that it is without. Its weights may be the parent's own."""
    gone: list[int] = []
    if (count := network.architecture.layers - wanted.layers) > 0:
        gone = least_needed_layers(network, pieces, count, done)
        network = without_layers(network, gone)
    if wanted.feed_forward < network.architecture.feed_forward or wanted.kv_heads < network.architecture.kv_heads:
        importance = importance_of_columns(network, pieces)
        if wanted.feed_forward < network.architecture.feed_forward:
            network = narrower(network, wanted.feed_forward, importance)
        if wanted.kv_heads < network.architecture.kv_heads:
            network = fewer_heads(network, wanted.kv_heads, importance)
    return network, gone
