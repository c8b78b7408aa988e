import click

from domov import app
from domov.api import client
from domov.cli.errors import say


@click.command()
@click.argument("model")
def stop(model: str) -> None:
    """Unload MODEL from the running server; it is loaded again when somebody asks it something."""
    answer = client.ask(app.load().config.home, "POST", "/api/domov/unload", {"model": model})
    say(f"{model} is unloaded" if answer["unloaded"] else f"{model} was not loaded")
