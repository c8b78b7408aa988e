from dataclasses import asdict
from typing import Any

import click

from domov import app
from domov.api import client
from domov.cli import pointing
from domov.cli.errors import say
from domov.cli.output import json_option, print_fields, print_json, print_table
from domov.connect.journal import Edited, Journal, edited, state_of
from domov.connect.table import TOOLS, find
from domov.connect.tool import NO_KEY, Target, Tool

HIDDEN = "(the key)"


@click.command()
@click.argument("tool", required=False)
@pointing.model_option
@pointing.url_option
@pointing.key_option
@click.option("--yes", is_flag=True, help="Write without asking.")
@click.option("--undo", is_flag=True, help="Put the files back as they were before.")
@click.option("--anyway", is_flag=True, help="With --undo: files that have changed since, too.")
@json_option
def connect(tool: str | None, as_json: bool, undo: bool, anyway: bool, yes: bool, **given: str | None) -> None:
    """Set up TOOL to use Domov: an editor, an agent, another program. Without TOOL, list those that it knows.

    The change is shown first. What is written is kept as it was, and --undo puts it back, to the byte.
    """
    domov = app.load()
    if tool is None:
        _list(domov, as_json=as_json)
        return
    chosen = find(tool)
    journal = Journal(domov.config.home, chosen.name)
    if undo:
        _undo(chosen, journal, anyway=anyway, as_json=as_json)
        return
    target = pointing.target(domov, model=given["model"], url=given["url"], key=given["key"])
    files = [edited(change) for change in chosen.changes(pointing.places(), target)]
    if not as_json:
        _show(chosen, target, files)
    wanted = [file for file in files if file.changes]
    if wanted and (yes or (not as_json and click.confirm("Write this?", err=True))):
        journal.write(files)
        say(f"written; as it was before: domov connect {chosen.name} --undo")
    if as_json:
        print_json(_table(chosen, target, files, written=bool(wanted) and yes))
    elif client.running_at(domov.config.home) is None and given["url"] is None:
        say("no server is running: domov serve")


def _list(domov: app.App, *, as_json: bool) -> None:
    places = pointing.places()
    rows = [
        {
            "tool": tool.name,
            "title": tool.title,
            "installed": tool.installed(places),
            "state": state_of(Journal(domov.config.home, tool.name)),
            "uses": tool.uses,
            "install": tool.install,
        }
        for tool in TOOLS
    ]
    if as_json:
        print_json(rows)
        return
    cells = [(r["tool"], r["title"], "yes" if r["installed"] else "no", r["state"], r["uses"]) for r in rows]
    print_table(("TOOL", "", "FOUND HERE", "STATE", "USES"), [tuple(map(str, row)) for row in cells])


def _undo(tool: Tool, journal: Journal, *, anyway: bool, as_json: bool) -> None:
    files = [str(path) for path in journal.undo(anyway=anyway)]
    if as_json:
        print_json({"tool": tool.name, "undone": files})
    elif not files:
        say(f"nothing to undo: Domov has not connected {tool.title}")
    for path in files:
        say(f"as it was: {path}")
    if files and journal.records():
        say("an earlier change is left: run it once more to undo that too")


def _show(tool: Tool, target: Target, files: list[Edited]) -> None:
    """The change and what is left to do, on standard output; who does what, beside it."""
    used = [(role, model.name) for role, model in target.roles.named.items() if role in tool.uses]
    print_fields([("server", target.url), *used], err=True)
    for sentence in _advice(tool, target):
        say(sentence)
    for file in files:
        click.echo(_without_key(file.diff(), target), nl=False)
    if files and not any(file.changes for file in files):
        say(f"{tool.title} is connected already: {', '.join(str(file.path) for file in files)}")
    if words := tool.words(target):
        click.echo(words)


def _advice(tool: Tool, target: Target) -> list[str]:
    """What keeps the tool from working as well as it could."""
    advice = [sentence for role, sentence in target.roles.missing.items() if role in tool.uses]
    chat = target.roles.chat
    if chat.context_tokens < tool.least_context_tokens:
        advice.append(
            f"{tool.title} wants a context of {tool.least_context_tokens} tokens or more, {chat.name} is loaded with "
            f"{chat.context_tokens}: set context_tokens in config.toml"
        )
    return advice


def _table(tool: Tool, target: Target, files: list[Edited], *, written: bool) -> dict[str, Any]:
    return {
        "tool": tool.name,
        "url": target.url,
        "roles": {role: asdict(model) for role, model in target.roles.named.items() if role in tool.uses},
        "advice": _advice(tool, target),
        "files": [{"path": str(f.path), "changes": f.changes, "diff": _without_key(f.diff(), target)} for f in files],
        "written": written,
        "words": tool.words(target),
    }


def _without_key(text: str, target: Target) -> str:
    return text.replace(target.key, HIDDEN) if target.key != NO_KEY else text
