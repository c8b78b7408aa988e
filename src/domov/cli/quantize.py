import asyncio

import click

from domov import app
from domov.cli.errors import say
from domov.cli.output import json_option, print_json
from domov.cli.show import made_table
from domov.cli.work import agree, background_option, follow, given_text, leave
from domov.errors import BadOption
from domov.optimize import quantize as making
from domov.optimize.quantize import Order
from domov.optimize.texts import tuning_text
from domov.store.models import Model
from domov.units import human_bytes


@click.command()
@click.argument("model")
@click.argument("types", metavar="TYPE...", nargs=-1, required=True)
@click.option("--imatrix", metavar="TEXT", help="Weigh errors by this text: a file, or `builtin`.")
@click.option("--tensor", "tensors", multiple=True, metavar="PATTERN=TYPE", help="Another type for some tensors.")
@click.option("--name", help="Name of the new model, where there is one type.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@background_option
@json_option
def quantize(model: str, types: tuple[str, ...], yes: bool, as_json: bool, **options: object) -> None:
    """Make a smaller model of MODEL, one for each TYPE.

    \b
      domov quantize mymodel:f16 Q4_K_M
      domov quantize mymodel:f16 Q8_0 Q4_K_M IQ4_XS --imatrix builtin
      domov quantize mymodel:f16 Q4_K_M --tensor ffn_down=Q6_K --name mine:careful

    Types are llama.cpp's: F16, BF16, Q8_0, Q6_K, Q5_K_M, Q5_K_S, Q5_1, Q5_0, Q4_K_M, Q4_K_S, Q4_1, Q4_0, IQ4_NL,
    IQ4_XS, Q3_K_L, Q3_K_M, Q3_K_S, IQ3_M, Q2_K and smaller ones. The result is what llama-quantize would make, and a
    model of its own: `smollm2:135m` in Q8_0 is `smollm2:135m-q8_0`. `domov evaluate` tells what it lost.

    Ctrl-C leaves nothing behind; what was killed otherwise goes on where it was when you run it again.
    """
    domov = app.load()
    if options["background"]:
        _leave(domov, model, types, options, yes=yes)
        return
    found = domov.models.get(model)
    name = making.name_given(str(options["name"])) if options["name"] else None
    if name and len(types) > 1:
        raise BadOption(f"--name names one model, there are {len(types)} types")
    text = tuning_text(str(options["imatrix"])) if options["imatrix"] else None
    overrides = tuple(making.override_of(str(one)) for one in options["tensors"])  # type: ignore[attr-defined]
    orders = [
        Order(found, kind, name or making.result_name(found.name, kind), overrides, text)
        for kind in map(making.quantization_named, types)
    ]
    agree((doubt for order in orders for doubt in making.doubts(order, domov.models)), yes=yes)
    made = [asyncio.run(follow(making.quantize(order, domov.workshop))) for order in orders]
    if as_json:
        print_json([made_table(one) for one in made])
    for one in made:
        say(_words(one, found))


def _leave(domov: app.App, model: str, types: tuple[str, ...], options: dict[str, object], *, yes: bool) -> None:
    imatrix, tensors = given_text(options["imatrix"]), list(options["tensors"])  # type: ignore[arg-type, call-overload]
    for kind in types:
        told = {"model": model, "type": kind, "name": options["name"], "imatrix": imatrix, "tensors": tensors}
        leave(domov, "quantize", told, yes=yes)


def _words(made: Model, parent: Model) -> str:
    share = made.manifest.size_bytes / parent.manifest.size_bytes
    size = human_bytes(made.manifest.size_bytes)
    return f"{made.name} is here: {size}, {100 * share:.0f} % of {parent.name}"
