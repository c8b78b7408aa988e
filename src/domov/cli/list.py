from dataclasses import asdict

import click

from domov import app
from domov.cli.errors import say
from domov.cli.output import json_option, print_json, print_table
from domov.store.catalogue import Entry
from domov.store.models import Model
from domov.units import human_bytes, human_count


@click.command("list")
@click.option("--catalogue", is_flag=True, help="The models that can be pulled by name, here or not.")
@json_option
def list_(catalogue: bool, as_json: bool) -> None:
    """List the models that are here."""
    domov = app.load()
    if catalogue:
        _print_catalogue(domov.models.catalogue.entries, as_json=as_json)
    else:
        _print_models(domov.models.all(), as_json=as_json)


def _print_models(models: list[Model], *, as_json: bool) -> None:
    if as_json:
        print_json([asdict(m.manifest) for m in models])
    elif models:
        rows = [_row(m) for m in models]
        print_table(("NAME", "SIZE", "LICENCE", "FROM", "ADDED"), rows)
    else:
        say("no models are here yet: `domov run` fetches a small one, `domov list --catalogue` shows more")


def _row(model: Model) -> tuple[str, ...]:
    m = model.manifest
    return m.name, human_bytes(m.size_bytes), m.licence, m.source.location, m.added[:10]


def _print_catalogue(entries: tuple[Entry, ...], *, as_json: bool) -> None:
    if as_json:
        print_json([asdict(e) for e in entries])
        return
    rows = [(e.name, human_count(e.parameters), human_bytes(e.download_bytes), e.licence, e.purpose) for e in entries]
    print_table(("NAME", "PARAMETERS", "DOWNLOAD", "LICENCE", "FOR"), rows)
