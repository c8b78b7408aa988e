import asyncio
from dataclasses import asdict

import click

from domov import app
from domov.cli.output import WIDTH, json_option, print_json
from domov.cli.work import background_option, follow, leave
from domov.optimize import compare as asking
from domov.optimize.compare import MOST_TOKENS, QUESTIONS, Answer
from domov.units import human_bytes


@click.command()
@click.argument("first")
@click.argument("second")
@click.argument("questions", nargs=-1)
@click.option(
    "--tokens", type=click.IntRange(1, 4096), default=MOST_TOKENS, show_default=True, help="Most of an answer."
)
@background_option
@json_option
def compare(first: str, second: str, questions: tuple[str, ...], tokens: int, **flags: bool) -> None:
    """Ask FIRST and SECOND the same QUESTIONS, and show the answers side by side.

    \b
      domov compare smollm2:135m smollm2:135m-q2_k
      domov compare qwen3:4b gemma3:4b "Write a haiku about home." "What is 12 times 12?"

    Both answer at temperature 0, one after the other, so that they don't take each other's time. Without questions some
    short ones are asked. `domov evaluate --against` measures the difference.
    """
    domov = app.load()
    if flags["background"]:
        told = {"first": first, "second": second, "questions": list(questions), "tokens": tokens}
        leave(domov, "compare", told)
        return
    models = domov.models.get(first), domov.models.get(second)
    steps = asking.compare(models, questions or QUESTIONS, domov.open_engine, most_tokens=tokens)
    pairs = asyncio.run(follow(steps))
    if flags["as_json"]:
        print_json({"models": [model.name for model in models], "answers": [asdict(pair) for pair in pairs]})
        return
    labels = [f"{m.name} ({human_bytes(m.manifest.size_bytes)})" for m in models]
    for pair in pairs:
        click.echo(f"{pair.question}\n")
        for label, answer in zip(labels, (pair.first, pair.second), strict=True):
            click.echo(_shown(label, answer))
        click.echo("  the same words\n" if pair.first.text == pair.second.text else "")


def _shown(label: str, answer: Answer) -> str:
    text = click.wrap_text(answer.text or "(nothing)", WIDTH, "    ", "    ", preserve_paragraphs=True)
    return f"  {label}, {answer.tokens_per_second:.0f} tokens/s:\n{text}"
