import hashlib
from dataclasses import asdict

import click

from domov import app
from domov.cli.output import json_option, print_fields, print_json
from domov.store.models import Model
from domov.store.preset import NOTHING, Preset, parameter_texts
from domov.store.shape import ModelShape
from domov.units import human_bytes, human_count


@click.command()
@click.argument("model")
@click.option("--template", is_flag=True, help="Print the chat template alone.")
@json_option
def show(model: str, template: bool, as_json: bool) -> None:
    """Show what MODEL is made of: a name, or the path of a GGUF file."""
    found = app.load().models.get(model)
    shape = found.shape()
    if template:
        click.echo((found.manifest.preset or NOTHING).template or shape.chat_template or "")
    elif as_json:
        print_json({**asdict(found.manifest), "file": str(found.path), "shape": asdict(shape)})
    else:
        print_fields(_fields(found, shape))


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


def _template(shape: ModelShape) -> str:
    if shape.chat_template is None:
        return "none: a base model, it continues text"
    digest = hashlib.sha256(shape.chat_template.encode()).hexdigest()[:12]
    return f"{len(shape.chat_template)} characters, sha256 {digest} (--template prints it)"
