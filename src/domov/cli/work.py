"""How commands run long work: its progress on standard error, its questions asked first, its result given back."""

import sys
import time
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from domov.cli.errors import say
from domov.errors import Refused
from domov.optimize.progress import Progress, Warned
from domov.optimize.texts import BUILTIN, read_text
from domov.store.names import looks_like_path
from domov.units import human_bytes, human_seconds

if TYPE_CHECKING:
    from domov.app import App

REFRESH_SECONDS = 0.1


class WorkLine:
    """One line on a terminal that is written over; elsewhere a line for each step."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._step, self._begun, self._shown = "", 0.0, 0.0

    def __call__(self, progress: Progress) -> None:
        moment = time.monotonic()
        if progress.step != self._step:
            self._step, self._begun, self._shown = progress.step, moment, 0.0
            if not self._terminal:
                say(f"{progress.step} ...")
        if self._terminal and moment - self._shown >= REFRESH_SECONDS:
            self._shown = moment
            sys.stderr.write(f"\r\x1b[K{work_text(progress, moment - self._begun)}")
            sys.stderr.flush()

    def clear(self) -> None:
        if self._terminal and self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def work_text(progress: Progress, seconds: float) -> str:
    """`quantizing to Q8_0  34 %  49 MB of 145 MB  5 s left`"""
    text = progress.step
    if not progress.total:
        return f"{text} ..."
    done, total = progress.done, progress.total
    text += f"  {100 * done // total} %  "
    if progress.unit == "bytes":
        text += f"{human_bytes(done)} of {human_bytes(total)}"
    else:
        text += f"{done} of {total} {progress.unit}"
    if "loss" in progress.figures:
        text += f"  loss {progress.figures['loss']:.4f}"
    if done and seconds > 1:
        text += f"  {human_seconds(seconds * (total - done) / done)} left"
    return text


async def follow(steps: AsyncGenerator[Any, None]) -> Any:
    """Runs the work to its end and returns what it gives last. Stopped by Ctrl-C, it leaves nothing."""
    line, last = WorkLine(), None
    try:
        async with aclosing(steps):
            async for step in steps:
                if isinstance(step, Warned):
                    line.clear()
                    say(f"note: {step.words}")
                elif isinstance(step, Progress):
                    line(step)
                else:
                    last = step
    finally:
        line.clear()
    return last


def agree(doubts: Iterable[str], *, yes: bool) -> None:
    """Asks where something should be agreed to first. Raises Refused where nobody can be asked."""
    found = list(doubts)
    if not found or yes:
        return
    if not sys.stdin.isatty():
        raise Refused("; ".join(found), hint="add --yes if that is what you want")
    for doubt in found:
        say(doubt)
    click.confirm("Go on?", abort=True, err=True)


def background_option(command: Any) -> Any:
    words = "Leave it to the running server, and go on at once (domov jobs)."
    return click.option("--background", is_flag=True, help=words)(command)


def leave(domov: "App", kind: str, parameters: dict[str, Any], *, yes: bool = False) -> None:
    """Puts work into the queue of the server instead of doing it here. Asks where something should be agreed to."""
    from domov.api import client
    from domov.jobs.house import ordering_of
    from domov.jobs.table import work_of

    told = {key: _from_anywhere(value) for key, value in parameters.items() if value is not None}
    ordering, work = ordering_of(domov), work_of(kind, told)
    agree(ordering.forecast(work).doubts, yes=yes)
    job = ordering.place_order(work, agreed=True)
    where = "" if client.running_at(domov.config.home) else "; it begins when the server runs: domov serve"
    say(f"job {job.id}, {job.kind} {job.title}: domov jobs follow {job.id}{where}")


def _from_anywhere(value: Any) -> Any:
    """A path as the server understands it, which runs in another folder."""
    path = isinstance(value, str) and looks_like_path(value)
    return str(Path(value).expanduser().absolute()) if path else value


def given_text(named: str | None) -> Any:
    """A text of the command line, as a job is told it: the name of the builtin one, or a file's content."""
    if named in (None, BUILTIN):
        return named
    text = read_text(Path(str(named)).expanduser())
    return {"name": text.name, "content": text.content}
