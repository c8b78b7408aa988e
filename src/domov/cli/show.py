import hashlib
from dataclasses import asdict
from typing import Any

import click

from domov import app
from domov.cli.output import json_option, print_fields, print_json
from domov.optimize import card
from domov.optimize.family import family
from domov.store.models import Model, Models
from domov.store.preset import NOTHING, Preset, parameter_texts
from domov.store.shape import ModelShape
from domov.units import human_bytes, human_count


@click.command()
@click.argument("model")
@click.option("--template", is_flag=True, help="Print the chat template alone.")
@json_option
def show(model: str, template: bool, as_json: bool) -> None:
    """Show what MODEL is made of: a name, or the path of a GGUF file."""
    models = app.load().models
    found = models.get(model)
    shape = found.shape()
    if template:
        click.echo((found.manifest.preset or NOTHING).template or shape.chat_template or "")
    elif as_json:
        print_json({**asdict(found.manifest), "file": str(found.path), "shape": asdict(shape)})
    else:
        print_fields([*_fields(found, shape), *_made(found)])
        _print_card(found)
        _print_tree(models, found)


def made_table(model: Model) -> dict[str, Any]:
    """A model as JSON, without what its file says of itself."""
    return {**asdict(model.manifest), "file": str(model.path)}


def _fields(model: Model, shape: ModelShape) -> list[tuple[str, str]]:
    m = model.manifest
    return [
        ("name", m.name),
        ("architecture", shape.architecture),
        ("parameters", human_count(shape.parameters)),
        ("quantization", shape.quantization),
        ("size", human_bytes(m.size_bytes)),
        ("context", f"{shape.trained_context_tokens} tokens"),
        ("layers", f"{len(shape.attention)} with attention"),
        ("template", _template(shape)),
        *_preset(m.preset or NOTHING),
        ("licence", m.licence or shape.licence or "not stated"),
        ("from", m.source.location),
        ("digest", m.digest or "not taken: the file is used where it lies"),
        ("checked", m.verified),
        ("file", str(model.path)),
    ]


def _preset(preset: Preset) -> list[tuple[str, str]]:
    """What its name adds to its file."""
    rows = [("system prompt", preset.system)] if preset.system else []
    rows += [("parameter", f"{name} {text}") for name, text in parameter_texts(preset)]
    rows += [("first messages", str(len(preset.messages)))] if preset.messages else []
    return rows + ([("template given", f"{len(preset.template)} characters")] if preset.template else [])


def _made(model: Model) -> list[tuple[str, str]]:
    lineage = model.manifest.lineage
    if lineage is None:
        return []
    found = [
        ("made of", f"{lineage.parent} ({lineage.parent_digest[:19]})"),
        ("recipe", f"{lineage.how}: {lineage.recipe}"),
    ]
    if lineage.data:
        found.append(("tuned on", f"{lineage.data}, {lineage.data_digest[:19]}"))
    if lineage.training:
        found.append(("trained on", f"{lineage.training}, {lineage.training_digest[:19]}"))
    if lineage.teacher:
        found.append(("trained after", f"{lineage.teacher} ({lineage.teacher_digest[:19]})"))
    return [*found, ("made by", lineage.engine), *(("note", words) for words in lineage.notes)]


def _print_card(model: Model) -> None:
    if model.manifest.card is None:
        return
    click.echo("\nits card (domov evaluate):")
    try:
        rows = card.rows(card.from_table(model.manifest.card))
    except (KeyError, TypeError, ValueError):
        rows = [("card", "made by another version of Domov: measure again")]
    print_fields([(f"  {name}", words) for name, words in rows])


def _print_tree(models: Models, model: Model) -> None:
    lines = list(family(models.all(), model))
    if len(lines) > 1:
        click.echo("\nits family:")
        for line in lines:
            click.echo(f"  {line}")


def _template(shape: ModelShape) -> str:
    if shape.chat_template is None:
        return "none: a base model, it continues text"
    digest = hashlib.sha256(shape.chat_template.encode()).hexdigest()[:12]
    return f"{len(shape.chat_template)} characters, sha256 {digest} (--template prints it)"
