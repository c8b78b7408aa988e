import time
from typing import Any

import click

from domov import app
from domov.access.keys import SCOPES, Grant, Key, Scope
from domov.cli.errors import say
from domov.cli.output import json_option, print_json, print_table
from domov.cli.spans import Span


@click.group()
def keys() -> None:
    """The keys that callers of the server show: who may do what, how much, until when.

    A change holds at once, for a server that runs as well.
    """


@keys.command("add")
@click.option("--name", required=True, help="Whom or what it is for.")
@click.option(
    "--scope",
    type=click.Choice(SCOPES),
    default="inference",
    show_default=True,
    help="Ask models; also fetch and delete them; or everything, keys included.",
)
@click.option("--expires", type=Span(), help="When it ends: after 12h, 30d or 1y, or a date as 2027-01-31 (UTC).")
@click.option("--requests-per-minute", type=click.IntRange(1), help="Most requests a minute.")
@click.option("--tokens-per-day", type=click.IntRange(1), help="Most tokens read and written a day (UTC).")
@click.option("--tokens-per-month", type=click.IntRange(1), help="Most tokens a calendar month (UTC).")
@click.option(
    "--cost-per-month",
    type=click.FloatRange(0, min_open=True),
    help="Most money a calendar month (UTC), in `currency`.",
)
@click.option("--models", help="The only models it is for, by name or pattern: qwen3:4b,smollm2:*")
@json_option
def add(name: str, scope: Scope, expires: float | None, models: str | None, as_json: bool, **limits: Any) -> None:
    """Make a key. It is shown this once and kept as a hash: nobody can show it again."""
    names = tuple(part.strip() for part in (models or "").split(",") if part.strip())
    domov = app.load()
    domov.tariff.check_limit(limits["cost_per_month"])
    key, secret = domov.access.keys.add(Grant(name, scope, expires_at=expires, models=names, **limits))
    domov.access.audit.command("domov keys add", key=key.id, key_name=name, key_scope=scope)
    _print_secret(key, secret, as_json=as_json)


@keys.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the keys, with what was used of each today."""
    rows = app.load().access.rows()
    if as_json:
        print_json(rows)
    elif rows:
        headings = ("ID", "NAME", "SCOPE", "BEGINS", "MODELS", "A MINUTE", "TOKENS TODAY", "STATE")
        print_table(headings, [_row(row, time.time()) for row in rows])
    else:
        say("there are no keys: `domov keys add --name …` makes one")


@keys.command("revoke")
@click.argument("key")
def revoke(key: str) -> None:
    """End KEY, by its id or name: the next request with it is refused."""
    domov = app.load()
    revoked = domov.access.keys.revoke(key)
    domov.access.audit.command("domov keys revoke", key=revoked.id, key_name=revoked.grant.name)
    say(f"{revoked.grant.name} is revoked")


@keys.command("rotate")
@click.argument("key")
@json_option
def rotate(key: str, as_json: bool) -> None:
    """Give KEY, by its id or name, another secret; the old one ends, what its callers have kept stays theirs."""
    domov = app.load()
    rotated, secret = domov.access.keys.rotate(key)
    domov.access.audit.command("domov keys rotate", key=rotated.id, key_name=rotated.grant.name)
    _print_secret(rotated, secret, as_json=as_json)


def _print_secret(key: Key, secret: str, *, as_json: bool) -> None:
    if as_json:
        print_json({**key.row(), "secret": secret})
        return
    say(f"{key.grant.name} ({key.id}, {key.grant.scope}); the key is shown this once:")
    click.echo(secret)


def _row(row: dict[str, Any], moment: float) -> tuple[str, ...]:
    tokens = str(row["today"]["tokens"]) + (f" of {row['tokens_per_day']}" if row["tokens_per_day"] else "")
    return (
        row["id"],
        row["name"],
        row["scope"],
        row["shown"],
        ",".join(row["models"]) or "all",
        str(row["requests_per_minute"] or "any"),
        tokens,
        _state(row, moment),
    )


def _state(row: dict[str, Any], moment: float) -> str:
    if row["revoked_at"] is not None:
        return "revoked"
    if row["expires_at"] is None:
        return "in use"
    day = time.strftime("%Y-%m-%d", time.gmtime(row["expires_at"]))
    return f"until {day}" if moment < row["expires_at"] else f"expired {day}"
