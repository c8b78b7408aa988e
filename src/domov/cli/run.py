import asyncio
import os
import stat
import sys
from dataclasses import dataclass
from typing import Any

import click

from domov import app
from domov.api.models import best_installed
from domov.cli.answer import Answer, Quiet, make_sink, print_stats, stats_table
from domov.cli.errors import say
from domov.cli.output import json_option, print_json
from domov.cli.pull import fetch
from domov.cli.run_tools import tools_of
from domov.engine.llamacpp import LlamaCpp
from domov.engine.protocol import Engine
from domov.errors import BadName, BadRequest, NoSuchModel
from domov.store.models import Model
from domov.store.names import LocalName, parse
from domov.store.preset import NOTHING, applied
from domov.types import ChatRequest, Message, Sampling

LOADING_SECONDS = 1.0  # longer than this, a person is told


@dataclass(frozen=True, slots=True)
class Options:
    """How to ask: the same for one question and for a chat."""

    system: str | None
    sampling: Sampling
    max_tokens: int | None
    stats: bool
    tools: tuple[str, ...] = ()  # of these servers


@click.command()
@click.argument("words", nargs=-1, metavar="[MODEL] [PROMPT]")
@click.option("--system", help="System prompt: how the model is to behave.")
@click.option("--temperature", type=click.FloatRange(0, 5), help="0 is always the likeliest word; more is freer.")
@click.option(
    "--top-p", type=click.FloatRange(0, 1), help="Choose among the likeliest words of this total probability."
)
@click.option("--seed", type=click.IntRange(0, 2**32 - 2), help="The same seed gives the same answer.")
@click.option("--max-tokens", type=click.IntRange(1), help="Longest answer, in tokens.")
@click.option("--context", type=click.IntRange(1), help="Context to load the model with, in tokens.")
@click.option("--tools", multiple=True, metavar="NAME", help="Tools of this server (domov mcp add), or of `all`.")
@click.option("--stats", is_flag=True, help="Print time to first token, speed, tokens and memory afterwards.")
@json_option
def run(words: tuple[str, ...], as_json: bool, context: int | None, **options: Any) -> None:
    """Ask a model one question, or without one chat with it.

    \b
      domov run                                     chat with the best model here
      domov run smollm2:135m "Why is the sky blue?"
      cat report.txt | domov run "Summarise this."

    A model that is not here but has a name in the catalogue is fetched first. Text on standard input is put before
    the prompt.
    """
    domov = app.load(context_tokens=context)
    text, prompt = split_words(domov, words)
    prompt = with_stdin(prompt)
    model = choose(domov, text)
    system, max_tokens, stats, tools = (options.pop(key) for key in ("system", "max_tokens", "stats", "tools"))
    chosen = Options(system, Sampling(**options), max_tokens, stats, tools)
    if prompt is None:
        from domov.cli.chat import chat  # prompt_toolkit is slow to import

        chat(domov, model, chosen)
    else:
        asyncio.run(ask(domov, model, prompt, chosen, as_json=as_json))


async def ask(domov: app.App, model: Model, prompt: str, options: Options, *, as_json: bool) -> None:
    """One question, one answer, on standard output."""
    system = (Message("system", options.system),) if options.system else ()
    messages = (*system, Message("user", prompt))
    asked = ChatRequest(model.name, messages, options.sampling, max_tokens=options.max_tokens)
    request = with_preset(asked, model)
    answer = Answer()
    engine = domov.open_engine(model)
    try:
        await load(engine)
        async with tools_of(domov, options.tools) as given:
            await answer.receive(given(engine), request, Quiet() if as_json else make_sink())
        memory = memory_bytes(engine)
    finally:
        await engine.close()
    if as_json:
        reasoning = {"reasoning": answer.reasoning} if answer.reasoning else {}
        print_json({"model": model.name, "answer": answer.text, **reasoning, **stats_table(answer, memory)})
    elif options.stats:
        print_stats(answer, memory)


def with_preset(request: ChatRequest, model: Model) -> ChatRequest:
    """The request with what the model's name adds to it."""
    given = applied(request, model.manifest.preset or NOTHING).request
    assert isinstance(given, ChatRequest)
    return given


async def load(engine: Engine) -> None:
    """Starts the engine, with a word on a terminal while that takes time."""
    waiting = asyncio.ensure_future(engine.start())
    try:
        done, _ = await asyncio.wait([waiting], timeout=LOADING_SECONDS)
        if not done and sys.stderr.isatty():
            sys.stderr.write("\r\x1b[Kloading the model ...")
            sys.stderr.flush()
        await waiting
    finally:
        waiting.cancel()
        if sys.stderr.isatty():
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def memory_bytes(engine: Engine) -> int:
    return engine.worker.memory_bytes() if isinstance(engine, LlamaCpp) and engine.worker else 0


def split_words(domov: app.App, words: tuple[str, ...]) -> tuple[str | None, str | None]:
    """The model and the prompt. A single word or sentence is a model only if it can be one."""
    if not words:
        return None, None
    if len(words) > 1 or could_be_model(domov, words[0]):
        return words[0], " ".join(words[1:]) or None
    return None, words[0]


def could_be_model(domov: app.App, word: str) -> bool:
    """Whether `word` is meant as a model: it has a model's form, and is known or can't be a plain word."""
    try:
        name = parse(word)
    except BadName:
        return False
    if not isinstance(name, LocalName) or name.tag is not None:
        return True
    return domov.models.find(word) is not None or domov.models.catalogue.find(name) is not None


def with_stdin(prompt: str | None) -> str | None:
    """The prompt after what was piped in, if anything was. Raises BadRequest for nothing on both."""
    if sys.stdin.isatty():
        return prompt
    mode = os.fstat(sys.stdin.fileno()).st_mode
    context = sys.stdin.buffer.read().decode("utf-8", "replace") if stat.S_ISFIFO(mode) or stat.S_ISREG(mode) else ""
    if not context.strip() and prompt is None:
        raise BadRequest("there is nothing to answer: no prompt, and nothing on standard input")
    return "\n\n".join(part for part in (context.strip(), prompt) if part)


def choose(domov: app.App, text: str | None) -> Model:
    """The model meant, fetched if it is not here; the best one here, or the starter, if none was named."""
    if text is None:
        model, why = best_installed(domov)
        text = model.name if model else domov.models.catalogue.starter.name
        say(f"using {text}: {why}")
    found = domov.models.find(text)
    if found is not None:
        return found
    name = parse(text)
    if isinstance(name, LocalName) and domov.models.catalogue.find(name) is None:
        domov.models.get(text)  # says which names are near
        raise NoSuchModel(f"no such model: {text}")
    say(f"{text} is not here yet: fetching it")
    return asyncio.run(fetch(domov, text))
