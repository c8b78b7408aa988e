"""What was predicted for models and what they took: logs/plans.jsonl, one JSON object a line, the newest last."""

import contextlib
from dataclasses import asdict
from pathlib import Path

import orjson

from domov.engine.scheduler import Row
from domov.errors import Refused
from domov.files import write_atomically
from domov.store.models import now

MOST_NOTES = 1000


def note_plan(path: Path, row: Row) -> None:
    """One line more; the oldest go. A full disk is no reason to refuse a request: then there is none."""
    with contextlib.suppress(Refused, OSError):
        lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
        line = orjson.dumps({"at": now(), **asdict(row)}) + b"\n"
        write_atomically(path, b"".join([*lines[1 - MOST_NOTES :], line]))
