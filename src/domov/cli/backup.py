import importlib.metadata
from pathlib import Path

import click

from domov import app
from domov.api.client import running_at
from domov.backup.making import make
from domov.backup.restoring import restore as put_back
from domov.cli.errors import say
from domov.errors import BadOption
from domov.units import human_bytes


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--models", is_flag=True, help="With the models' own files, which can be fetched again.")
@click.option("--force", is_flag=True, help="Write over FILE.")
def backup(file: Path, models: bool, force: bool) -> None:
    """Write all that can't be fetched again into FILE, a ZIP archive, while everything goes on.

    Chats, documents, accounts, keys, settings, names of models. It holds people's texts: keep it as you keep those.
    """
    if file.exists() and not force:
        raise BadOption(f"{file} is there already", hint="give another name, or --force")
    version = importlib.metadata.version("domov")
    domov = app.load()
    made = make(domov.config.home, file.absolute(), version=version, with_models=models)
    domov.access.audit.command("domov backup", file=str(made.path))
    say(f"{made.files} files, {human_bytes(made.size_bytes)}: {made.path}")


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def restore(file: Path) -> None:
    """Put the backup FILE in the place of what is here. It is looked through first; what was here is kept aside."""
    domov = app.load()
    if running_at(domov.config.home):
        raise BadOption("a server is running with this folder", hint="end it first (Ctrl-C), then restore")
    done = put_back(domov.config.home, file)
    domov.access.audit.command("domov restore", file=str(file))
    say(f"{done.files} files are back; what was here before is in {done.kept}")
