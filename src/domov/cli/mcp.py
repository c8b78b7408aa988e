import asyncio

import click

from domov.cli.docs import opened
from domov.errors import EngineUnavailable


@click.command()
@click.option("--collection", multiple=True, help="What may be seen; may be given several times. Otherwise all.")
def mcp(collection: tuple[str, ...]) -> None:
    """Let other tools search your documents: a server of the Model Context Protocol on standard input and output.

    It lists collections, searches, and reads passages; it changes nothing. Give the tool that wants it the command
    `domov mcp`.
    """
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
