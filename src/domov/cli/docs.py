import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from domov import app
from domov.cli.errors import say
from domov.cli.output import StageLine, json_option, print_json, print_table
from domov.cli.pull import fetch
from domov.errors import DomovError
from domov.units import human_bytes

if TYPE_CHECKING:
    from domov.documents.index import Collection
    from domov.documents.library import Documents, Status
    from domov.documents.retrieval import Filters, Hit

SHOWN_CHARACTERS = 300


@click.group()
def docs() -> None:
    """Your own documents: point at a folder, search it, ask it, with sources.

    \b
      domov docs add ~/Documents --name home
      domov docs search "heating maintenance" --collection home
      domov docs ask "Who maintains the heating?" --collection home

    Everything stays on this computer: text, vectors and the models that read them.
    """


def filter_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options that say where to look."""
    for option in reversed(
        (
            click.option(
                "--collection", multiple=True, help="Look in this collection only; may be given several times."
            ),
            click.option("--folder", type=click.Path(), help="Look below this folder only."),
            click.option(
                "--kind", multiple=True, help="Look in files of this kind only: pdf, docx, markdown, code ..."
            ),
            click.option("--since", metavar="DATE", help="Look in files changed on or after this day (2026-01-31)."),
            click.option("--until", metavar="DATE", help="Look in files changed on or before this day."),
        )
    ):
        command = option(command)
    return command


def filters_of(options: dict[str, Any]) -> "Filters":
    """Takes the options of `filter_options` out of the others. Raises BadRequest for a day that is none."""
    from domov.documents.library import filters

    folder = options.pop("folder")
    return filters(
        collections=options.pop("collection"),
        folder=str(Path(folder).expanduser().resolve()) if folder else "",
        kinds=options.pop("kind"),
        since=options.pop("since") or "",
        until=options.pop("until") or "",
    )


@asynccontextmanager
async def opened() -> AsyncIterator[tuple[app.App, "Documents"]]:
    """Domov and its documents, closed again after the block, models included."""
    domov = app.load()
    documents = domov.documents
    try:
        yield domov, documents
    finally:
        await domov.scheduler.close()
        documents.close()


def run(work: "Callable[[app.App, Documents], Awaitable[None]]") -> None:
    async def whole() -> None:
        async with opened() as (domov, documents):
            await work(domov, documents)

    asyncio.run(whole())


@docs.command()
@click.argument("paths", nargs=-1, type=click.Path(exists=True))
@click.option(
    "--name", default="documents", show_default=True, help="The collection to add them to; it is made if new."
)
@click.option("--chats", is_flag=True, help="Add the chats that are kept on this computer, and whichever come.")
@click.option("--later", is_flag=True, help="Only note them; `domov docs refresh` or the server reads them.")
def add(paths: tuple[str, ...], name: str, chats: bool, later: bool) -> None:
    """Add folders or files to a collection, and read what is new.

    Hidden files, symbolic links and what .gitignore or .domovignore leave out are not read. It can be interrupted:
    what is done is kept, and the next time goes on from there.
    """

    async def work(domov: app.App, documents: "Documents") -> None:
        if paths or not chats:
            documents.add(paths, name)
        if chats:
            documents.add_chats(name)
        if not later:
            await bring_up_to_date(domov, documents)
            _print_summary([s for s in documents.status() if s.collection.name == name])

    run(work)


@docs.command()
def refresh() -> None:
    """Read what has changed in all collections. While `domov serve` runs it does that by itself."""

    async def work(domov: app.App, documents: "Documents") -> None:
        await bring_up_to_date(domov, documents)
        _print_summary(documents.status())

    run(work)


async def bring_up_to_date(domov: app.App, documents: "Documents") -> None:
    name = domov.config.embedding_model
    if domov.models.find(name) is None:
        say(f"{name} makes the vectors and is not here yet: fetching it")
        try:
            await fetch(domov, name)
        except DomovError as error:  # documents can be searched by their words without it
            say(f"{error.message}: until it is here, documents are searched by words alone")
    line = StageLine()
    try:
        await documents.refresh(on_stage=line)
    finally:
        line.clear()


def _print_summary(statuses: "list[Status]") -> None:
    for status in statuses:
        c = status.counts
        words = f"{status.collection.name}: {c.read} files, {c.passages} passages"
        words += f", {c.failed} not read (domov docs status)" if c.failed else ""
        say(words + (", vectors still missing" if c.embedded < c.passages else ""))


@docs.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the collections."""

    async def work(domov: app.App, documents: "Documents") -> None:
        found = documents.status()
        if as_json:
            print_json(states(found))
        elif found:
            rows = [
                (
                    s.collection.name,
                    str(s.counts.read),
                    str(s.counts.passages),
                    seen_by(s.collection),
                    roots_of(s.collection),
                )
                for s in found
            ]
            print_table(("NAME", "FILES", "PASSAGES", "SEEN BY", "FROM"), rows)
        else:
            say("no documents yet: domov docs add FOLDER")

    run(work)


@docs.command()
@json_option
def status(as_json: bool) -> None:
    """Show how far each collection is, and which files could not be read and why."""

    async def work(domov: app.App, documents: "Documents") -> None:
        found = documents.status()
        if as_json:
            print_json(states(found))
            return
        rows = [_status_row(s) for s in found]
        if rows:
            print_table(("NAME", "READ", "WAITING", "NOT READ", "PASSAGES", "WITH VECTORS", "STATE"), rows)
            say(f"everything takes {human_bytes(found[0].size_bytes)} in {documents.folder}")
        for path, reason in (failure for s in found for failure in s.failures):
            say(f"not read: {printable(path)}: {reason}")

    run(work)


def _status_row(s: "Status") -> tuple[str, ...]:
    c = s.counts
    state = "paused" if s.collection.paused else "up to date" if not c.waiting and c.embedded == c.passages else "to do"
    return s.collection.name, *(str(n) for n in (c.read, c.waiting, c.failed, c.passages, c.embedded)), state


def states(statuses: "list[Status]") -> list[dict[str, Any]]:
    from domov.documents.library import state

    return [state(status) for status in statuses]


def seen_by(collection: "Collection") -> str:
    return "everybody" if collection.shared else "its owner"


def roots_of(collection: "Collection") -> str:
    return ", ".join(map(printable, collection.roots))


def printable(path: str) -> str:
    return path.encode("utf-8", "replace").decode()


@docs.command()
@click.argument("question")
@filter_options
@click.option("--count", default=5, show_default=True, type=click.IntRange(1, 50), help="How many passages.")
@click.option("--why", is_flag=True, help="Show by which search each was found, and at which place there.")
@json_option
def search(question: str, count: int, why: bool, as_json: bool, **options: Any) -> None:
    """Find the passages that answer QUESTION: by words and by meaning together."""

    async def work(domov: app.App, documents: "Documents") -> None:
        hits = await documents.search(question, count=count, filters=filters_of(options))
        if as_json:
            print_json([hit_table(hit) for hit in hits])
            return
        for number, hit in enumerate(hits, 1):
            click.echo(f"[{number}] {place_of(hit)}" + (f"   {why_words(hit)}" if why else ""))
            click.echo(f"    {shortened(hit.text)}\n")
        if not hits:
            say("nothing was found")

    run(work)


def place_of(hit: "Hit") -> str:
    """`/home/eva/house.md, line 12, Heating > Maintenance`"""
    where = [printable(hit.path)]
    where += [f"page {hit.page}"] if hit.page else []
    where += [f"line {hit.line}"] if hit.line else []
    return ", ".join([*where, " > ".join(hit.titles)] if hit.titles else where)


def why_words(hit: "Hit") -> str:
    words = [f"{name} {rank}." for name, rank in hit.ranks.items()]
    words += [f"cosine {hit.cosine:.3f}"] if hit.cosine is not None else []
    words += [f"relevance {hit.relevance:.3f}"] if hit.relevance is not None else []
    return ", ".join(words)


def shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHOWN_CHARACTERS else f"{line[:SHOWN_CHARACTERS]} ..."


def hit_table(hit: "Hit") -> dict[str, Any]:
    from domov.documents.library import reference

    return reference(hit)


@docs.command()
@click.argument("passage", type=int)
@click.option("--around", default=1, show_default=True, type=click.IntRange(0, 20), help="How many before and after.")
@json_option
def show(passage: int, around: int, as_json: bool) -> None:
    """Show a passage, by the number that --json tells, with its neighbours."""

    async def work(domov: app.App, documents: "Documents") -> None:
        hits = documents.passage(passage, neighbours=around)
        if as_json:
            print_json([hit_table(hit) for hit in hits])
            return
        for hit in hits:
            click.echo(f"{place_of(hit)}\n{hit.text}\n")

    run(work)


@docs.command()
@click.argument("name")
def pause(name: str) -> None:
    """Leave a collection as it is: no looking, no reading, until `resume`."""
    _set_paused(name, True)


@docs.command()
@click.argument("name")
def resume(name: str) -> None:
    """Go on with a collection that was paused."""
    _set_paused(name, False)


def _set_paused(name: str, paused: bool) -> None:
    async def work(domov: app.App, documents: "Documents") -> None:
        documents.pause(name, paused)
        say(f"{name} is {'paused' if paused else 'watched again'}")

    run(work)


@docs.command()
@click.argument("name")
def share(name: str) -> None:
    """Let everybody who may call the server search a collection; otherwise only this computer's user can."""
    _set_shared(name, True)


@docs.command()
@click.argument("name")
def unshare(name: str) -> None:
    """Keep a collection that was shared to this computer's user again."""
    _set_shared(name, False)


def _set_shared(name: str, shared: bool) -> None:
    async def work(domov: app.App, documents: "Documents") -> None:
        documents.share(name, shared)
        say(f"{name} can be searched by {'everybody who may call the server' if shared else 'nobody else any more'}")

    run(work)


@docs.command()
@click.argument("name")
def retry(name: str) -> None:
    """Try again to read what could not be read, as after installing the part that was missing."""

    async def work(domov: app.App, documents: "Documents") -> None:
        say(f"{documents.retry(name)} files are tried again")
        await bring_up_to_date(domov, documents)
        _print_summary([s for s in documents.status() if s.collection.name == name])

    run(work)


@docs.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
def rm(name: str, yes: bool) -> None:
    """Delete a collection: its text, words and vectors. Your own files stay."""

    async def work(domov: app.App, documents: "Documents") -> None:
        collection = documents.collection(name)
        if not yes:
            click.confirm(f"Delete what is known of {name} ({roots_of(collection)})?", abort=True, err=True)
        documents.remove(name)
        say(f"{name} is deleted, and the file it was in is wiped; your own files are untouched")

    run(work)
