import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from domov import app
from domov.api import client
from domov.cli import pointing
from domov.connect.table import find
from domov.connect.tool import Start
from domov.errors import BadRequest, NoServer, Refused
from domov.files import write_atomically


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@pointing.model_option
@pointing.url_option
@pointing.key_option
@click.argument("tool")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def launch(tool: str, arguments: tuple[str, ...], **given: str | None) -> None:
    """Start TOOL already pointed at Domov. What follows it is handed on: domov launch claude -p "Hello".

    No file of yours is changed and no shell is started. It ends with the status that the tool ends with.
    """
    domov = app.load()
    chosen = find(tool)
    if given["url"] is None and client.running_at(domov.config.home) is None:
        raise NoServer("no server is running", hint="start one with: domov serve")
    start = chosen.start(pointing.target(domov, model=given["model"], url=given["url"], key=given["key"]))
    if start is None:
        raise BadRequest(
            f"{chosen.title} can't be pointed elsewhere for one run", hint=f"domov connect {chosen.name} sets it up"
        )
    program = pointing.places().find(start.command[0])
    if program is None:
        raise Refused(f"{chosen.title} is not installed: no program {start.command[0]}", hint=chosen.install)
    sys.exit(_run([program, *start.command[1:], *arguments], start))


def _run(command: list[str], start: Start) -> int:
    """The status that the program ends with; 128 and the signal's number where one ended it, as shells have it."""
    with _folder(start.files) as folder, _leaving_interrupts_to_it():
        filled = [part.replace("{folder}", folder) for part in command]
        status = subprocess.call(filled, env=_environ(start.environ))
    return status if status >= 0 else 128 - status


@contextlib.contextmanager
def _folder(files: Mapping[str, str]) -> Iterator[str]:
    """A private folder with these files; nothing where there are none."""
    if not files:
        yield ""
        return
    with tempfile.TemporaryDirectory(prefix="domov-launch-") as folder:
        for name, content in files.items():
            write_atomically(Path(folder) / name, content.encode())
        yield folder


@contextlib.contextmanager
def _leaving_interrupts_to_it() -> Iterator[None]:
    """Ctrl-C reaches every process of a terminal: what it means is for the program to say.

    A handler that does nothing, because a signal that is ignored would stay ignored in the program.
    """
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _environ(changes: Mapping[str, str | None]) -> dict[str, str]:
    values: dict[str, str | None] = {**os.environ, **changes}
    return {name: value for name, value in values.items() if value is not None}
