"""What a worker is told when it starts: one JSON line on its standard input, which then stays open.

The worker answers with one JSON line on its standard output, Ready or Failed, and ends when its input does.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from domov.options import AdapterFile, ModelOptions


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a worker listens: a Unix socket in a private folder, or on Windows a loopback port behind a key."""

    socket: str | None
    port: int = 0  # 0: the worker picks one
    key: str = ""


@dataclass(frozen=True, slots=True)
class Launch:
    model: str  # path of the GGUF file
    endpoint: Endpoint
    context_tokens: int  # of one conversation, as decided
    threads: int  # as decided
    parent: int  # process id of whoever starts it
    llama_server: str | None = None  # path of a native binary; None: the engine inside Domov
    sandbox: bool = True
    slots: int = 1  # as decided
    slot_save_path: str | None = None  # folder for saved states; None: they can't be saved
    spin_count: int | None = None  # how long threads wait awake for each other (GOMP_SPINCOUNT); None: the default
    nice: int = 0  # priority; negative ones only where the system allows them
    layers_per_gpu: tuple[int, ...] = ()  # of several cards; none: llama.cpp shares them out
    options: ModelOptions = field(default_factory=ModelOptions)  # its files as paths, its task known

    @property
    def files(self) -> tuple[str, ...]:
        """Everything that it has to read."""
        options = self.options
        more = (options.mmproj, options.draft_model, *(adapter.file for adapter in options.adapters))
        return (self.model, *(path for path in more if path))

    def to_line(self) -> bytes:
        return json.dumps(asdict(self)).encode() + b"\n"

    @staticmethod
    def from_line(line: bytes) -> "Launch":
        table = json.loads(line)
        adapters = tuple(AdapterFile(**adapter) for adapter in table["options"].pop("adapters"))
        options = ModelOptions(**table.pop("options"), adapters=adapters)
        split = tuple(table.pop("layers_per_gpu"))
        endpoint = Endpoint(**table.pop("endpoint"))
        return Launch(**table, endpoint=endpoint, layers_per_gpu=split, options=options)


@dataclass(frozen=True, slots=True)
class Ready:
    port: int
    sandbox: tuple[str, ...]  # what holds the worker: landlock, seccomp
    adapts: bool = False  # whether its threads can be changed while it runs


@dataclass(frozen=True, slots=True)
class Failed:
    why: str


def answer_line(answer: Ready | Failed) -> str:
    return json.dumps({"is": type(answer).__name__, **asdict(answer)})


def parse_answer(line: bytes) -> Ready | Failed | None:
    """What the worker said; None where it said nothing that makes sense."""
    try:
        table = json.loads(line)
        kind = table.pop("is")
        return (
            Ready(table["port"], tuple(table["sandbox"]), table["adapts"]) if kind == "Ready" else Failed(table["why"])
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


@dataclass(frozen=True, slots=True)
class SetThreads:
    """What a worker may be told while it runs, a line each on its standard input."""

    decoding: int
    prompt: int

    def to_line(self) -> bytes:
        return json.dumps(asdict(self)).encode() + b"\n"

    @staticmethod
    def from_line(line: bytes) -> "SetThreads":
        return SetThreads(**json.loads(line))


def private(folder: Path) -> Endpoint:
    return Endpoint(socket=str(folder / "worker.sock"))
