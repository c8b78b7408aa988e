"""How commands print: data to standard output, as a table or as JSON, and progress to standard error."""

import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click
import orjson

from domov.store.download import Progress
from domov.units import human_bytes, human_seconds

if TYPE_CHECKING:
    from domov.documents.indexing import Stage

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")

WIDTH = 79
REFRESH_SECONDS = 0.1
SPEED_SECONDS = 5.0  # speed is that of the last so many seconds


def print_json(value: Any) -> None:
    click.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    widths = [max(len(row[i]) for row in (headings, *rows)) for i in range(len(headings))]
    for row in (headings, *rows):
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def print_sentence(sentence: str) -> None:
    """On a terminal in lines of 80 columns; elsewhere in one, so that it can be searched."""
    click.echo(click.wrap_text(sentence, WIDTH, subsequent_indent="  ") if sys.stdout.isatty() else sentence)


def print_fields(fields: Sequence[tuple[str, str]], *, err: bool = False) -> None:
    width = max(len(name) for name, _ in fields)
    for name, value in fields:
        click.echo(f"{name:<{width}}  {value}".rstrip(), err=err)


class ProgressLine:
    """One line on a terminal that is written over; elsewhere a line for each step."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._step, self._shown = "", 0.0
        self._seen: list[tuple[float, int]] = []

    def __call__(self, progress: Progress) -> None:
        moment = time.monotonic()
        if progress.step != self._step:
            self._step, self._seen, self._shown = progress.step, [], 0.0
            if not self._terminal:
                click.echo(f"{progress.step} ...", err=True)
        self._seen = [s for s in self._seen if moment - s[0] < SPEED_SECONDS] + [(moment, progress.done_bytes)]
        if self._terminal and moment - self._shown >= REFRESH_SECONDS:
            self._shown = moment
            sys.stderr.write(f"\r\x1b[K{progress_text(progress, self._speed())}")
            sys.stderr.flush()

    def _speed(self) -> float:
        (first, start), (last, end) = self._seen[0], self._seen[-1]
        return (end - start) / (last - first) if last > first else 0.0

    def clear(self) -> None:
        if self._terminal and self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


class StageLine:
    """One line on a terminal for the files and passages of `domov docs`; elsewhere a line for each step."""

    def __init__(self) -> None:
        self._terminal, self._step, self._shown = sys.stderr.isatty(), "", 0.0

    def __call__(self, stage: "Stage") -> None:
        moment = time.monotonic()
        if stage.step != self._step and not self._terminal:
            click.echo(f"{stage.step} ...", err=True)
        if self._terminal and (stage.step != self._step or moment - self._shown >= REFRESH_SECONDS):
            self._shown = moment
            sys.stderr.write(f"\r\x1b[K{stage_text(stage)[:WIDTH]}")
            sys.stderr.flush()
        self._step = stage.step

    def clear(self) -> None:
        if self._terminal and self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def stage_text(stage: "Stage") -> str:
    """`reading  12 of 340  1 min 05 s left  report.pdf`"""
    text = stage.step
    if stage.done + stage.left:
        text += f"  {stage.done} of {stage.done + stage.left}"
    if stage.seconds_left is not None:
        text += f"  {human_seconds(stage.seconds_left)} left"
    name = stage.name if stage.name.isprintable() else ascii(stage.name)
    return f"{text}  {name}" if name else text


def progress_text(progress: Progress, bytes_per_second: float) -> str:
    """`downloading  34 %  31.4 MB of 92.9 MB  12.1 MB/s  5 s left`"""
    text = progress.step
    if progress.total_bytes:
        text += f"  {100 * progress.done_bytes // progress.total_bytes} %"
        text += f"  {human_bytes(progress.done_bytes)} of {human_bytes(progress.total_bytes)}"
    elif progress.done_bytes:
        text += f"  {human_bytes(progress.done_bytes)}"
    if bytes_per_second:
        text += f"  {human_bytes(bytes_per_second)}/s"
        if progress.total_bytes:
            text += f"  {human_seconds((progress.total_bytes - progress.done_bytes) / bytes_per_second)} left"
    return text
