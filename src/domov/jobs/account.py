"""What a job has told so far: progress, numbers for curves, lines of a log, and what came of it. Pure."""

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from domov.optimize.progress import Progress, Warned

MOST_LINES = 200
MOST_POINTS = 400  # of a curve; when there are more, every second goes
MOST_CURVES = 24
MOST_WORDS = 1000
RESUMED_PERCENT = 10  # a step that begins with as much goes on with what was there


@dataclass(frozen=True, slots=True)
class Outcome:
    """The last thing that a job gives: what it made, and what it found, as JSON has it."""

    models: tuple[str, ...] = ()
    found: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Account:
    attempts: int = 0  # how often it was begun
    deaths: int = 0  # how often it then ended without anybody's wish
    started_at: float | None = None  # these two in seconds since 1970
    ended_at: float | None = None
    seconds: float = 0.0  # of work: without waiting, pauses and giving way
    size: float = 0.0  # of the work, in the units of its kind: what its time is foretold from
    progress: dict[str, Any] | None = None
    waiting: str = ""  # what for; empty: it does not
    lines: int = 0  # that were ever logged; the last MOST_LINES of them are kept
    log: list[dict[str, Any]] = field(default_factory=list)
    curves: list[dict[str, Any]] = field(default_factory=list)
    models: list[str] = field(default_factory=list)  # that it made
    found: dict[str, Any] | None = None
    error: dict[str, str] | None = None

    def copy(self) -> "Account":
        """As it stands now, whatever is told meanwhile."""
        return Account(**asdict(self))

    def begin(self, now: float) -> None:
        """Begins it, or begins it once more: what it told before is no part of what it tells now, but for its log."""
        self.attempts += 1
        self.started_at = self.started_at or now
        self.ended_at, self.error, self.progress, self.waiting, self.curves = None, None, None, "", []

    def say(self, words: str, now: float) -> None:
        self.lines += 1
        self.log = [*self.log, {"at": now, "words": words[:MOST_WORDS]}][-MOST_LINES:]

    def note(self, step: Progress | Warned | Outcome, now: float) -> None:
        """Takes in what the work tells."""
        if isinstance(step, Warned):
            self.say(step.words, now)
        elif isinstance(step, Outcome):
            self.models, self.found = list(step.models), step.found
        else:
            self._note_progress(step, now)

    def _note_progress(self, step: Progress, now: float) -> None:
        before = self.progress
        if before is None or before["step"] != step.step:
            share = 100 * step.done // step.total if step.total else 0
            self.say(
                f"{step.step}, from {share} % on" if self.attempts > 1 and share >= RESUMED_PERCENT else step.step, now
            )
            begun_seconds, begun_done = self.seconds, step.done
        else:
            begun_seconds, begun_done = before["begun_seconds"], before["begun_done"]
        self.progress = {
            "step": step.step,
            "done": step.done,
            "total": step.total,
            "unit": step.unit,
            "begun_seconds": begun_seconds,
            "begun_done": begun_done,
            "seconds_left": seconds_left(step, done=step.done - begun_done, seconds=self.seconds - begun_seconds),
        }
        for figure, value in step.figures.items():
            self._add_point(step, figure, value)

    def _add_point(self, step: Progress, figure: str, value: float) -> None:
        curve = next((c for c in self.curves if (c["figure"], c["step"]) == (figure, step.step)), None)
        if curve is None:
            if len(self.curves) == MOST_CURVES:
                return
            curve = {"figure": figure, "step": step.step, "unit": step.unit, "points": []}
            self.curves.append(curve)
        points = curve["points"]
        if not math.isfinite(value) or (points and step.done <= points[-1][0]):
            return
        points.append([step.done, value])
        if len(points) > MOST_POINTS:
            curve["points"] = [*points[:-1:2], points[-1]]

    def end(self, now: float, *, message: str = "", hint: str = "") -> None:
        """message: why it failed; empty: it did not."""
        self.ended_at, self.waiting = now, ""
        self.error = {"message": message, "hint": hint} if message else None


def seconds_left(step: Progress, *, done: int, seconds: float) -> float | None:
    """By the pace of this step so far; None where that is not known yet."""
    if not step.total or done <= 0 or seconds < 1:
        return None
    return seconds * max(0, step.total - step.done) / done
