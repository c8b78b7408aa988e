"""Domov beside xllamacpp's own server with its defaults: `make bench`, or `python -m benchmarks.engine [ROW ...]`.

Every figure is a ratio of two things that are done in turn in one run, because machines are noisy; close other programs
all the same. With --against an address of OpenAI's kind (Ollama, LM Studio, llama-server) is the other side, in the
rows that allow it.
"""

import argparse
import contextlib
import functools
import itertools
import os
import signal
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from benchmarks.client import Address, Answer, Question, ask, ask_at_once, exchange
from benchmarks.plot import svg
from benchmarks.servers import Gateway, busy, gateway, home_of, plain_server
from benchmarks.table import Row, Wanted, as_json, as_table, as_text, compared
from benchmarks.texts import EDITED, REPEAT, STORY, document
from benchmarks.turns import compare, in_turn
from domov import app

STARTER = "smollm2:135m"
CLIENTS = 8
CLIENT_CONTEXT_TOKENS = 1024
OUT = Path(".cache") / "benchmarks"


@dataclass
class Stage:
    """What the rows are measured on. Both servers are started when first asked for and stay for the rows after."""

    model: Path
    home: Path
    quick: bool
    against: Address | None
    running: contextlib.ExitStack

    @functools.cached_property
    def ours(self) -> Gateway:
        return self.running.enter_context(gateway(self.home))

    @functools.cached_property
    def theirs(self) -> Address:
        return self.against or self.running.enter_context(plain_server(self.model))

    def many(self, count: int, *, quick: int = 1) -> int:
        """count, or far fewer in a quick run, which only shows that all works."""
        return quick if self.quick else count

    def in_turn(self, question: Question, rounds: int) -> tuple[list[Answer], list[Answer]]:
        return in_turn(lambda: ask(self.ours.address, question), lambda: ask(self.theirs, question), self.many(rounds))


def decoding(stage: Stage, *, programs: int, limit: float) -> Row:
    question = Question(STORY, tokens=stage.many(160 if programs == 0 else 96, quick=8))
    _ = stage.ours, stage.theirs
    with busy(programs):
        ours, theirs = stage.in_turn(question, 9 if programs == 0 else 5)
    sides = compare([a.decoding_speed for a in ours], [b.decoding_speed for b in theirs])
    where = "idle" if programs == 0 else f"beside {programs} busy program{'s' if programs > 1 else ''}"
    return compared(f"decoding, {where}", Wanted(limit), sides)


def reading(stage: Stage) -> Row:
    """A prompt that nobody has seen; both get the same ones."""
    words = stage.many(640, quick=40)
    texts = [Question(document(number, words=words), tokens=1) for number in range(64)]
    asks = [iter(texts), iter(texts)]
    _ = stage.ours, stage.theirs
    with busy(2):
        ours, theirs = in_turn(
            lambda: ask(stage.ours.address, next(asks[0])), lambda: ask(stage.theirs, next(asks[1])), stage.many(5)
        )
    sides = compare([a.prompt_speed for a in ours], [b.prompt_speed for b in theirs])
    return compared("prompt reading, beside 2 busy programs", Wanted(1.5), sides)


def prefix(stage: Stage) -> Row:
    """A document that was read before Domov was ended and started again, against reading it. Both have their model
    loaded when they are asked; what that takes is told beside it."""
    ours, theirs, loading, tokens = [], [], [], 0
    for number in range(stage.many(3)):
        text = document(1000 + number, words=stage.many(3600, quick=300))
        with gateway(stage.home) as before:
            ask(before.address, Question("Who wrote this?", tokens=8, system=text))
        asked_later = Question("What is it about?", tokens=8, system=text)
        with gateway(stage.home) as after:
            loading.append(ask(after.address, Question("Hello", tokens=1)).first_token_seconds)
            ours.append(ask(after.address, asked_later).first_token_seconds)
        answer = ask(stage.theirs, asked_later)
        theirs.append(answer.first_token_seconds)
        tokens = answer.prompt_tokens
    what = f"first token, {tokens} tokens seen before a restart"
    row = compared(what, Wanted(0.01, at_most=True), compare(ours, theirs), unit="s")
    return replace(row, note=f"loading the model and a first word: {statistics.median(loading):.2f} s")


def clients(stage: Stage) -> Row:
    """Tokens a second of all together. The other side has as many slots, each with the same context."""
    questions = [Question(f"{STORY} Its owner is number {n}.", tokens=stage.many(64, quick=8)) for n in range(CLIENTS)]
    settings = {"DOMOV_SLOTS": str(CLIENTS), "DOMOV_CONTEXT_TOKENS": str(CLIENT_CONTEXT_TOKENS)}
    with contextlib.ExitStack() as running:
        ours = running.enter_context(gateway(stage.home, **settings)).address
        theirs = stage.against or running.enter_context(
            plain_server(stage.model, context_tokens=CLIENT_CONTEXT_TOKENS, slots=CLIENTS)
        )
        sides = in_turn(lambda: _throughput(ours, questions), lambda: _throughput(theirs, questions), stage.many(5))
    return compared(f"throughput, {CLIENTS} clients", Wanted(1.0), compare(*sides))


def _throughput(address: Address, questions: list[Question]) -> float:
    answers, seconds = ask_at_once(address, questions)
    return sum(answer.answer_tokens for answer in answers) / seconds


def edit(stage: Stage) -> Row:
    """An answer that repeats most of its source: where guessing the next words from it pays."""
    question = Question(REPEAT + EDITED, tokens=stage.many(120, quick=8))
    with gateway(stage.home, options='speculation = "ngram"') as server:
        ours, theirs = in_turn(
            lambda: ask(server.address, question), lambda: ask(stage.theirs, question), stage.many(5)
        )
    sides = compare([a.decoding_speed for a in ours], [b.decoding_speed for b in theirs])
    texts = {answer.text for answer in (*ours, *theirs)}
    row = compared("decoding, a text edited", Wanted(1.3), sides)
    same = len(texts) == 1
    return Row(row.what, row.wanted, row.figure, sides, note="same text" if same else "TEXTS DIFFER", sound=same)


def processor_time(stage: Stage) -> Row:
    """The gateway's own, for each token that it passes on."""
    question, process = Question(STORY, tokens=stage.many(160, quick=8)), psutil.Process(stage.ours.pid)
    ask(stage.ours.address, question)
    before = process.cpu_times()
    tokens = sum(ask(stage.ours.address, question).answer_tokens for _ in range(stage.many(12)))
    after = process.cpu_times()
    seconds = after.user + after.system - before.user - before.system
    figure = 1e6 * seconds / tokens
    return Row("gateway's processor time a token", Wanted(100, at_most=True, unit=" µs"), figure)


def memory(stage: Stage) -> Row:
    """The gateway's, over many short requests: the last tenth against the third tenth, when all is warm."""
    requests, tasks = stage.many(10_000, quick=40), 4
    numbers, sizes = itertools.count(), []
    with gateway(stage.home) as server, ThreadPoolExecutor(tasks) as pool:
        process = psutil.Process(server.pid)
        for _ in range(20):
            list(pool.map(lambda n: _tiny(server.address, n), itertools.islice(numbers, requests // 20)))
            sizes.append(process.memory_info().rss)
    figure = (sizes[-2] + sizes[-1]) / (sizes[4] + sizes[5])
    what = f"gateway's memory after {requests} requests"
    return Row(what, Wanted(1.02, at_most=True), figure, note=f"{sizes[4] / 1e6:.1f} to {sizes[-1] / 1e6:.1f} MB")


def _tiny(address: Address, number: int) -> None:
    exchange(address, Question(f"{number}?", tokens=1))


ROWS: dict[str, Callable[[Stage], Row]] = {
    "idle": functools.partial(decoding, programs=0, limit=1.0),
    "busy1": functools.partial(decoding, programs=1, limit=2.3),
    "busy2": functools.partial(decoding, programs=2, limit=2.5),
    "busy4": functools.partial(decoding, programs=4, limit=3.0),
    "reading": reading,
    "edit": edit,
    "cpu": processor_time,
    "clients": clients,
    "prefix": prefix,
    "memory": memory,
}


@contextlib.contextmanager
def stage_for(model: str, *, quick: bool, against: Address | None = None) -> Iterator[Stage]:
    if model == STARTER:
        subprocess.run([sys.executable, "-m", "domov", "pull", model], check=True)
    path = app.load().models.get(model).path
    with home_of(path) as home, contextlib.ExitStack() as running:
        yield Stage(path, home, quick, against, running)


def measure(stage: Stage, names: list[str]) -> Iterator[Row]:
    """The rows, one after the other, with a word on standard error before each."""
    for name in names:
        sys.stderr.write(f"{name} ...\n")
        yield ROWS[name](stage)


def main() -> None:
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that everything is ended, and its folder removed
    against = Address(options.against, options.name, os.environ.get(options.key_env, "")) if options.against else None
    names = options.rows or list(ROWS)
    rows = []
    with stage_for(options.model, quick=options.quick, against=against) as stage:
        for row in measure(stage, names):
            rows.append(row)
            sys.stderr.write(as_text([row]).splitlines()[1].strip() + "\n")
    sys.stdout.write(as_text(rows))
    keep(rows, options.out, name="engine", model=options.model, quick=options.quick)
    sys.exit(not all(row.good for row in rows))


def keep(rows: list[Row], folder: Path, *, name: str, model: str, quick: bool) -> None:
    """Writes the table as JSON and as a picture."""
    folder.mkdir(parents=True, exist_ok=True)
    table = as_table(rows, model=model, quick=quick)
    (folder / f"{name}.json").write_text(as_json(table), "utf-8")
    (folder / f"{name}.svg").write_text(svg(rows, title=f"{name}, {model}, {table['at'][:10]}"), "utf-8")
    sys.stderr.write(f"written: {folder / name}.json and .svg\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engine", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"some of: {' '.join(ROWS)} (all)")
    parser.add_argument("--model", default=STARTER, help=f"a model that Domov has, or a GGUF file ({STARTER})")
    parser.add_argument("--quick", action="store_true", help="one short round: shows that it works, measures nothing")
    parser.add_argument("--against", metavar="URL", help="another server of the same model, as http://host:port/v1")
    parser.add_argument("--name", default="", help="what that server calls the model")
    parser.add_argument("--key-env", default="", help="environment variable that holds its key")
    parser.add_argument("--out", type=Path, default=OUT, help=f"folder for the JSON and the picture ({OUT})")
    options = parser.parse_args()
    if unknown := set(options.rows) - set(ROWS):
        parser.error(f"no such row: {', '.join(sorted(unknown))}; there are: {' '.join(ROWS)}")
    return options


if __name__ == "__main__":
    main()
