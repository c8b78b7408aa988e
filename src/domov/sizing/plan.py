"""With what settings a model is loaded on a machine: context, slots, cache, layers for each device; and how fast it is.

Pure: the machine and the model come in as figures. An estimate is no reason to refuse: there is a plan for every model
and machine, `verdict` says what to expect of it, and `fallbacks` what to try next when loading fails.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from domov.errors import BadOption
from domov.hardware.machine import Machine
from domov.sizing.memory import PROCESS_BYTES, memory
from domov.sizing.offload import RAM, Placement, Share, largest, place
from domov.sizing.settings import BATCH_TOKENS, MICRO_BATCH_TOKENS, PADDING_TOKENS, Settings
from domov.sizing.speed import Speed, predict
from domov.store.shape import ModelShape

LEAST_CONTEXT_TOKENS = 512
MOST_SLOTS, MOST_CONTEXT_TOKENS = 256, 1 << 24


@dataclass(frozen=True, slots=True)
class Wishes:
    """What somebody wants of a loaded model; 0: whatever is best."""

    context_tokens: int = 0  # at most, for each slot
    slots: int = 1
    threads: int = 0
    cache_type: str = "f16"
    flash_attention: bool = True
    batch_tokens: int = BATCH_TOKENS
    micro_batch_tokens: int = MICRO_BATCH_TOKENS
    projector_bytes: int = 0  # see sizing/projector.py
    exact: bool = False  # the context as wished, whether it fits or not


@dataclass(frozen=True, slots=True)
class Plan:
    context_tokens: int  # of each slot
    threads: int
    weights_bytes: int
    cache_bytes: int  # attention caches and recurrent states of all slots
    compute_bytes: int = 0
    output_bytes: int = 0
    projector_bytes: int = 0
    slots: int = 1
    cache_type: str = "f16"
    flash_attention: bool | str = "auto"
    batch_tokens: int = BATCH_TOKENS
    micro_batch_tokens: int = MICRO_BATCH_TOKENS
    gpu_layers: int = -1  # -1: all, or as llama.cpp decides
    layers_per_gpu: tuple[int, ...] = ()
    cpu_expert_layers: int = 0
    devices: tuple[Share, ...] = ()
    disk_bytes: int = 0  # weights that are read from the disk again and again
    verdict: str = "fits"  # fits, tight, disk or no
    speed: Speed | None = None

    @property
    def needed_bytes(self) -> int:
        """All memory on all devices: weights, caches, compute buffers, results and the worker itself."""
        buffers = self.weights_bytes + self.cache_bytes + self.compute_bytes + self.output_bytes
        return buffers + self.projector_bytes + PROCESS_BYTES

    @property
    def device_bytes(self) -> dict[str, int]:
        """`needed_bytes` by device."""
        return {s.device: s.needed_bytes for s in self.devices} or {RAM: self.needed_bytes}

    @property
    def ram_bytes(self) -> int:
        """What of `needed_bytes` lies in main memory."""
        return sum(s.needed_bytes for s in self.devices if s.device == RAM) if self.devices else self.needed_bytes

    @property
    def ram_weights_bytes(self) -> int:
        """What of the weights lies in main memory."""
        return sum(s.weights_bytes for s in self.devices if s.device == RAM) if self.devices else self.weights_bytes


def make_plan(shape: ModelShape, machine: Machine, wishes: Wishes | None = None) -> Plan:
    """The largest context that fits, up to what is wished and what the model was trained for.

    The context never falls below LEAST_CONTEXT_TOKENS. Raises BadOption for impossible wishes.
    """
    wishes = wishes or Wishes()
    _check(wishes)
    most = min(shape.trained_context_tokens, wishes.context_tokens or shape.trained_context_tokens)
    if wishes.exact and wishes.context_tokens:
        return plan_for(shape, machine, _settings(shape, wishes, wishes.context_tokens), threads=wishes.threads)
    context = largest_context(shape, machine, wishes, most_tokens=most)
    return plan_for(shape, machine, _settings(shape, wishes, context), threads=wishes.threads)


def largest_context(shape: ModelShape, machine: Machine, wishes: Wishes, *, most_tokens: int) -> int:
    """The largest context up to `most_tokens` that fits without the disk; LEAST_CONTEXT_TOKENS where none does."""

    def fits(steps: int) -> bool:
        tokens = min(most_tokens, steps * PADDING_TOKENS)
        return place(shape, _settings(shape, wishes, tokens), machine).verdict in ("fits", "tight")

    steps = largest(-(-most_tokens // PADDING_TOKENS), fits)
    return min(most_tokens, max(LEAST_CONTEXT_TOKENS, steps * PADDING_TOKENS))


def plan_for(shape: ModelShape, machine: Machine, settings: Settings, *, threads: int = 0) -> Plan:
    """The plan for settings that are given."""
    m, where = memory(shape, settings), place(shape, settings, machine)
    return Plan(
        context_tokens=settings.context_tokens,
        threads=threads or max(1, machine.cores),
        weights_bytes=m.weights_bytes,
        cache_bytes=m.cache_bytes + m.state_bytes,
        compute_bytes=m.compute_bytes,
        output_bytes=m.output_bytes,
        projector_bytes=settings.projector_bytes,
        slots=settings.slots,
        cache_type=settings.cache_type,
        flash_attention="auto" if settings.flash_attention else False,
        batch_tokens=settings.batch_tokens,
        micro_batch_tokens=settings.micro_batch_tokens,
        gpu_layers=_gpu_layers(where, machine),
        layers_per_gpu=where.layers_per_gpu,
        cpu_expert_layers=where.cpu_expert_layers,
        devices=where.shares,
        disk_bytes=where.disk_bytes,
        verdict=where.verdict,
        speed=predict(shape, settings, where, machine),
    )


def fallbacks(plan: Plan) -> Iterator[Plan]:
    """Smaller and smaller plans, to try in turn when loading with `plan` failed.

    First fewer slots, then half the context again and again, an 8-bit cache, and at last no graphics card.
    Devices, speed and verdict are those of `plan`; the sizes are scaled.
    """
    while plan.slots > 1:
        plan = _smaller(plan, slots=plan.slots // 2)
        yield plan
    while plan.context_tokens > 8 * LEAST_CONTEXT_TOKENS:
        plan = _smaller(plan, context_tokens=max(LEAST_CONTEXT_TOKENS, plan.context_tokens // 2))
        yield plan
    if plan.cache_type in ("f16", "bf16", "f32") and plan.flash_attention is not False:
        plan = replace(plan, cache_type="q8_0", cache_bytes=plan.cache_bytes * 17 // 32)
        yield plan
    while plan.context_tokens > LEAST_CONTEXT_TOKENS:
        plan = _smaller(plan, context_tokens=max(LEAST_CONTEXT_TOKENS, plan.context_tokens // 2))
        yield plan
    if plan.gpu_layers:
        yield replace(plan, gpu_layers=0, layers_per_gpu=(), cpu_expert_layers=0)


def _smaller(plan: Plan, *, slots: int = 0, context_tokens: int = 0) -> Plan:
    after = (slots or plan.slots) * (context_tokens or plan.context_tokens)
    cache = plan.cache_bytes * after // (plan.slots * plan.context_tokens)
    output = plan.output_bytes * (slots or plan.slots) // plan.slots
    return replace(
        plan,
        slots=slots or plan.slots,
        context_tokens=context_tokens or plan.context_tokens,
        cache_bytes=cache,
        output_bytes=output,
    )


def _gpu_layers(where: Placement, machine: Machine) -> int:
    """-1 where there is nothing to choose: llama.cpp puts everything on a card that has room."""
    return where.gpu_layers if machine.gpus else -1


def _settings(shape: ModelShape, wishes: Wishes, context_tokens: int) -> Settings:
    embeddings = shape.task in ("embedding", "reranking")
    batch = max(1, context_tokens) if embeddings else wishes.batch_tokens  # such a text is read in one piece
    return Settings(
        context_tokens=max(1, context_tokens),
        slots=wishes.slots,
        cache_type=wishes.cache_type,
        flash_attention=wishes.flash_attention,
        batch_tokens=batch,
        micro_batch_tokens=batch if embeddings else min(wishes.micro_batch_tokens, batch),
        embeddings=embeddings,
        projector_bytes=wishes.projector_bytes,
    )


def _check(wishes: Wishes) -> None:
    if (
        min(wishes.context_tokens, wishes.threads) < 0
        or min(wishes.slots, wishes.batch_tokens, wishes.micro_batch_tokens) < 1
    ):
        raise BadOption("a plan takes no negative numbers, and at least one slot")
    if wishes.slots > MOST_SLOTS or wishes.context_tokens > MOST_CONTEXT_TOKENS:
        raise BadOption(f"at most {MOST_SLOTS} slots and {MOST_CONTEXT_TOKENS} tokens")


def a_few(plans: list[Plan]) -> list[Plan]:
    """The first, one in the middle and the last: a file that can't be loaded at all should not be tried ten times."""
    return [plans[n] for n in sorted({0, len(plans) // 2, len(plans) - 1})] if plans else []
