"""What llama.cpp really allocated, read from a worker's log: bytes for each device and purpose.

Pure: text in, figures out. llama.cpp prints the sizes at verbosity 4, in MiB with two decimals, so that a figure is
exact to 5 kB. Of a mapped file it prints the stretch between its first and last used byte, not what is read of it.
Source: src/llama-model.cpp, llama-context.cpp, llama-kv-cache.cpp, llama-memory-recurrent.cpp at b11549.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from domov.sizing.offload import RAM

VERBOSITY = 4  # the least at which llama.cpp prints its buffers
KINDS = {"model": "weights", "KV": "cache", "RS": "recurrent", "compute": "compute", "output": "output"}
_BUFFER = re.compile(
    r"(?P<device>[A-Za-z][\w.:\-]{0,63}) +(?P<kind>model|KV|RS|compute|output) buffer size = +(?P<mib>[0-9.]{1,20}) MiB"
)
_CONTEXT = re.compile(r"constructing llama_context")
_FLASH = re.compile(r"Flash Attention (?P<state>enabled|disabled)|flash_attn += (?P<asked>enabled|disabled)")
MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Buffer:
    device: str  # llama.cpp's name: CPU, CPU_Mapped, CPU_REPACK, CUDA0, CUDA_Host, MTL0, Vulkan0, ...
    kind: str  # weights, cache, recurrent, compute or output
    size_bytes: int

    @property
    def in_ram(self) -> bool:
        """Whether it lies in the computer's own memory."""
        return self.device.startswith("CPU") or self.device.endswith("_Host")


@dataclass(frozen=True, slots=True)
class Allocated:
    buffers: tuple[Buffer, ...]
    flash_attention: bool | None = None  # None: the log does not say

    def bytes_of(self, *kinds: str, device: str | None = None) -> int:
        """All bytes of some kinds (of all, if none is named), on one device or on all."""
        return sum(
            b.size_bytes
            for b in self.buffers
            if (not kinds or b.kind in kinds) and (device is None or b.device == device)
        )

    @property
    def device_bytes(self) -> dict[str, int]:
        """All bytes on each device, as a plan names them: whatever lies in main memory together."""
        places = dict.fromkeys(RAM if b.in_ram else b.device for b in self.buffers)
        return {p: sum(b.size_bytes for b in self.buffers if p == (RAM if b.in_ram else b.device)) for p in places}

    @property
    def mapped_bytes(self) -> int:
        """Of the weights, what is the file itself, mapped: memory that the system may take back."""
        return sum(b.size_bytes for b in self.buffers if b.device.endswith("_Mapped"))

    @property
    def devices(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(b.device for b in self.buffers))


def parse_log(lines: Iterable[str]) -> Allocated:
    """The buffers of the last load that the log tells of.

    A context that reserves its compute buffer again (for another flash attention, for a longer batch) counts once.
    """
    held: dict[tuple[int, str, str], list[int]] = {}
    context, flash = 0, None
    for line in lines:
        if _CONTEXT.search(line):
            context += 1
        elif found := _BUFFER.search(line):
            key = (context, found["device"], KINDS[found["kind"]])
            size = round(float(found["mib"]) * MIB) if found["mib"].count(".") <= 1 else 0
            held[key] = [size] if key[2] in ("compute", "output") else [*held.get(key, []), size]
        elif found := _FLASH.search(line):
            flash = (found["state"] or found["asked"]) == "enabled"
    buffers = tuple(Buffer(device, kind, sum(sizes)) for (_, device, kind), sizes in held.items() if sum(sizes))
    return Allocated(buffers, flash)
