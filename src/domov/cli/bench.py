import asyncio
import os
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

from domov import app
from domov.cli.errors import say
from domov.cli.output import json_option, print_fields, print_json, print_table
from domov.cli.work import background_option, leave
from domov.engine import calibration
from domov.engine.calibration import Calibration, Tuning
from domov.engine.llamacpp import LlamaCpp
from domov.engine.remote import Remote
from domov.engine.speed import Effort, Figure, Measuring, Report
from domov.engine.tuning import CONTEXT_TOKENS, Tuned, Tuner, challenges
from domov.errors import BadOption, Refused
from domov.hardware.bandwidth import Bandwidth, measure_bandwidth
from domov.hardware.cpu import affinity, read_cpu
from domov.hardware.load import BUSY_PROCESSORS, others_now
from domov.store.models import Model
from domov.store.shape import shape_of
from domov.units import human_bytes, human_seconds

QUICK = Effort(prompt_tokens=(64,), answer_tokens=16, clients=2, rounds=2)
SILENCE_SECONDS = 900.0  # a long prompt on a slow machine is read without a word


@dataclass(frozen=True, slots=True)
class Limit:
    """What of the memory's speed the model uses: it reads all its weights for every token."""

    bytes_per_token: int
    bandwidth: Bandwidth
    share: float


@click.command()
@click.argument("model")
@click.option("--url", help="Measure the model of that name at this address instead, as http://127.0.0.1:11434/v1.")
@click.option("--key-env", help="Environment variable that holds the key for --url.")
@click.option("--tune", is_flag=True, help="Find and keep the settings that are fastest on this machine.")
@click.option("--anyway", is_flag=True, help="With --tune: also on a busy machine.")
@click.option("--clients", type=click.IntRange(1, 64), default=4, show_default=True, help="Clients at the same time.")
@click.option("--quick", is_flag=True, help="Less of everything: a first impression.")
@background_option
@json_option
def bench(model: str, url: str | None, tune: bool, as_json: bool, **options: Any) -> None:
    """Measure how fast a model answers on this machine, or anywhere.

    \b
      domov bench smollm2:135m
      domov bench --tune smollm2:135m
      domov bench --url http://127.0.0.1:11434/v1 qwen3:4b

    A figure is the median of a few rounds, with the lowest and the highest. Close other programs first.

    --tune tries threads, batch sizes, flash attention and how long threads wait awake, each against the best so far,
    and keeps what wins clearly; it takes one to two minutes with a small model. Settings made by hand win over it.
    """
    if url and tune:
        raise BadOption("--tune can't be used with --url: only models that run here can be tuned")
    domov = app.load()
    if options["background"]:
        if not tune:
            raise BadOption("--background goes with --tune")
        leave(domov, "calibrate", {"model": model, "anyway": options["anyway"]})
        return
    progress = Steps()
    try:
        if tune:
            asyncio.run(_tune(domov, domov.models.get(model), progress, as_json=as_json, anyway=options["anyway"]))
            return
        effort = _effort(quick=options["quick"], clients=options["clients"])
        if url:
            report, table = asyncio.run(_remote(domov, url, model, effort, progress, key_env=options["key_env"]))
        else:
            report, table = asyncio.run(_local(domov, domov.models.get(model), effort, progress))
    finally:
        progress.clear()
    if as_json:
        print_json({"model": model, "url": url, **table, **report_table(report)})
    else:
        _print(report, table)


def _effort(*, quick: bool, clients: int) -> Effort:
    return QUICK if quick else Effort(clients=clients)


class Steps:
    """What is measured now: one line that is written over on a terminal, a line each elsewhere."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()

    def __call__(self, words: str) -> None:
        if self._terminal:
            sys.stderr.write(f"\r\x1b[K{words} ...")
            sys.stderr.flush()
        else:
            say(f"{words} ...")

    def clear(self) -> None:
        if self._terminal:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


async def _local(domov: app.App, model: Model, effort: Effort, progress: Steps) -> tuple[Report, dict[str, Any]]:
    header = model.header()
    progress("measuring the memory's speed")
    bandwidth = measure_bandwidth(read_cpu().usable_cores)
    engine = domov.open_engine(model)
    try:
        progress("loading the model")
        await engine.start()
        report = await Measuring(engine, model.name, effort, progress).run()
        memory = engine.worker.memory_bytes() if isinstance(engine, LlamaCpp) and engine.worker else 0
    finally:
        await engine.close()
    tokens = shape_of(header, name=model.name).read_bytes
    limit = Limit(tokens, bandwidth, report.decoding.median * tokens / bandwidth.bytes_per_second)
    tuning = domov.tuning(model)
    return report, {"memory_bytes": memory, "limit": asdict(limit), "tuned": asdict(tuning)}


async def _remote(
    domov: app.App, url: str, model: str, effort: Effort, progress: Steps, *, key_env: str | None
) -> tuple[Report, dict[str, Any]]:
    token = os.environ.get(key_env) if key_env else None
    if key_env and not token:
        raise BadOption(f"--key-env names {key_env}, which is not set in the environment")
    async with domov.outbound(silence_seconds=SILENCE_SECONDS) as outbound:
        speaker = Remote(outbound, url, reason=f"measure the speed of {model}", token=token)
        return await Measuring(speaker, model, effort, progress).run(), {}


async def _tune(domov: app.App, model: Model, progress: Steps, *, as_json: bool, anyway: bool) -> None:
    conditions, digest = domov.conditions(), model.manifest.digest or ""
    calibration.load(domov.config.calibrations, digest, conditions)  # a damaged one is told before the work, not after
    quiet = _is_quiet(anyway=anyway)
    cpu = read_cpu()
    tuner = Tuner(
        lambda tuning: domov.open_for_measuring(model, tuning, context_tokens=CONTEXT_TOKENS), model.name, progress
    )
    tuned = await tuner.run(list(challenges(cores=cpu.usable_cores, processors=cpu.logical, quiet=quiet)))
    trials = tuple(asdict(trial) for trial in tuned.trials)
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    path = calibration.save(domov.config.calibrations, digest, Calibration(conditions, tuned.tuning, moment, trials))
    progress.clear()
    if as_json:
        print_json({"model": model.name, "file": str(path), **asdict(tuned)})
    else:
        _print_tuned(tuned, path)


def _is_quiet(*, anyway: bool) -> bool:
    """Whether no other program works now. Raises Refused where one does, unless it is to be done anyway."""
    others = others_now()
    if others <= BUSY_PROCESSORS:
        return True
    words = f"other programs use {others:.1f} of {len(affinity())} processors"
    if not anyway:
        raise Refused(f"{words}: what is measured now would be wrong", hint="close them, or add --anyway")
    say(f"{words}: threads are left as they are, and what else is found may be wrong when they are gone")
    return False


def report_table(report: Report) -> dict[str, Any]:
    return {
        "prompts": [
            {
                "prompt_tokens": p.prompt_tokens,
                "tokens_per_second": _figure_table(p.tokens_per_second),
                "first_token_seconds": _figure_table(p.first_token_seconds),
            }
            for p in report.prompts
        ],
        "first_token_seconds": _figure_table(report.first_token_seconds),
        "tokens_per_second": _figure_table(report.decoding),
        "clients": report.clients,
        "clients_tokens_per_second": _figure_table(report.together),
        "notes": list(report.notes),
    }


def _figure_table(figure: Figure) -> dict[str, Any]:
    return {
        "median": figure.median,
        "lowest": figure.lowest,
        "highest": figure.highest,
        "rounds": len(figure.samples),
    }


def _speed(figure: Figure) -> str:
    return f"{figure.median:.1f} tokens/s ({figure.lowest:.1f} to {figure.highest:.1f})"


def _seconds(figure: Figure) -> str:
    shown = [human_seconds(value) for value in (figure.median, figure.lowest, figure.highest)]
    return f"{shown[0]} ({shown[1]} to {shown[2]})"


def _print(report: Report, table: dict[str, Any]) -> None:
    fields = [
        (
            f"reading {p.prompt_tokens} tokens",
            f"{_speed(p.tokens_per_second)}, first word {_seconds(p.first_token_seconds)}",
        )
        for p in report.prompts
    ]
    fields += [
        ("first word, short question", _seconds(report.first_token_seconds)),
        ("writing, one client", _speed(report.decoding)),
        (f"writing, {report.clients} clients", f"{_speed(report.together)} in all"),
    ]
    if table.get("memory_bytes"):
        fields.append(("memory", human_bytes(table["memory_bytes"])))
    if limit := table.get("limit"):
        fields.append(("memory's speed used", _limit_words(limit)))
    if tuned := table.get("tuned"):
        fields.append(("tuned", Tuning(**tuned).words or "no (domov bench --tune)"))
    print_fields(fields)
    for note in report.notes:
        say(note)


def _limit_words(limit: dict[str, Any]) -> str:
    bandwidth = limit["bandwidth"]
    return (
        f"{100 * limit['share']:.0f} %: {human_bytes(limit['bytes_per_token'])} are read for each token, of "
        f"{human_bytes(bandwidth['bytes_per_second'])}/s ({bandwidth['source']})"
    )


def _print_tuned(tuned: Tuned, path: Path) -> None:
    rows = [(t.change, t.work, f"{t.gain:.2f}", str(t.rounds), t.verdict) for t in tuned.trials]
    print_table(("TRIED", "AT", "GAIN", "ROUNDS", ""), rows)
    for note in tuned.notes:
        say(note)
    say(f"kept in {path}: {tuned.tuning.words or 'the defaults are best here'}")
