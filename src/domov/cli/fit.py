import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from domov import app
from domov.app import App
from domov.cli.errors import say
from domov.cli.output import json_option, print_json, print_sentence, print_table
from domov.hardware.machine import Machine, described, from_json
from domov.sizing.advice import class_words, precision_words
from domov.sizing.cache import BYTES_PER_VALUE
from domov.sizing.choice import TASKS, Offer
from domov.sizing.plan import MOST_CONTEXT_TOKENS, MOST_SLOTS, Plan, Wishes
from domov.sizing.variants import Variant, alternatives, best
from domov.units import human_bytes, human_count

VERDICTS = {"fits": "fits", "tight": "tight", "disk": "slow", "no": "no"}


@click.command()
@click.argument("model", required=False)
@click.option("--context", type=click.IntRange(0, MOST_CONTEXT_TOKENS), default=8192, help="Tokens (8192); 0: all.")
@click.option("--slots", type=click.IntRange(1, MOST_SLOTS), default=1, help="Conversations at the same time (1).")
@click.option("--cache", type=click.Choice(list(BYTES_PER_VALUE)), default="f16", help="Attention cache's type (f16).")
@click.option("--machine", help='Another machine: "24 GB GPU, 64 GB RAM", or a file of `domov doctor --save`.')
@click.option("--no-measure", is_flag=True, help="Do not measure this machine's speed if it is not known yet.")
@json_option
def fit(model: str | None, context: int, slots: int, cache: str, machine: str | None, **flags: bool) -> None:
    """Tell whether MODEL runs here, how fast, and with what left over; without MODEL, what runs best.

    Nothing is downloaded: a model's header tells, or its published figures. MODEL is a name of the catalogue,
    hf.co/user/repo, or the path of a GGUF file.
    """
    domov, as_json = app.load(), flags["as_json"]
    here = _machine(domov, machine, measure=not flags["no_measure"])
    if model is None:
        _print_offers(here, domov.offers(here), as_json=as_json)
        return
    wishes = Wishes(context_tokens=context, slots=slots, cache_type=cache, exact=bool(context))
    found, rows = asyncio.run(domov.variants(model, here, wishes))
    if as_json:
        print_json({"model": found.name, "source": found.source, "variants": [variant_row(v) for v in rows]})
        return
    _print_variants(found.name, found.source, rows, here)
    for line in alternatives(rows, wishes):
        click.echo(f"could be better: {line}")


def _machine(domov: App, text: str | None, *, measure: bool) -> Machine:
    if text is None:
        if measure:
            say("looking at this machine (its speed is measured once, some seconds) ...")
        return domov.machine(measure=measure)
    path = Path(text).expanduser()
    if path.is_file():
        return from_json(path.read_bytes()[: 1 << 20], name=str(path))
    return described(text)


def variant_row(v: Variant) -> dict[str, Any]:
    """One row as JSON."""
    return {**asdict(v), "plan": {**asdict(v.plan), "needed_bytes": v.plan.needed_bytes}}


def _print_variants(name: str, source: str, rows: list[Variant], machine: Machine) -> None:
    plan = rows[0].plan
    slots = f" for each of {plan.slots} conversations" if plan.slots > 1 else ""
    click.echo(f"{name}, with a context of {plan.context_tokens} tokens{slots}; from {source}\n")
    devices = [share.device for share in plan.devices]
    places = [f"on {d}" for d in devices] if len(devices) > 1 else ["memory"]
    headings = ["type", "download", *places, "runs", "tokens/s", "reads", "quality"]
    chosen = best(rows)
    table = [
        [
            v.quantization + (" *" if v is chosen else ""),
            human_bytes(v.file_bytes),
            *_device_cells(v.plan, devices),
            VERDICTS[v.plan.verdict],
            *speed_cells(v.plan),
            v.quality,
        ]
        for v in rows
    ]
    print_table(headings, table)
    click.echo()
    print_sentence(
        "* the most precise one that fits. Memory is all of it: weights, attention cache, buffers, the process."
    )
    print_sentence(f"{TOKENS_WORDS} {_speed_words(machine)}")


def _device_cells(plan: Plan, devices: list[str]) -> list[str]:
    needed = {share.device: share.needed_bytes for share in plan.devices}
    return [human_bytes(needed[d]) if d in needed else "" for d in devices]


def speed_cells(plan: Plan) -> list[str]:
    """`12 (10-14)` for answering, and `120` for reading a prompt."""
    if plan.speed is None:
        return ["", ""]
    answer = plan.speed.answer
    return [f"{_short(answer.middle)} ({_short(answer.low)}-{_short(answer.high)})", _short(plan.speed.prompt.middle)]


def _short(number: float) -> str:
    return f"{number:.0f}" if number >= 10 else f"{number:.2g}"


def _speed_words(machine: Machine) -> str:
    if machine.speeds and not machine.gpus:
        return "Speeds are predicted from what was measured on this processor, for an idle machine."
    return "Speeds are rough: they rest on what such hardware usually does."


def _print_offers(machine: Machine, found: list[Offer], *, as_json: bool) -> None:
    if as_json:
        print_json({"machine": asdict(machine), "class": class_words(machine), "offers": [asdict(o) for o in found]})
        return
    sentence = class_words(machine)
    print_sentence(f"{sentence[0].upper()}{sentence[1:]}.")
    print_sentence(f"Best here: {precision_words(machine)}.")
    for task, title in TASKS.items():
        rows = [_offer_cells(offer) for offer in found if offer.task == task]
        if rows:
            click.echo()
            print_table([title, *OFFER_HEADINGS], rows)
    click.echo()
    print_sentence("* the best for its task: large enough to be good, quick enough to be pleasant.")
    if any(offer.rough for offer in found):
        print_sentence("~ rough: its figures are not known before it is here.")
    print_sentence(f"{TOKENS_WORDS} {_speed_words(machine)}")
    print_sentence(
        "`domov fit NAME` shows a model in all sizes, `domov pull NAME` fetches it, `domov run NAME` talks to it."
    )


OFFER_HEADINGS = ("size", "download", "memory", "runs", "tokens/s", "reads")
TOKENS_WORDS = "tokens/s: how fast it answers (a word is one to three tokens); reads: how fast it reads what you send."


def _offer_cells(offer: Offer) -> list[str]:
    entry, plan = offer.entry, offer.plan
    return [
        (entry.name + (" *" if offer.best else "")).ljust(len(max(TASKS.values(), key=len))),
        human_count(entry.parameters),
        human_bytes(entry.download_bytes),
        ("~" if offer.rough else "") + human_bytes(plan.needed_bytes),
        VERDICTS[plan.verdict],
        *speed_cells(plan),
    ]
