from typing import Any

import click

from domov import app
from domov.api.usage import KINDS, MOST_DAYS, summary
from domov.cli.errors import say
from domov.cli.output import json_option, print_json, print_sentence, print_table
from domov.hardware.energy import WHY, why_unknown
from domov.units import human_seconds

JOULES_PER_WATT_HOUR = 3600


@click.command()
@click.option("--by", type=click.Choice(list(KINDS)), default="day", show_default=True, help="What the rows are.")
@click.option("--days", type=click.IntRange(1, MOST_DAYS), default=30, show_default=True, help="So many, with today.")
@json_option
def usage(by: str, days: int, as_json: bool) -> None:
    """Show what the server's models were used for: requests, tokens, time and energy.

    Energy is what this machine's own counters say, where they can be read; else it is estimated by the setting `watts`.
    """
    table = summary(app.load(), days=days)
    if as_json:
        print_json(table)
        return
    if not table[by]:
        say(f"nothing was asked since {table['since']}")
        return
    headings = (by.upper(), "REQUESTS", "FAILED", "READ", "KNOWN", "WRITTEN", "TIME", "ENERGY", table["currency"])
    named = [(row.get("name") or row[by] or "this computer", row) for row in table[by]]
    rows = [_row(name, row) for name, row in [*named, ("in all", table["total"])]]
    shown = None if table["total"]["cost"] is not None else -1  # the last column is of money
    print_table(headings[:shown], [row[:shown] for row in rows])
    print_sentence("READ, KNOWN and WRITTEN are tokens: of prompts, of those the ones read before, and of answers.")
    if table["energy_estimated"]:
        print_sentence("Energy is an estimate: seconds of work, times the setting `watts`.")
    if table["total"]["joules"] is None and (why := why_unknown()):
        print_sentence(f"Energy is not known: {WHY[why]}.")


def _row(name: str, row: dict[str, Any]) -> tuple[str, ...]:
    counts = (str(row[key]) for key in ("requests", "failed", "prompt_tokens", "cached_tokens", "answer_tokens"))
    cost = "" if row["cost"] is None else f"{row['cost']:.2g}"
    return (name, *counts, human_seconds(row["seconds"]), energy_words(row), cost)


def energy_words(row: dict[str, Any]) -> str:
    """`1.2 Wh`, `1.2 Wh of 3 in 10 requests` or `unknown`."""
    if row["joules"] is None:
        return "unknown"
    words = f"{row['joules'] / JOULES_PER_WATT_HOUR:.3g} Wh"
    return words if row["measured"] == row["requests"] else f"{words} (of {row['measured']} requests)"
