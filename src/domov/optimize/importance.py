"""The importance matrix of a model, taken while it reads a text; the work is `collecting` in a child process."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

from domov.optimize.child import Children, Done, Task
from domov.optimize.progress import Progress
from domov.optimize.texts import Text
from domov.store.models import Model

CHUNKS = 24  # of 512 tokens


async def importance(
    model: Model, text: Text, target: Path, children: Children, *, chunks: int = CHUNKS
) -> AsyncGenerator[Progress, None]:
    """Writes `target`, an `.npz` file with an array for each matrix. Raises BadInput for a short text."""
    growing = target.with_suffix(".tmp.npz")
    growing.touch(0o600)
    told = {
        "model": str(model.path.resolve()),
        "text": text.content,
        "target": str(growing.resolve()),
        "threads": children.threads,
        "chunks": chunks,
    }
    task = Task("importance", told, readable=(model.path,), writable=(growing,))
    try:
        async with aclosing(children.run(task)) as events:
            async for event in events:
                if not isinstance(event, Done):
                    yield Progress("reading what matters", event.done, event.total, "tokens")
        growing.replace(target)
    finally:
        growing.unlink(missing_ok=True)
