import asyncio
import time
from typing import Any

import click

from domov import app
from domov.api import client
from domov.app import App
from domov.cli.errors import say
from domov.cli.output import json_option, print_fields, print_json, print_table
from domov.cli.work import WorkLine
from domov.errors import Refused
from domov.jobs.queue import Job, Queue
from domov.jobs.watching import fraction, table, watch
from domov.optimize.progress import Progress
from domov.units import human_seconds

job_argument = click.argument("job", type=int)


@click.group()
def jobs() -> None:
    """Long work in the background: what is made, measured and fetched while the server runs.

    \b
      domov quantize mine:f16 Q4_K_M --background
      domov jobs list
      domov jobs follow 3

    The running server (domov serve) does one after the other, politely: other programs go first, and so does whoever
    waits for an answer. What a restart or a crash interrupts goes on by itself.
    """


@jobs.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the jobs, the newest first."""
    found = _queue().all()
    if as_json:
        print_json([table(job, whole=False) for job in found])
    elif found:
        print_table(("JOB", "KIND", "WHAT", "STATE", "DONE", "LEFT"), [_row(job) for job in found])
    else:
        say("there are no jobs: add --background to quantize, evaluate, shrink, compare, bench --tune or pull")


@jobs.command("show")
@job_argument
@json_option
def show(job: int, as_json: bool) -> None:
    """Show JOB with its log and what came of it."""
    found = _queue().get(job)
    if as_json:
        print_json(table(found))
    else:
        print_fields(_fields(found))
        for line in found.account.log:
            click.echo(f"{time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(line['at']))}  {line['words']}")


@jobs.command("follow")
@job_argument
@json_option
def follow(job: int, as_json: bool) -> None:
    """Watch JOB until it ends; Ctrl-C ends the watching, not the job."""
    ended = asyncio.run(_follow(_queue(), job))
    if as_json:
        print_json(table(ended))
    if ended.account.error:
        raise Refused(ended.account.error["message"], hint=ended.account.error["hint"])
    say(f"job {job} is {ended.status}")


@jobs.command("pause")
@job_argument
def pause(job: int) -> None:
    """Hold JOB; the next one may begin meanwhile."""
    _queue().pause(job)
    say(f"job {job} is paused: domov jobs resume {job}")


@jobs.command("resume")
@job_argument
def resume(job: int) -> None:
    """Have JOB go on, or try again what failed or was cancelled."""
    domov = app.load()
    _queue(domov).resume(job)
    say(f"job {job} waits for its turn{_needs_server(domov)}")


@jobs.command("cancel")
@job_argument
def cancel(job: int) -> None:
    """End JOB and remove what it has made so far."""
    domov = app.load()
    _queue(domov).cancel(job)
    say(f"job {job} is cancelled{_needs_server(domov)}")


@jobs.command("rm")
@job_argument
def rm(job: int) -> None:
    """Forget JOB, which has ended; the model that it made stays."""
    _queue().remove(job)
    say(f"job {job} is gone")


def _queue(domov: App | None = None) -> Queue:
    return Queue((domov or app.load()).database)


def _needs_server(domov: App) -> str:
    return "" if client.running_at(domov.config.home) else "; no server runs now: domov serve"


def _row(job: Job) -> tuple[str, ...]:
    done, progress = fraction(job), job.account.progress
    left = progress["seconds_left"] if progress and job.status == "running" else None
    return (
        str(job.id),
        job.kind,
        job.title,
        job.status if not job.account.waiting else f"{job.status}: {job.account.waiting}",
        f"{100 * done:.0f} %" if done is not None else "",
        human_seconds(left) if left is not None else "",
    )


def _fields(job: Job) -> list[tuple[str, str]]:
    account = job.account
    rows = [("job", f"{job.id}, {job.kind} {job.title}"), ("state", job.status)]
    rows += [("waits", account.waiting)] if account.waiting else []
    rows += [("step", account.progress["step"])] if account.progress and not job.finished else []
    rows += [("worked", f"{human_seconds(account.seconds)}, begun {account.attempts} times")]
    rows += [("made", ", ".join(account.models))] if account.models else []
    error = account.error
    return rows + ([("failed", "; ".join(filter(None, error.values())))] if error else [])


async def _follow(queue: Queue, id: int) -> Job:
    line, lines, last = WorkLine(), 0, None
    try:
        async for job in watch(queue, id, owner=None):
            account, last = job.account, job
            steps = {account.progress["step"]} if account.progress else set()
            for said in account.log[len(account.log) - (account.lines - lines) :] if account.lines > lines else ():
                if said["words"] not in steps:
                    line.clear()
                    say(said["words"])
            lines = account.lines
            if account.progress and job.status == "running":
                line(_progress(account.progress))
    finally:
        line.clear()
    assert last is not None
    return last


def _progress(told: dict[str, Any]) -> Progress:
    return Progress(told["step"], told["done"], told["total"], told["unit"])
