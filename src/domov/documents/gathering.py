"""Chats made files, so that they are read like all others: written where their collection keeps them.

Each is written when it has changed and removed when it is gone, before every look at the folders.
"""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from domov.files import make_folder, write_atomically

# The name of a file, when its content was changed (seconds since 1970), and what gives the content.
Paper = tuple[str, float, Callable[[], str]]


def write_papers(folder: Path, papers: Iterable[Paper]) -> None:
    """Brings a folder in line with the papers there are."""
    make_folder(folder)
    kept = set()
    for name, moment, text in papers:
        path, moment_ns = folder / name, int(moment * 1e9)
        kept.add(path)
        if not path.exists() or path.stat().st_mtime_ns != moment_ns:
            write_atomically(path, text().encode("utf-8", "replace"))
            os.utime(path, ns=(moment_ns, moment_ns))
    for path in set(folder.iterdir()) - kept:
        path.unlink()
