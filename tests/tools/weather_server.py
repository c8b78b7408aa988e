"""A server of tools for tests: `python -m tests.tools.weather_server` speaks on standard input and output."""

import os
from typing import Any

from mcp.server.mcpserver import MCPServer
from mcp.types import ToolAnnotations


def weather_server() -> MCPServer[Any]:
    server: MCPServer[Any] = MCPServer("weather", log_level="ERROR")

    @server.tool(annotations=ToolAnnotations(read_only_hint=True))
    async def weather(city: str) -> str:
        """The weather of a city."""
        return f"It rains in {city}."

    @server.tool()
    async def fail() -> str:
        """Always fails."""
        raise ValueError("no such luck")

    @server.tool()
    async def told() -> str:
        """What the environment says."""
        return f"{os.environ.get('WEATHER_KEY')} {os.environ.get('OTHER_SECRET')}"

    return server


if __name__ == "__main__":
    weather_server().run("stdio")
