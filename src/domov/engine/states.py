"""Attention caches on disk: what a model has read once, it need not read again, not even after a restart.

    states/<key>/<number>.bin    written and read by the worker alone, never by this process
    states/<key>/<number>.json   the text it stands for, and the conversation it belongs to

The key names everything that the numbers in a cache depend on. The text only helps to choose: whatever is restored,
llama.cpp compares token by token and reads anew from the first one that differs.
"""

import contextlib
import hashlib
import os
import secrets
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

from domov.files import make_folder, write_atomically

WRITING_SECONDS = 3600  # a file without its text that is older is not being written any more


@dataclass(frozen=True, slots=True)
class State:
    """One saved cache."""

    path: Path  # of the worker's file
    text: str
    tokens: int
    conversation: str | None

    @property
    def sidecar(self) -> Path:
        return self.path.with_suffix(".json")


def state_key(parts: Iterable[object]) -> str:
    """The folder's name for a model digest, an engine build, cache types, adapters: whatever they are."""
    return hashlib.sha256(repr(tuple(parts)).encode()).hexdigest()[:32]


def shared_prefix(a: str, b: str) -> int:
    """How many characters two texts have in common from the start."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


class States:
    """The states of one key. Other processes may add and remove some at any time."""

    def __init__(self, home: Path, key: str, *, most_bytes: int) -> None:
        """most_bytes: of all keys together; the least recently used go first."""
        self.home, self.folder, self.most_bytes = home, home / key, most_bytes
        make_folder(self.folder)

    def new_path(self) -> Path:
        """Where the worker is to save the next one."""
        return self.folder / f"{secrets.token_hex(8)}.bin"

    def all(self) -> list[State]:
        """The whole ones; a file without its text is one that is being written, or was left by a kill."""
        return [state for path in self.folder.glob("*.json") if (state := _read(path))]

    def nearest(self, text: str, *, most_tokens: int) -> tuple[State | None, int]:
        """The one that shares the longest prefix with `text`, and how many characters that is."""
        fitting = [(shared_prefix(s.text, text), s) for s in self.all() if s.tokens < most_tokens]
        shared, state = max(fitting, key=lambda pair: pair[0], default=(0, None))
        return state, shared

    def keep(self, state: State) -> None:
        """Takes in a file that the worker has saved; those that it continues go, and the oldest beyond the limit."""
        for other in self.all():
            if state.text.startswith(other.text) and other.conversation == state.conversation:
                remove(other.path)
        os.chmod(state.path, 0o600)
        table = {key: value for key, value in asdict(state).items() if key != "path"}
        write_atomically(state.sidecar, orjson.dumps(table))
        shrink(self.home, self.most_bytes)

    def touch(self, state: State) -> None:
        """Marks it as used now."""
        with contextlib.suppress(OSError):
            # Linux's own "now" is that of its last tick, up to 10 ms ago: others may have been written since.
            os.utime(state.sidecar, ns=(now := time.time_ns(), now))


def remove(path: Path) -> None:
    """Removes a state. The text goes first, so that a kill leaves no text that leads nowhere."""
    for file in (path.with_suffix(".json"), path.with_suffix(".bin")):
        with contextlib.suppress(OSError):
            file.unlink()


def forget(home: Path, conversation: str) -> int:
    """Removes every state of a conversation, of every model. Returns how many there were."""
    states = [s for path in home.glob("*/*.json") if (s := _read(path)) and s.conversation == conversation]
    for state in states:
        remove(state.path)
    return len(states)


def shrink(home: Path, most_bytes: int) -> None:
    """Removes the least recently used states until the rest is small enough; first what kills have left."""
    files = []
    for path in home.glob("*/*.bin"):
        with contextlib.suppress(OSError):
            used_seconds, size = _used_seconds(path), path.stat().st_size
            if not path.with_suffix(".json").exists() and used_seconds < time.time() - WRITING_SECONDS:
                remove(path)
            else:
                files.append((used_seconds, size, path))
    total = sum(size for _, size, _ in files)
    for _, size, path in sorted(files):
        if total <= most_bytes:
            break
        remove(path)
        total -= size


def _used_seconds(path: Path) -> float:
    sidecar = path.with_suffix(".json")
    return (sidecar if sidecar.exists() else path).stat().st_mtime


def _read(sidecar: Path) -> State | None:
    try:
        table = orjson.loads(sidecar.read_bytes())
        path = sidecar.with_suffix(".bin")
        return State(path, str(table["text"]), int(table["tokens"]), table["conversation"]) if path.exists() else None
    except (OSError, ValueError, KeyError, TypeError):  # gone meanwhile, or damaged: of no use, and not in the way
        return None
