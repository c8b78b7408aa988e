import asyncio
import sys
from pathlib import Path

import click

from domov import app
from domov.cli.errors import say
from domov.cli.pull import fetch
from domov.errors import BadInput, BadRequest
from domov.store.creating import create as make
from domov.store.creating import new_name
from domov.store.modelfile import Modelfile, parse
from domov.store.models import Model
from domov.store.names import looks_like_path
from domov.store.preset import preset


@click.command()
@click.argument("name")
@click.option("-f", "--file", default="Modelfile", help="The Modelfile; - is standard input.", show_default=True)
def create(name: str, file: str) -> None:
    """Make the model NAME of a Modelfile: another model with a system prompt, parameters, a template, first messages.

    \b
    FROM smollm2:135m
    SYSTEM "You are a librarian."
    PARAMETER temperature 0.3
    """
    told = parse(_text(file))
    given, called = preset(told.fields), new_name(name)
    domov = app.load()
    base = _base(domov, told, folder=Path(file).parent, name=called)
    model = make(domov.models, base.manifest, name=called, preset=given, licence="\n".join(told.licences))
    say(f"{model.name} is made of {told.source}; try: domov run {model.name}")


def _text(file: str) -> str:
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text("utf-8")
    except FileNotFoundError as error:
        raise BadRequest(f"no such file: {file}", hint="name a Modelfile with -f") from error
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"can't read {file}: {error}") from error


def _base(domov: app.App, told: Modelfile, *, folder: Path, name: str) -> Model:
    """The model of FROM, fetched if it is not here; a path starts at the Modelfile's folder."""
    if looks_like_path(told.source):
        path = folder / Path(told.source).expanduser()
        return asyncio.run(fetch(domov, str(path.absolute()), rename=name))
    return domov.models.find(told.source) or asyncio.run(fetch(domov, told.source))
