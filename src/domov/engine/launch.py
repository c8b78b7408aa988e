"""What a worker is told when it starts: one JSON line on its standard input, which then stays open.

The worker answers with one JSON line on its standard output, Ready or Failed, and ends when its input does.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path


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
    context_tokens: int
    threads: int
    parent: int  # process id of whoever starts it
    llama_server: str | None = None  # path of a native binary; None: the engine inside Domov
    sandbox: bool = True
    slots: int = 1
    slot_save_path: str | None = None  # folder for saved states; None: they can't be saved
    task: str = "chat"  # or embedding, reranking
    nice: int = 0  # priority; negative ones only where the system allows them

    def to_line(self) -> bytes:
        return json.dumps(asdict(self)).encode() + b"\n"

    @staticmethod
    def from_line(line: bytes) -> "Launch":
        table = json.loads(line)
        return Launch(**{**table, "endpoint": Endpoint(**table["endpoint"])})


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
