import click

from domov import app
from domov.cli.errors import say
from domov.units import human_bytes


@click.command()
@click.argument("models", nargs=-1, required=True, metavar="MODEL...")
def rm(models: tuple[str, ...]) -> None:
    """Remove each MODEL: its name, and its file if no other name has it.

    A file outside Domov's own folder is never removed.
    """
    domov = app.load()
    store = domov.models
    for model in models:
        freed = store.remove(model)
        domov.access.audit.command("domov rm", model=model)
        say(f"removed {model}; {human_bytes(freed)} set free" if freed else f"removed the name {model}")
