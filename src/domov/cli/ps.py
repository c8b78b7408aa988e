from typing import Any

import click

from domov import app
from domov.api import client
from domov.cli.errors import say
from domov.cli.output import json_option, print_json, print_table
from domov.units import human_bytes, human_seconds


@click.command()
@json_option
def ps(as_json: bool) -> None:
    """List the models that the running server has in memory."""
    models = client.ask(app.load().config.home, "GET", "/api/domov/loaded")["models"]
    if as_json:
        print_json(models)
    elif models:
        headings = ("NAME", "STATE", "MEMORY", "PLANNED", "CONTEXT", "SLOTS", "RUNNING", "WAITING", "GOES")
        print_table(headings, [_row(m) for m in models])
    else:
        say("no model is loaded")


def _row(model: dict[str, Any]) -> tuple[str, ...]:
    left = model["expires_in_seconds"]
    return (
        model["model"],
        model["state"],
        human_bytes(model["memory_bytes"]),
        human_bytes(model["planned_bytes"]),
        f"{model['context_tokens']} tokens",
        *(str(model[key]) for key in ("slots", "running", "waiting")),
        "stays" if left is None else f"in {human_seconds(left)}",
    )
