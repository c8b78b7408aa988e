"""What the commands that train have in common: the options of a lesson, the text to train on, and what came of it."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from domov.app import App
from domov.cli.output import ProgressLine
from domov.optimize.lesson import PRECISIONS, Lesson
from domov.optimize.texts import BUILTIN, Text, read_text
from domov.units import human_seconds


def lesson_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that a lesson has, for a command that trains."""
    rows: tuple[Callable[..., Any], ...] = (
        click.option("--batch", type=int, help="Pieces of text in one step (4)."),
        click.option("--length", type=int, help="Tokens of one piece (128)."),
        click.option("--rate", type=float, help="Rate of learning, at its highest (0.001)."),
        click.option(
            "--rank", type=int, help="Rank of what is added to matrices and becomes part of them (16); 0: all weights."
        ),
        click.option(
            "--precision", type=click.Choice(PRECISIONS), help="What to calculate in; auto measures it (auto)."
        ),
    )
    for row in reversed(rows):
        command = row(command)
    return command


def lesson_with(lesson: Lesson, options: Mapping[str, Any]) -> Lesson:
    """The lesson with what was said on the command line."""
    steps = {"steps": options["steps"]} if options.get("steps") is not None else {}
    return replace(lesson, **steps, **lesson_fields(options))


def lesson_fields(options: Mapping[str, Any]) -> dict[str, Any]:
    """What was said of a lesson, as a job is told it."""
    names = {"batch": "batch", "length": "piece_tokens", "rate": "rate", "rank": "rank", "precision": "precision"}
    names |= {"own_share": "own_share"}
    return {field: options[name] for name, field in names.items() if options.get(name) is not None}


def fetched_training_text(domov: App, named: Sequence[str]) -> tuple[Text, ...]:
    """Files' texts; `builtin` is fetched once from the package index, with its progress on standard error."""
    return tuple(
        asyncio.run(_fetched(domov)) if name == BUILTIN else read_text(Path(name).expanduser()) for name in named
    )


async def _fetched(domov: App) -> Text:
    progress = ProgressLine()
    try:
        return await domov.texts.training(progress)
    finally:
        progress.clear()


def training_fields(training: Mapping[str, Any]) -> list[tuple[str, str]]:
    """How it was trained, in words."""
    speeds: Mapping[str, float] = training["speeds"]
    measured = ", ".join(f"{name} {speed:.0f}" for name, speed in speeds.items())
    chosen = f"{training['precision']} on {training['device']}"
    return [
        ("precision", f"{chosen} (products a second: {measured})" if measured else chosen),
        ("trained for", human_seconds(training["seconds"])),
    ]
