"""The class of a machine in words for a beginner, and what more of something would bring.

The table is that of the documentation: small models want 4 GB of graphics memory or 16 GB of RAM, and so on. A machine
is of the largest class that it has the memory for; models are classed by what they need, not by their names.
"""

from dataclasses import dataclass

from domov.hardware.machine import Machine
from domov.units import human_bytes

GB = 1_000_000_000


@dataclass(frozen=True, slots=True)
class SizeClass:
    name: str
    parameters: str
    examples: str
    gpu_bytes: int
    ram_bytes: int
    disk_bytes: int


CLASSES = (
    SizeClass("small", "1 to 10 billion parameters", "TinyLlama 1.1B, CodeGemma 2B", 4 * GB, 16 * GB, 100 * GB),
    SizeClass("medium", "10 to 70 billion parameters", "Mistral 7B, Llama 2 13B", 12 * GB, 32 * GB, 500 * GB),
    SizeClass("large", "70 billion parameters and more", "Llama 2 70B", 48 * GB, 64 * GB, 1000 * GB),
)
SLACK = 0.93  # a machine sold with 16 GB shows a little less


def class_of(machine: Machine) -> SizeClass | None:
    """The largest class whose models run well here: on the cards, or for the small ones in RAM. None: below small."""
    gpu = sum(g.total_bytes for g in machine.own_gpus)
    unified = max((g.total_bytes for g in machine.gpus if g.unified), default=0)
    found = None
    for size in CLASSES:
        on_card = max(gpu, unified * 3 // 4) >= SLACK * size.gpu_bytes
        in_ram = machine.ram_bytes >= SLACK * size.ram_bytes
        if (on_card and machine.ram_bytes >= SLACK * size.ram_bytes / 2) or (size is CLASSES[0] and in_ram):
            found = size
    return found


def class_words(machine: Machine) -> str:
    """One sentence on what runs here."""
    size = class_of(machine)
    if size is None:
        return "a machine for very small models: up to 1 billion parameters run, a question takes patience"
    if machine.gpus:
        return f"a machine for {size.name} models ({size.parameters}; {size.examples}), on its graphics card"
    return f"a machine for {size.name} models ({size.parameters}; {size.examples}), on its processor"


def precision_words(machine: Machine) -> str:
    """Which quantizations to take."""
    room = max([g.total_bytes for g in machine.gpus] or [machine.ram_bytes // 2])
    if room < 6 * GB:
        return "take 4-bit files (Q4_K_M); 8-bit ones for models below 3 billion parameters"
    if room < 16 * GB:
        return "take 4-bit files (Q4_K_M) of models around 7 billion parameters, 8-bit ones (Q8_0) of smaller ones"
    return "take 8-bit files (Q8_0) up to about 13 billion parameters, 4-bit ones (Q4_K_M) of larger models"


def upgrades(machine: Machine) -> list[str]:
    """What more would bring, the most useful first."""
    words = []
    size = class_of(machine)
    following = CLASSES[CLASSES.index(size) + 1] if size in CLASSES[:-1] else None if size else CLASSES[0]
    if not machine.gpus:
        words.append("a graphics card of 8 GB or more answers about five to ten times as fast as a processor")
    if following:
        words.append(
            f"{human_bytes(following.gpu_bytes)} of graphics memory and {human_bytes(following.ram_bytes)} of RAM run "
            f"{following.name} models ({following.examples})"
        )
    if machine.disk and machine.disk.kind == "hard disk":
        words.append("an SSD: models load from it ten times as fast as from this hard disk")
    return words
