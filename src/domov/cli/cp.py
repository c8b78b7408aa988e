import click

from domov import app
from domov.cli.errors import say


@click.command()
@click.argument("source")
@click.argument("target")
def cp(source: str, target: str) -> None:
    """Give the model SOURCE a second name, TARGET. It takes no room."""
    model = app.load().models.copy(source, target)
    say(f"{model.name} is the same model as {source}")
