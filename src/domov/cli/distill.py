import asyncio
import tomllib
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

import click

from domov import app
from domov.cli.errors import say
from domov.cli.evaluate import fetched_text, machine_words
from domov.cli.output import json_option, print_fields, print_json
from domov.cli.show import made_table
from domov.cli.training import fetched_training_text, lesson_fields, lesson_options, lesson_with, training_fields
from domov.cli.work import agree, background_option, follow, given_text, leave
from domov.errors import BadOption
from domov.optimize import distill as distilling
from domov.optimize.card import interval
from domov.optimize.distill import Beginning, By, Distilled, Order, beginning_of
from domov.optimize.figures import verdict
from domov.optimize.lesson import Lesson
from domov.optimize.quantize import name_given, result_name
from domov.optimize.texts import read_text
from domov.store.models import Model
from domov.units import human_bytes

LESSON = Lesson(own_share=0.1)


@click.command()
@click.argument("teacher")
@click.argument("student")
@click.option("--data", metavar="FILE", multiple=True, required=True, help="What to train on; `builtin` is a text.")
@click.option("--by", type=click.Choice(get_args(By)), default="likelihoods", show_default=True, help="What to learn.")
@click.option("--steps", type=int, help="Steps of training (200).")
@lesson_options
@click.option("--own-share", type=float, help="Share of the loss that is the data's own (0.1); 1: no teacher.")
@click.option("--judge", metavar="FILE", help="The text to judge by; without one as `evaluate`.")
@click.option("--name", help="Name of the new model.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@background_option
@json_option
def distill(
    teacher: str, student: str, data: tuple[str, ...], by: By, yes: bool, as_json: bool, **options: Any
) -> None:
    """Train STUDENT after TEACHER.

    \b
      domov distill mine:f16 mine:without-4-layers --data builtin
      domov distill mine:f16 half.toml --data german.txt --data english.txt --steps 2000
      domov distill qwen3:4b smollm2:135m --by answers --data prompts.txt

    STUDENT is a model that is here, which stays as it is, or a file with the sizes of one that is not there yet:

    \b
      layers = 15
      feed_forward = 1024
      init = "copy"         # of the teacher's layers; "random" takes hidden, heads and kv_heads too

    By likelihoods the student learns all that the teacher finds possible at each place of the data; both must have the
    same tokens. By answers it learns what the teacher writes to each line of the data, whatever its tokens are. Needs
    PyTorch: pip install 'domov[workshop]'.
    """
    domov = app.load()
    if options["background"]:
        leave(domov, "distill", _told(teacher, student, data, by, options), yes=yes)
        return
    source = domov.models.get(teacher)
    begins = _student(domov, student)
    called = begins.name if isinstance(begins, Model) else source.name
    name = name_given(options["name"]) if options["name"] else result_name(called, "distilled")
    agree([f"{name} is here already and will be replaced"] if domov.models.find(name) else [], yes=yes)
    order = Order(
        teacher=source,
        student=begins,
        name=name,
        data=fetched_training_text(domov, data),
        judged_by=read_text(Path(options["judge"]).expanduser()) if options["judge"] else fetched_text(domov),
        lesson=lesson_with(LESSON, options),
        by=by,
        machine=machine_words(),
    )
    made = asyncio.run(follow(distilling.distill(order, domov.workshop, domov.open_engine)))
    if as_json:
        print_json(_table(made))
        return
    print_fields(_fields(made))
    say("`domov evaluate` measures it in full.")


def _told(teacher: str, student: str, data: tuple[str, ...], by: By, options: dict[str, Any]) -> dict[str, Any]:
    """As a job is told it."""
    told = {
        "teacher": teacher,
        "student": _sizes(student) if student.endswith(".toml") else student,
        "data": [given_text(one) for one in data],
        "by": by,
        "training_steps": options["steps"],
        "lesson": lesson_fields(options),
        "name": options["name"],
        "judge": given_text(options["judge"]),
    }
    return {key: value for key, value in told.items() if value is not None}


def _student(domov: app.App, text: str) -> Model | Beginning:
    """Raises BadOption for a file that is no configuration."""
    return beginning_of(_sizes(text)) if text.endswith(".toml") else domov.models.get(text)


def _sizes(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(read_text(Path(text).expanduser()).content)
    except tomllib.TOMLDecodeError as error:
        raise BadOption(f"{text} is no TOML: {error}") from error


def _fields(made: Distilled) -> list[tuple[str, str]]:
    rows = [("made", f"{made.model.name}, {human_bytes(made.model.manifest.size_bytes)}")]
    for label, distance in (("divergence before", made.before), ("divergence after", made.after)):
        if distance:
            d = distance.divergence
            rows.append((label, f"{interval(d)} nats from its teacher: {verdict(d.value)}"))
    return [*rows, ("perplexity", interval(made.card.perplexity)), *training_fields(made.training)]


def _table(made: Distilled) -> dict[str, object]:
    return {
        "model": made_table(made.model),
        "before": asdict(made.before) if made.before else None,
        "after": asdict(made.after) if made.after else None,
        "curve": [dict(point) for point in made.curve],
        "training": dict(made.training),
    }
