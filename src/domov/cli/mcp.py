import asyncio
import shlex
from typing import TYPE_CHECKING

import click

from domov import app
from domov.cli.docs import opened
from domov.cli.errors import say
from domov.cli.output import json_option, print_json, print_table
from domov.errors import EngineUnavailable

if TYPE_CHECKING:
    from domov.tools.calls import Offered


@click.group(invoke_without_command=True)
@click.option("--collection", multiple=True, help="What may be seen; may be given several times. Otherwise all.")
@click.pass_context
def mcp(context: click.Context, collection: tuple[str, ...]) -> None:
    """Let other tools search your documents: a server of the Model Context Protocol on standard input and output.

    It lists collections, searches, and reads passages; it changes nothing. Give the tool that wants it the command
    `domov mcp`.

    The commands below are for the other direction: other servers' tools, used in chats with `domov run --tools`.
    None is used unless you add it, and each call is shown to you first.
    """
    if context.invoked_subcommand is None:
        asyncio.run(_serve(collection))


async def _serve(collections: tuple[str, ...]) -> None:
    try:
        from domov.api.mcp import server  # slow to import
    except ImportError as error:
        raise EngineUnavailable(
            f"MCP needs a part that is not installed: {error.name}", hint="pip install 'domov[mcp]'"
        ) from error
    async with opened() as (_, documents):
        await server(documents, collections=collections).run_stdio_async()


@mcp.command(context_settings={"ignore_unknown_options": True})
@click.argument("name")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@click.option("--url", default="", help="The address of a server that runs elsewhere, instead of a command.")
@click.option("--env", "variables", multiple=True, help="An environment variable to hand to the program, by its name.")
@click.option("--token-env", "token", default="", help="The environment variable that holds the address's token.")
@click.option("--shared", is_flag=True, help="Everybody who may call the server may use it, not administrators alone.")
def add(name: str, command: tuple[str, ...], url: str, variables: tuple[str, ...], token: str, shared: bool) -> None:
    """Add a server of tools: a program to start, or --url.

    \b
      domov mcp add files -- npx @modelcontextprotocol/server-filesystem ~/Documents
      domov mcp add wiki --url https://wiki.example.com/mcp --token-env WIKI_TOKEN

    The program runs as you, with all that you may do: add only what you trust. Tokens stay in the environment.
    """
    from domov.tools.servers import ToolServer

    server = ToolServer(name, command, url, variables, token, shared)
    app.load().tools.servers.add(server)
    say(f"{name} is added; what it offers, and what each tool costs: domov mcp tools {name}")


@mcp.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the servers of tools that were added."""
    servers = app.load().tools.servers.all()
    if as_json:
        print_json([{"name": s.name, "command": list(s.command), "url": s.url, "shared": s.shared} for s in servers])
    elif servers:
        rows = [
            (s.name, s.url or shlex.join(s.command), "everybody" if s.shared else "administrators") for s in servers
        ]
        print_table(("NAME", "FROM", "FOR"), rows)
    else:
        say("no tools yet: domov mcp add NAME -- COMMAND")


@mcp.command()
@click.argument("name")
def rm(name: str) -> None:
    """Remove a server of tools."""
    app.load().tools.servers.remove(name)
    say(f"{name} is removed")


@mcp.command()
@click.argument("name", required=False)
@json_option
def tools(name: str | None, as_json: bool) -> None:
    """Ask the servers what tools they offer, and show what each costs in every prompt."""
    domov = app.load()
    chosen = [name] if name else [server.name for server in domov.tools.servers.all()]

    async def asked() -> tuple[list["Offered"], dict[str, str]]:
        async with domov.tools.box(chosen) as box:
            return await box.offered(), box.problems

    found, problems = asyncio.run(asked())
    if as_json:
        print_json([tool_row(offered) for offered in found])
    elif found:
        rows = [(o.tool.name, f"{o.about_tokens}", first_line(o.tool.description)) for o in found]
        print_table(("TOOL", "ABOUT TOKENS", "WHAT IT SAYS OF ITSELF"), rows)
        say(f"with all of them every prompt is about {sum(o.about_tokens for o in found)} tokens longer")
    for server, why in problems.items():
        say(f"{server}: {why}")


def tool_row(offered: "Offered") -> dict[str, object]:
    from domov.tools.calls import row

    return row(offered)


def first_line(text: str) -> str:
    return text.strip().partition("\n")[0][:70]
