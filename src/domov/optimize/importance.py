"""The importance matrix of a model, taken while it reads a text; the work is `collecting` in a child process.

Matrices are kept, a few of them: one serves for every type that a model is quantized to.
"""

import contextlib
import hashlib
import os
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

from domov.files import make_folder
from domov.optimize.child import Children, Done, Task
from domov.optimize.progress import Progress
from domov.optimize.texts import Text
from domov.store.models import Model

CHUNKS = 12  # of 512 tokens
MOST_KEPT = 16  # some hundred kB each, some MB of a large model


async def importance(
    model: Model, text: Text, folder: Path, children: Children, *, engine: str
) -> AsyncGenerator[Progress | Path, None]:
    """How it gets on, and last an `.npz` file with an array for each matrix. Raises BadInput for a short text.

    folder  where matrices are kept
    """
    stat = model.path.stat()
    file = model.manifest.digest or f"{model.path} {stat.st_mtime_ns}"
    key = f"{file} {model.path.name} {text.digest} {CHUNKS} {engine}"
    kept = make_folder(folder) / f"{hashlib.sha256(key.encode()).hexdigest()[:16]}.npz"
    if not kept.exists():
        async with aclosing(_taken(model, text, kept, children)) as steps:
            async for step in steps:
                yield step
    os.utime(kept)
    _forget_oldest(folder)
    yield kept


async def _taken(model: Model, text: Text, kept: Path, children: Children) -> AsyncGenerator[Progress, None]:
    growing = kept.with_suffix(f".{os.getpid()}.npz")
    growing.touch(0o600)
    told = {
        "model": str(model.path.resolve()),
        "text": text.content,
        "target": str(growing.resolve()),
        "threads": children.threads,
        "chunks": CHUNKS,
    }
    task = Task("importance", told, readable=(model.path,), writable=(growing,))
    try:
        async with aclosing(children.run(task)) as events:
            async for event in events:
                if not isinstance(event, Done):
                    yield Progress("reading what matters", event.done, event.total, "tokens")
        growing.replace(kept)
    finally:
        growing.unlink(missing_ok=True)


def _forget_oldest(folder: Path) -> None:
    found = sorted((p for p in folder.iterdir() if p.is_file()), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    for path in found[MOST_KEPT:]:
        with contextlib.suppress(OSError):
            path.unlink()
