import asyncio
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from domov import app
from domov.cli.errors import say
from domov.cli.evaluate import fetched_text, machine_words
from domov.cli.output import json_option, print_fields, print_json
from domov.cli.show import made_table
from domov.cli.shrink import wish_of
from domov.cli.training import fetched_training_text, lesson_fields, lesson_options, lesson_with, training_fields
from domov.cli.work import agree, background_option, follow, given_text, leave
from domov.errors import BadOption
from domov.optimize import prune as pruning
from domov.optimize.card import interval
from domov.optimize.cuts import Cuts, label_of
from domov.optimize.figures import verdict
from domov.optimize.prune import HEALING, Order, Pruned
from domov.optimize.quantize import name_given, result_name
from domov.optimize.texts import BUILTIN, read_text, tuning_text
from domov.units import human_bytes

NOT_AT_ALL = "none"


@click.command()
@click.argument("model")
@click.option("--layers", type=click.IntRange(0, 4096), default=0, help="Leave out so many layers: the least needed.")
@click.option("--width", metavar="SHARE", help="Leave out this share of the feed-forward channels, as 10%.")
@click.option("--heads", type=click.IntRange(0, 4096), default=0, help="Leave out so many heads of keys in each layer.")
@click.option("--fit", metavar="SIZE", help="As many channels as it takes for a file of at most this size.")
@click.option(
    "--heal", metavar="STEPS", default=str(HEALING.steps), show_default=True, help="Steps of healing, or none."
)
@click.option("--text", metavar="FILE", default=BUILTIN, show_default=True, help="Tells what matters.")
@click.option("--data", metavar="FILE", default=BUILTIN, show_default=True, help="The text to heal on.")
@click.option("--judge", metavar="FILE", help="The text to judge by; without one as `evaluate`.")
@lesson_options
@click.option("--name", help="Name of the new model.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@background_option
@json_option
def prune(model: str, layers: int, heads: int, yes: bool, as_json: bool, **options: Any) -> None:
    """Take the least important parts out of MODEL, and heal it.

    \b
      domov prune mine:f16 --width 10%
      domov prune mine:f16 --layers 4 --heal 400
      domov prune mine:f16 --fit 200MB --heal none

    What matters is found on one text. Healing trains the pruned model to find likely what its parent finds likely, on
    a second. A third, which neither has seen, tells what was lost, before the healing and after, and whether quantizing
    to that size would have cost less. Needs PyTorch: pip install 'domov[workshop]'.
    """
    domov = app.load()
    cuts = Cuts(
        layers, share_of(options["width"]), heads, wish_of(options["fit"], None).size_bytes if options["fit"] else None
    )
    if cuts.size_bytes and (layers or heads or cuts.width):
        raise BadOption("--fit chooses the width alone: leave --layers, --width and --heads out")
    steps = steps_of(options["heal"])
    if options["background"]:
        leave(domov, "prune", _told(model, cuts, steps, options), yes=yes)
        return
    found = domov.models.get(model)
    name = name_given(options["name"]) if options["name"] else result_name(found.name, label_of(cuts))
    lesson = lesson_with(HEALING, {**options, "steps": steps or HEALING.steps})
    pruning.check_order(found, cuts)
    agree([f"{name} is here already and will be replaced"] if domov.models.find(name) else [], yes=yes)
    order = Order(
        model=found,
        cuts=cuts,
        name=name,
        tuned_on=tuning_text(options["text"]),
        judged_by=read_text(Path(options["judge"]).expanduser()) if options["judge"] else fetched_text(domov),
        healed_on=fetched_training_text(domov, [options["data"]])[0] if steps else None,
        lesson=lesson,
        machine=machine_words(),
    )
    made = asyncio.run(follow(pruning.prune(order, domov.workshop)))
    if as_json:
        print_json(_table(made))
        return
    print_fields(_fields(made, found.manifest.size_bytes))
    for sentence in pruning.report(made):
        say(sentence)


def _told(model: str, cuts: Cuts, steps: int, options: dict[str, Any]) -> dict[str, Any]:
    """As a job is told it."""
    return {
        "model": model,
        "layers": cuts.layers,
        "width": cuts.width,
        "heads": cuts.heads,
        "fit_bytes": cuts.size_bytes,
        "heal_steps": steps,
        "lesson": lesson_fields(options),
        "name": options["name"],
        "text": given_text(options["text"]),
        "data": given_text(options["data"]),
        "judge": given_text(options["judge"]),
    }


def share_of(text: str | None) -> float:
    """`10%` is 0.1. Raises BadOption."""
    if text is None:
        return 0.0
    m = re.fullmatch(r"([0-9]{1,2}(?:\.[0-9]{1,6})?) ?%", text.strip())
    if not m or not float(m[1]):
        raise BadOption(f"--width can't be {text!r}", hint="it takes a share such as 10%")
    return float(m[1]) / 100


def steps_of(text: str) -> int:
    """0: none. Raises BadOption."""
    if text.lower() == NOT_AT_ALL:
        return 0
    if not re.fullmatch(r"[0-9]{1,7}", text):
        raise BadOption(f"--heal can't be {text!r}", hint="it takes a number of steps, or none")
    return int(text)


def _fields(made: Pruned, before_bytes: int) -> list[tuple[str, str]]:
    size = made.model.manifest.size_bytes
    rows = [("made", f"{made.model.name}, {human_bytes(size)}: {100 * size / before_bytes:.0f} % of its parent's file")]
    if made.gone:
        rows.append(("left out", f"layers {', '.join(map(str, made.gone))}"))
    rows.append(("divergence, cut", f"{interval(made.cut.divergence)} nats: {verdict(made.cut.divergence.value)}"))
    if made.healed:
        d = made.healed.divergence
        rows += [("divergence, healed", f"{interval(d)} nats: {verdict(d.value)}"), *training_fields(made.training)]
    return rows


def _table(made: Pruned) -> dict[str, object]:
    return {
        "model": made_table(made.model),
        "layers_left_out": list(made.gone),
        "cut": asdict(made.cut),
        "healed": asdict(made.healed) if made.healed else None,
        "recovered": made.recovered,
        "curve": [dict(point) for point in made.curve],
        "training": dict(made.training),
        "better": asdict(made.better) if made.better else None,
        "report": pruning.report(made),
    }
