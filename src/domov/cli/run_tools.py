"""Tools in a chat at the terminal: each call is shown, and made only if the person says yes."""

import json
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import click

from domov import app
from domov.cli.errors import say
from domov.engine.protocol import Engine
from domov.tools.calls import Call, Result
from domov.tools.using import ToolUsing

SHOWN_CHARACTERS = 2000
Given = Callable[[Engine], Engine]


@asynccontextmanager
async def tools_of(domov: app.App, names: Sequence[str]) -> AsyncIterator[Given]:
    """Gives a function that gives an engine the tools of these servers; `all` is every one. Raises NoSuchTool."""
    if not names:
        yield lambda engine: engine
        return
    every = [server.name for server in domov.tools.servers.all()]
    async with domov.tools.box(every if "all" in names else names) as box:
        offered = await box.offered()
        for server, why in box.problems.items():
            say(f"{server}: {why}")
        say(f"{len(offered)} tools, about {sum(o.about_tokens for o in offered)} tokens in every prompt")
        yield lambda engine: ToolUsing(engine, box, allowed, told)


async def allowed(call: Call) -> bool:
    """Whether the person lets the call be made; where nobody can be asked it is not."""
    arguments = json.dumps(call.arguments, ensure_ascii=False, indent=1)
    say(f"\nThe model wants to call {call.offered.server}: {call.offered.name}\n{arguments[:SHOWN_CHARACTERS]}")
    if not sys.stdin.isatty():
        say("not allowed: there is nobody to ask")
        return False
    return click.confirm("Allow this call?", default=False, err=True)


def told(call: Call, result: Result) -> None:
    words = "failed" if result.failed else f"gave {len(result.text)} characters"
    say(f"{call.offered.server}: {call.offered.name} {words}")
