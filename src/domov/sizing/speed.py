"""How fast a model will answer: predicted from what one token reads and multiplies, and how fast the machine does that.

Pure. On a processor whose speed was measured the figures are llama.cpp's own; where nothing was measured they rest on
what such hardware usually does, and the interval says so by its width.
"""

from dataclasses import dataclass

from domov.hardware.machine import Gpu, Machine, Speeds
from domov.sizing.cache import cache_bytes
from domov.sizing.offload import RAM, Placement
from domov.sizing.settings import Settings
from domov.store.recipe import BLOCK_OF
from domov.store.shape import ModelShape

CONVERSATION_TOKENS = 1000  # that a conversation holds when its speed is given
MEASURED, ASSUMED = (0.8, 1.2), (0.5, 1.7)
OPERATIONS_PER_LAYER = 20
# Where nothing was measured: two channels of DDR4, four cores' worth of AVX2, a SATA or NVMe disk.
USUAL = Speeds(memory_bytes_per_second=30e9)
USUAL_PRODUCTS_PER_CORE = 12e9
USUAL_DISK = {"SSD": 1.5e9, "hard disk": 0.15e9}
USUAL_GPU_BYTES_PER_SECOND = 350e9
GPU_SHARE = 0.7  # of a card's bandwidth that decoding reaches
# Of what matrix products alone reach: each step also samples, copies and waits (benchmarks/fit.py --speed, six models).
CPU_SHARE = 0.69
PRODUCTS_PER_BYTE = 25  # multiplications in the time that a card reads a byte
# Makers' figures for memory bandwidth in GB/s, by what stands in the card's name; the longest match counts.
BANDWIDTH = {
    "RTX 3060": 360, "RTX 3070": 448, "RTX 3080": 760, "RTX 3090": 936, "RTX 4060": 272, "RTX 4060 Ti": 288,
    "RTX 4070": 504, "RTX 4080": 717, "RTX 4090": 1008, "RTX 5060": 448, "RTX 5070": 672, "RTX 5080": 960,
    "RTX 5090": 1792, "A100": 1555, "H100": 3350, "L4": 300, "T4": 320, "7900 XTX": 960, "7900 XT": 800,
    "7800 XT": 624, "6800 XT": 512, "Arc A770": 560, "Arc B580": 456, "M1": 68, "M1 Pro": 200, "M1 Max": 400,
    "M2": 100, "M2 Pro": 200, "M2 Max": 400, "M3": 100, "M3 Pro": 150, "M3 Max": 400, "M4": 120, "M4 Pro": 273,
    "M4 Max": 546,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Range:
    """A prediction: most likely `middle`, hardly ever outside `low` to `high`."""

    low: float
    middle: float
    high: float


@dataclass(frozen=True, slots=True)
class Speed:
    answer: Range  # tokens a second while it answers
    prompt: Range  # tokens a second while it reads
    measured: bool  # on this machine


def predict(shape: ModelShape, settings: Settings, placement: Placement, machine: Machine) -> Speed:
    """The speed of one conversation of CONVERSATION_TOKENS on a machine that does nothing else."""
    total = max(1, sum(s.weights_bytes for s in placement.shares))
    answer = prompt = 0.0
    gpus = {gpu.name: gpu for gpu in machine.gpus}
    for share in placement.shares:
        part = share.weights_bytes / total
        if share.device == RAM:
            part = _read_part(shape, placement, total)
            answer += part * cpu_token_seconds(shape, settings, machine) + _disk_seconds(
                shape, placement, machine, total
            )
            prompt += part * cpu_prompt_seconds(shape, machine)
        else:
            speed = bandwidth(gpus[share.device])
            answer += part * (shape.read_bytes + _conversation_bytes(shape, settings)) / (GPU_SHARE * speed)
            prompt += part * shape.read_parameters / (PRODUCTS_PER_BYTE * speed)
    measured = machine.speeds is not None and placement.gpu_layers == 0 and not placement.disk_bytes
    return Speed(_range(answer, measured=measured), _range(prompt, measured=measured), measured)


def _read_part(shape: ModelShape, placement: Placement, total: int) -> float:
    """The part of one token's reading that is done in RAM: not that of an embedding matrix that is only looked up."""
    ram = next(s.weights_bytes for s in placement.shares if s.device == RAM)
    others = total - ram
    return 1.0 if not others else max(0.0, 1 - others / max(1, shape.weights_bytes - shape.input_bytes))


def cpu_token_seconds(shape: ModelShape, settings: Settings, machine: Machine) -> float:
    """One new token, calculated on the processor alone."""
    speeds = machine.speeds or USUAL
    memory = speeds.memory_bytes_per_second
    reading = sum(size / speeds.decode_bytes_per_second.get(kind, memory) for kind, size in _types(shape))
    operations = OPERATIONS_PER_LAYER * max(1, len(shape.layers)) * speeds.operation_seconds
    return (reading + operations + _conversation_bytes(shape, settings) / memory) / CPU_SHARE


def cpu_prompt_seconds(shape: ModelShape, machine: Machine) -> float:
    """One token of a long prompt, read on the processor alone."""
    known = machine.speeds.prompt_products_per_second if machine.speeds else {}
    usual = USUAL_PRODUCTS_PER_CORE * machine.cores
    seconds = 0.0
    for kind, size in _types(shape):
        elements, block_bytes = BLOCK_OF.get(kind, (32, 18))
        seconds += size * elements / block_bytes / known.get(kind, known.get("Q8_0", usual))
    return seconds


def bandwidth(gpu: Gpu) -> float:
    """Bytes a second that a card reads: as given, as its maker says, or as usual."""
    if gpu.bytes_per_second:
        return gpu.bytes_per_second
    words = gpu.description.lower()
    known = [name for name in BANDWIDTH if name.lower() in words]
    return BANDWIDTH[max(known, key=len)] * 1e9 if known else USUAL_GPU_BYTES_PER_SECOND


def _types(shape: ModelShape) -> tuple[tuple[str, int], ...]:
    return shape.read_types or ((shape.quantization, shape.read_bytes),)


def _conversation_bytes(shape: ModelShape, settings: Settings) -> float:
    tokens = min(CONVERSATION_TOKENS, settings.context_tokens)
    return cache_bytes(shape.attention, context_tokens=tokens, dtype=settings.cache_type)


def _disk_seconds(shape: ModelShape, placement: Placement, machine: Machine, total: int) -> float:
    """What is read from the disk again and again, because RAM has no room for it."""
    if not placement.disk_bytes:
        return 0.0
    disk = machine.disk
    speed = (disk.bytes_per_second if disk else None) or USUAL_DISK.get((disk.kind if disk else None) or "SSD", 1e9)
    return placement.disk_bytes * shape.read_bytes / total / speed


def _range(seconds: float, *, measured: bool) -> Range:
    if seconds <= 0:
        return Range(0.0, 0.0, 0.0)
    low, high = MEASURED if measured else ASSUMED
    return Range(low / seconds, 1 / seconds, high / seconds)
