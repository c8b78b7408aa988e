"""The servers of tools that the user has added (Model Context Protocol): none until then.

One is a program that is started and spoken to on its standard input and output, or an address. No secret is kept here:
what a server needs to know is named by environment variables, which are read when it is used.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from domov.errors import BadName, BadOption, Broken, NoSuchTool
from domov.files import write_atomically

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9\-]{0,30}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class ToolServer:
    name: str
    command: tuple[str, ...] = ()
    url: str = ""
    variables: tuple[str, ...] = ()  # of the environment, handed to the program
    token_variable: str = ""  # of the environment: what is sent to the address as a bearer token
    shared: bool = False  # whether those who are no administrators may use it

    @property
    def where(self) -> str:
        return self.url or " ".join(self.command)

    def environment(self, all_variables: Mapping[str, str] = os.environ) -> dict[str, str]:
        """Raises BadOption for a variable that is not set."""
        return {name: _value(name, all_variables, self.name) for name in self.variables}

    def token(self, all_variables: Mapping[str, str] = os.environ) -> str | None:
        """Raises BadOption for a variable that is not set."""
        return _value(self.token_variable, all_variables, self.name) if self.token_variable else None


def _value(variable: str, all_variables: Mapping[str, str], server: str) -> str:
    if variable not in all_variables:
        raise BadOption(f"{server} needs the environment variable {variable}", hint=f"set {variable} and start again")
    return all_variables[variable]


def checked(server: ToolServer) -> ToolServer:
    """Raises BadName, BadOption."""
    if not _NAME.fullmatch(server.name):
        raise BadName(f"not a name for a server of tools: {ascii(server.name[:60])}", hint="use letters, digits and -")
    if bool(server.command) == bool(server.url):
        raise BadOption("a server of tools is a command or an address, one of them")
    if server.url and not re.match(r"https?://[^\s]+$", server.url):
        raise BadOption(f"not an address: {ascii(server.url[:80])}", hint="it begins with https:// or http://")
    for variable in (*server.variables, *filter(None, [server.token_variable])):
        if not _VARIABLE.fullmatch(variable):
            raise BadOption(
                f"not the name of an environment variable: {ascii(variable[:60])}",
                hint="give its name, never its value",
            )
    return server


@dataclass(frozen=True)
class Servers:
    """The servers, in a file that its user alone can read."""

    path: Path

    def all(self) -> list[ToolServer]:
        """By name. Raises Broken for a file that can't be read."""
        try:
            rows = orjson.loads(self.path.read_bytes())
            return sorted((_server(row) for row in rows), key=lambda server: server.name)
        except FileNotFoundError:
            return []
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise Broken(
                f"{self.path} can't be read: {error}", hint="mend or remove it, and add the servers anew"
            ) from error

    def get(self, name: str) -> ToolServer:
        """Raises NoSuchTool, with the names there are."""
        found = {server.name: server for server in self.all()}
        if name not in found:
            hint = f"there are: {', '.join(found)}" if found else "add one with: domov mcp add NAME -- COMMAND"
            raise NoSuchTool(f"no such server of tools: {name[:60]}", hint=hint)
        return found[name]

    def add(self, server: ToolServer) -> None:
        """Adds a server, or replaces the one of that name. Raises BadName, BadOption."""
        checked(server)
        self._write([*(s for s in self.all() if s.name != server.name), server])

    def remove(self, name: str) -> None:
        """Raises NoSuchTool."""
        server = self.get(name)
        self._write([s for s in self.all() if s != server])

    def _write(self, servers: list[ToolServer]) -> None:
        rows = [asdict(server) for server in servers]
        write_atomically(self.path, orjson.dumps(rows, option=orjson.OPT_INDENT_2))


def _server(row: dict[str, Any]) -> ToolServer:
    return ToolServer(**{**row, "command": tuple(row["command"]), "variables": tuple(row["variables"])})
