"""The disk that models lie on: its room, its kind, and how fast it reads."""

import os
import shutil
import time
from pathlib import Path

from domov.hardware.cpu import ROOT
from domov.hardware.machine import Disk

MOST_READ_BYTES = 256 << 20
LEAST_READ_BYTES = 16 << 20
CHUNK_BYTES = 4 << 20


def read_disk(folder: Path, root: Path = ROOT) -> Disk | None:
    """The disk of the folder, or of the nearest one above it that is there; None where the system does not say."""
    there = next((p for p in (folder, *folder.parents) if p.exists()), None)
    if there is None:
        return None
    try:
        usage = shutil.disk_usage(there)
        device = there.stat().st_dev
    except OSError:
        return None
    return Disk(usage.total, usage.free, _kind(root, device))


def read_speed(file: Path) -> float | None:
    """Bytes a second of reading a file that is not in memory; None where it can't be kept out of it or is too small."""
    if not hasattr(os, "posix_fadvise"):
        return None
    try:
        handle = os.open(file, os.O_RDONLY)
    except OSError:
        return None
    try:
        size = min(os.fstat(handle).st_size, MOST_READ_BYTES)
        if size < LEAST_READ_BYTES:
            return None
        os.posix_fadvise(handle, 0, size, os.POSIX_FADV_DONTNEED)
        start, done = time.perf_counter(), 0
        while done < size and (piece := os.pread(handle, CHUNK_BYTES, done)):
            done += len(piece)
        return done / (time.perf_counter() - start)
    except OSError:
        return None
    finally:
        os.close(handle)


def _kind(root: Path, device: int) -> str | None:
    if not hasattr(os, "major"):
        return None
    block = root / f"sys/dev/block/{os.major(device)}:{os.minor(device)}"
    for folder in (block, block / ".."):
        try:
            return {"0": "SSD", "1": "hard disk"}.get((folder / "queue/rotational").read_text().strip())
        except OSError:
            continue
    return None
