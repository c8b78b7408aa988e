from typing import Any

import click

from domov import app, config
from domov.api import client
from domov.api.privacy import fixed, told
from domov.cli.errors import say
from domov.cli.output import json_option, print_json, print_sentence, print_table
from domov.errors import BadOption
from domov.units import human_bytes


@click.command()
@click.option("--offline/--online", default=None, help="Forbid all connections from now on, or allow them.")
@click.option("--last", type=click.IntRange(0, 1000), default=10, show_default=True, help="So many rows of the ledger.")
@json_option
def privacy(offline: bool | None, last: int, as_json: bool) -> None:
    """Show what left this computer: every connection with its reason; forbid them, or allow them again.

    A server that runs is told as well. What DOMOV_OFFLINE says in the environment stands above this.
    """
    domov = app.load()
    if offline is not None:
        _switch(domov, offline)
    state = _state(domov) if offline is None else {"offline": offline, "fixed": False}
    table = {**state, **told(domov.config.logs / "outbound.jsonl", limit=max(1, last))}
    table["connections"] = table["connections"][:last]
    if as_json:
        print_json(table)
        return
    print_sentence("offline: nothing may leave this computer" if state["offline"] else "connections are allowed")
    if not table["reasons"]:
        print_sentence("no connection was ever made or refused")
        return
    headings = ("WHY", "CONNECTIONS", "REFUSED", "RECEIVED", "SENT")
    print_table(headings, [_sum_row(row) for row in table["reasons"]])
    if table["connections"]:
        click.echo()
        print_table(("WHEN", "HOST", "RECEIVED", "OUTCOME", "REASON"), [_row(row) for row in table["connections"]])


def _switch(domov: app.App, offline: bool) -> None:
    if fixed():
        raise BadOption("DOMOV_OFFLINE is set in the environment, which stands above all", hint="unset DOMOV_OFFLINE")
    if client.running_at(domov.config.home):
        client.ask(domov.config.home, "PUT", "/api/domov/offline", {"offline": offline})
    else:
        config.write(domov.config.home / "config.toml", {"offline": offline})
    domov.access.audit.command("domov privacy", offline=offline)
    say("offline mode is on" if offline else "offline mode is off")


def _state(domov: app.App) -> dict[str, Any]:
    """Of the server that runs, or else as it is set."""
    if client.running_at(domov.config.home):
        told: dict[str, Any] = client.ask(domov.config.home, "GET", "/api/domov/offline")
        return told
    return {"offline": domov.config.offline, "fixed": fixed()}


def _sum_row(row: dict[str, Any]) -> tuple[str, ...]:
    sizes = (human_bytes(row["received_bytes"]), human_bytes(row["sent_bytes"]))
    return (row["name"], str(row["count"]), str(row["refused"] or ""), *sizes)


def _row(row: dict[str, Any]) -> tuple[str, ...]:
    size = human_bytes(row["received_bytes"]) if row["received_bytes"] is not None else ""
    return (row["time"], row["host"], size, row["outcome"], row["reason"])
