"""Where a model's parts lie: on graphics cards as many layers as fit, the rest in RAM, and what RAM has no room for
is read from the disk again for each token (the file is mapped).

Pure. llama.cpp puts the last layers on the cards, the first of those on the first card; the embedding matrix stays in
RAM. A mixture of experts that does not fit leaves the experts of its first layers in RAM, which costs less.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from domov.hardware.machine import Gpu, Machine
from domov.sizing.cache import state_bytes
from domov.sizing.memory import PROCESS_BYTES, layer_cache_bytes, layers_of, memory
from domov.sizing.settings import Settings
from domov.store.shape import ModelShape

GPU_RESERVE_BYTES = 500_000_000  # a driver's own, and what a desktop may want next
TIGHT = 0.9
RAM = "RAM"


@dataclass(frozen=True, slots=True)
class Share:
    """What lies on one device."""

    device: str
    weights_bytes: int
    cache_bytes: int
    compute_bytes: int  # with output buffers, and in RAM the process itself
    free_bytes: int

    @property
    def needed_bytes(self) -> int:
        return self.weights_bytes + self.cache_bytes + self.compute_bytes


@dataclass(frozen=True, slots=True)
class Placement:
    shares: tuple[Share, ...]  # cards first, RAM last
    gpu_layers: int = 0  # llama.cpp's n_gpu_layers: the output counts as one more layer
    layers_per_gpu: tuple[int, ...] = ()  # its tensor_split
    cpu_expert_layers: int = 0  # its n_cpu_moe
    disk_bytes: int = 0  # weights for which RAM has no room

    @property
    def verdict(self) -> str:
        """`fits`, `tight`, `disk` (runs, but from the disk) or `no`."""
        if any(s.needed_bytes - (self.disk_bytes if s.device == RAM else 0) > s.free_bytes for s in self.shares):
            return "no"
        if self.disk_bytes:
            return "disk"
        return "tight" if any(s.needed_bytes > TIGHT * s.free_bytes for s in self.shares) else "fits"


@dataclass(frozen=True, slots=True)
class _Unit:
    """One layer, or the output as the last of them."""

    weights_bytes: int
    cache_bytes: int
    expert_bytes: int = 0

    @property
    def size_bytes(self) -> int:
        return self.weights_bytes + self.cache_bytes


@dataclass(frozen=True, slots=True)
class _Chosen:
    gpus: Sequence[Gpu]
    units: Sequence[_Unit]  # without the experts that stay in RAM
    split: Sequence[int]  # units for each card: the last ones
    experts: int  # layers whose experts stay in RAM


def place(shape: ModelShape, settings: Settings, machine: Machine) -> Placement:
    """The fastest split that fits; without cards, everything in RAM."""
    units = _units(shape, settings)
    gpus = _usable(machine, memory(shape, settings).compute_bytes + settings.projector_bytes)
    rooms = [_room(gpu, machine) - memory(shape, settings).compute_bytes for gpu in gpus]
    if rooms:
        rooms[0] -= settings.projector_bytes
    most = largest(len(units), lambda n: _split(units[len(units) - n :], rooms) is not None)
    experts = 0
    if gpus and most < len(units) and shape.expert_bytes:
        lean = [replace(u, weights_bytes=u.weights_bytes - u.expert_bytes) for u in units]
        if _split(lean, rooms) is not None:
            mixed = [[*lean[:n], *units[n:]] for n in range(len(units), -1, -1)]  # from none whole to all whole
            experts = len(units) - largest(len(units), lambda n: _split(mixed[n], rooms) is not None)
            most, units = len(units), [*lean[:experts], *units[experts:]]
    split = _split(units[len(units) - most :], rooms) or []
    return _placement(shape, settings, machine, _Chosen(gpus, units, split, experts))


def _placement(
    shape: ModelShape,
    settings: Settings,
    machine: Machine,
    chosen: _Chosen,
) -> Placement:
    gpus, units, split = chosen.gpus, chosen.units, chosen.split
    m, first = memory(shape, settings), len(units) - sum(split)
    shares: list[Share] = []
    at = first
    for gpu, count in zip(gpus, split, strict=False):
        own = units[at : at + count]
        at += count
        compute = (m.compute_bytes if count else 0) + (0 if shares else settings.projector_bytes)
        weights, cache = sum(u.weights_bytes for u in own), sum(u.cache_bytes for u in own)
        shares.append(Share(gpu.name, weights, cache, compute, _room(gpu, machine)))
    on_gpus = sum(s.weights_bytes for s in shares)
    copied = shape.output_bytes if on_gpus and shape.input_bytes and _is_tied(shape) else 0
    beside = PROCESS_BYTES + (0 if shares else settings.projector_bytes)
    ram = Share(
        RAM,
        max(0, shape.weights_bytes - on_gpus + copied),
        sum(u.cache_bytes for u in units[:first]),
        (_host_compute(shape, settings) if split and not first else m.compute_bytes) + m.output_bytes + beside,
        machine.free_ram_bytes,
    )
    over = ram.needed_bytes - ram.free_bytes
    return Placement(
        shares=(*shares, ram),
        gpu_layers=sum(split),
        layers_per_gpu=tuple(split) if len(gpus) > 1 and split else (),
        cpu_expert_layers=chosen.experts,
        disk_bytes=min(over, ram.weights_bytes) if over > 0 else 0,
    )


def _units(shape: ModelShape, settings: Settings) -> list[_Unit]:
    units = []
    for layer in layers_of(shape):
        state = settings.slots * state_bytes([layer.recurrent] if layer.recurrent else [])
        cache = layer_cache_bytes(shape, layer, settings) + state
        units.append(_Unit(layer.weights_bytes, cache, layer.expert_bytes))
    return [*units, _Unit(shape.output_bytes, 0)]


def _usable(machine: Machine, compute_bytes: int) -> list[Gpu]:
    """The cards with room for more than the calculation itself."""
    return [gpu for gpu in machine.gpus if _room(gpu, machine) > compute_bytes]


def _room(gpu: Gpu, machine: Machine) -> int:
    free = min(gpu.free_bytes, machine.free_ram_bytes) if gpu.unified else gpu.free_bytes
    return max(0, free - GPU_RESERVE_BYTES)


def _split(units: Sequence[_Unit], rooms: Sequence[int]) -> list[int] | None:
    """How many of the units go to each card, in order; None where they do not fit."""
    counts, at = [], 0
    for room in rooms:
        left, count = room, 0
        while at < len(units) and units[at].size_bytes <= left:
            left -= units[at].size_bytes
            at += 1
            count += 1
        counts.append(count)
    return counts if at == len(units) else None


def largest(most: int, fits: Callable[[int], bool]) -> int:
    """The largest number from 0 to `most` that fits, where everything smaller than one that fits does too."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low


def _is_tied(shape: ModelShape) -> bool:
    """Whether the output is the embedding matrix: then it lies in RAM and on the card."""
    layers = sum(layer.weights_bytes for layer in shape.layers)
    return layers + shape.input_bytes + shape.output_bytes > shape.weights_bytes


def _host_compute(shape: ModelShape, settings: Settings) -> int:
    """Inputs and masks, which are made in RAM even if everything is calculated on cards."""
    return settings.graph_tokens * (4 * shape.width.hidden + 2 * settings.cells)
