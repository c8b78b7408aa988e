"""What long work tells while it goes on. Each piece of work is an async generator of these that ends with its result.

Whoever runs it (a command now, a queue later) stops it by closing the generator.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Unit = Literal["bytes", "tokens", "questions", "trials", "steps"]


@dataclass(frozen=True, slots=True)
class Progress:
    step: str
    done: int = 0
    total: int | None = None  # None where nobody knows
    unit: Unit = "bytes"
    figures: Mapping[str, float] = field(default_factory=dict)  # what stands at `done`, by its name: points of curves


@dataclass(frozen=True, slots=True)
class Warned:
    """Something that the person should know, and that does not hinder the work."""

    words: str
