import asyncio
import re
from dataclasses import asdict
from pathlib import Path

import click

from domov import app
from domov.cli.errors import say
from domov.cli.evaluate import fetched_text
from domov.cli.output import json_option, print_fields, print_json, print_table
from domov.cli.show import made_table
from domov.cli.work import agree, background_option, follow, given_text, leave
from domov.errors import BadOption
from domov.files import write_atomically
from domov.optimize import shrink as shrinking
from domov.optimize.budget import thinned
from domov.optimize.card import interval, percent, short
from domov.optimize.figures import verdict
from domov.optimize.plot import Point, svg
from domov.optimize.quantize import Order, counted, doubts, name_given, result_name
from domov.optimize.shrink import Plan, Shrunk, Wish
from domov.optimize.texts import BUILTIN, read_text, tuning_text
from domov.store.recipe import BLOCK_OF
from domov.units import human_bytes

SIZES = {"": 1, "B": 1, "KB": 1_000, "MB": 1_000_000, "GB": 1_000_000_000}
SHOWN_CHOICES = 9


@click.command()
@click.argument("model")
@click.option("--fit", metavar="SIZE", help="The largest file, as 100MB or 4GB.")
@click.option("--loss", metavar="SHARE", help="The most that may be lost, as 1%: of perplexity, on the other text.")
@click.option("--imatrix", metavar="TEXT", default=BUILTIN, show_default=True, help="The text to tune on: a file.")
@click.option("--text", metavar="FILE", help="The text to judge by; without one as `evaluate`.")
@click.option("--without", multiple=True, metavar="TYPE", help="A type not to use.")
@click.option("--name", help="Name of the new model.")
@click.option("--plot", metavar="FILE", help="Draw the frontier here, as SVG.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@background_option
@json_option
def shrink(model: str, fit: str | None, loss: str | None, yes: bool, as_json: bool, **options: object) -> None:
    """Find the best MODEL within a size, or the smallest within a loss, and make it.

    \b
      domov shrink mine:f16 --fit 4GB
      domov shrink mine:f16 --loss 1% --plot frontier.svg

    Every matrix gets a type of its own. Which one follows from what its error would be, weighed by what goes through it
    on the text to tune on, and from what such errors do to the model there, which is measured. What is chosen is made
    and measured on the other text; with --loss it is chosen anew, up to three times, until that holds.
    """
    domov = app.load()
    found = domov.models.get(model)
    wish = wish_of(fit, loss)
    if options["background"]:
        told = {"model": model, "fit_bytes": wish.size_bytes, "loss": wish.loss, "name": options["name"]}
        texts = {"imatrix": given_text(str(options["imatrix"])), "text": given_text(options["text"])}  # type: ignore[arg-type]
        leave(domov, "shrink", told | texts | {"without": list(options["without"])}, yes=yes)  # type: ignore[call-overload]
        return
    label = f"fit-{fit}" if fit else f"loss-{loss}"
    short_label = re.sub(r"[^A-Za-z0-9.]+", "-", label).strip("-.")
    name = name_given(str(options["name"])) if options["name"] else result_name(found.name, short_label)
    agree(doubts(Order(found, "mixed", name), domov.models), yes=yes)
    plan = Plan(
        model=found,
        wish=wish,
        name=name,
        tuned_on=tuning_text(str(options["imatrix"])),
        judged_by=read_text(Path(str(options["text"])).expanduser()) if options["text"] else fetched_text(domov),
        without=tuple(_type(str(one)) for one in options["without"]),  # type: ignore[attr-defined]
    )
    made = asyncio.run(follow(shrinking.shrink(plan, domov.workshop)))
    if options["plot"]:
        drawn = svg(points(made), line(made), title=f"{found.name}: size and loss")
        write_atomically(Path(str(options["plot"])).expanduser().absolute(), drawn.encode(), mode=0o644)
    if as_json:
        print_json(_table(made))
    else:
        _print(made)


def wish_of(fit: str | None, loss: str | None) -> Wish:
    """Raises BadOption for anything but exactly one wish that can be meant."""
    if (fit is None) == (loss is None):
        raise BadOption("say either --fit SIZE or --loss SHARE")
    if fit is not None:
        m = re.fullmatch(r"([0-9]{1,12}(?:\.[0-9]{1,6})?) ?([KMG]?B|)", fit.strip().upper())
        if not m:
            raise BadOption(f"--fit can't be {fit!r}", hint="it takes a size such as 100MB or 4GB")
        return Wish(size_bytes=round(float(m[1]) * SIZES[m[2]]))
    m = re.fullmatch(r"([0-9]{1,3}(?:\.[0-9]{1,6})?) ?%", (loss or "").strip())
    if not m or not 0 < float(m[1]) <= 100:
        raise BadOption(f"--loss can't be {loss!r}", hint="it takes a share such as 1% or 0.5%")
    return Wish(loss=float(m[1]) / 100)


def _type(text: str) -> str:
    if text.upper() not in BLOCK_OF:
        raise BadOption(f"--without can't be {text!r}", hint=f"the types are {', '.join(shrinking.CANDIDATES)}")
    return text.upper()


def points(made: Shrunk) -> list[Point]:
    label = f"{made.model.name}, measured on the other text"
    return [Point(label, made.model.manifest.size_bytes, made.distance.divergence.value, ours=True)]


def line(made: Shrunk) -> list[tuple[float, float]]:
    return [(choice.size_bytes, choice.loss) for choice in made.choices]


def _print(made: Shrunk) -> None:
    chosen = made.chosen
    shown = {id(choice): choice for choice in (*thinned(made.choices, count=SHOWN_CHOICES), chosen)}
    rows = [
        ("*" if choice is chosen else "", human_bytes(choice.size_bytes), short(choice.loss), counted(choice.types))
        for choice in sorted(shown.values(), key=lambda choice: choice.size_bytes)
    ]
    print_table(("", "SIZE", "PREDICTED LOSS", "TYPES"), rows)
    d = made.distance
    click.echo()
    print_fields(
        [
            ("made", f"{made.model.name}, {human_bytes(made.model.manifest.size_bytes)}"),
            ("divergence", f"{interval(d.divergence)} nats on the other text: {verdict(d.divergence.value)}"),
            ("predicted", f"{short(made.predicted)} on the text that it was tuned on"),
            ("same first choice", f"{percent(d.same_top)} of tokens"),
        ]
    )
    say("`domov evaluate` measures it in full.")


def _table(made: Shrunk) -> dict[str, object]:
    return {
        "model": made_table(made.model),
        "distance": asdict(made.distance),
        "predicted": made.predicted,
        "types": dict(made.chosen.types),
        "frontier": [{"size_bytes": c.size_bytes, "predicted": c.loss} for c in made.choices],
    }
