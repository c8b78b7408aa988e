from typing import TYPE_CHECKING, Any

import click

from domov import app
from domov.cli.docs import docs, filter_options, filters_of, hit_table, place_of, run
from domov.cli.errors import say
from domov.cli.output import json_option, print_json
from domov.cli.run import choose
from domov.types import ChatRequest, Message, Sampling, TextDelta

if TYPE_CHECKING:
    from domov.documents.answering import Checked
    from domov.documents.library import Documents, Found


@docs.command()
@click.argument("question")
@click.option("--model", help="The model that answers; otherwise the best chat model here.")
@filter_options
@click.option("--count", default=6, show_default=True, type=click.IntRange(1, 50), help="From how many passages.")
@json_option
def ask(question: str, model: str | None, count: int, as_json: bool, **options: Any) -> None:
    """Answer QUESTION from your documents, with sources: [1] in the answer is the first of them.

    A sentence that no passage supports is told below the answer. Where nothing in the documents is near the question,
    no model is asked.
    """
    chosen = choose(app.load(), model)

    async def work(domov: app.App, documents: "Documents") -> None:
        from domov.documents.answering import Checked
        from domov.documents.library import Asked, Found

        request = ChatRequest(chosen.name, (Message("user", question),), Sampling(temperature=0.0))
        asked = Asked(request, filters_of(options), count)
        found, result, text = Found((), question), Checked(False, ()), ""
        async for event in documents.ask(domov.scheduler.engine_for(chosen), asked):
            if isinstance(event, Found):
                found = event
            elif isinstance(event, Checked):
                result = event
            elif isinstance(event, TextDelta):
                text += event.text
                if not as_json:
                    click.echo(event.text, nl=False)
        _print_rest(text, found, result, as_json=as_json)

    run(work)


def _print_rest(text: str, found: "Found", result: "Checked", *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "answer": text,
                "answered": result.answered,
                "references": [{"number": n, **hit_table(hit)} for n, hit in enumerate(found.hits, 1)],
                "unsupported": list(result.unsupported),
            }
        )
        return
    click.echo()
    cited = {number for claim in result.claims for number in claim.cites}
    for number, hit in enumerate(found.hits, 1):
        if result.answered and (number in cited or not cited):
            click.echo(f"[{number}] {place_of(hit)}")
    for sentence in result.unsupported:
        say(f"not supported by any passage: {sentence}")
