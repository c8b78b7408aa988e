"""Tools as a model is told of them, what a call to one is, and what came of it. Pure."""

import json
import re
from dataclasses import dataclass
from typing import Any

from domov.types import Tool

CHARACTERS_A_TOKEN = 3.5  # of a schema in English
MOST_RESULT_CHARACTERS = 20_000
_ODD = re.compile(r"[^A-Za-z0-9_\-]+")


@dataclass(frozen=True, slots=True)
class Offered:
    """A tool of a server."""

    server: str
    name: str  # as the server calls it
    tool: Tool  # as a model is told of it
    reads_only: bool = False  # so its server says

    @property
    def about_tokens(self) -> int:
        """What telling a model of it costs in every prompt, roughly; a model's own template tells it exactly."""
        told = json.dumps({"name": self.tool.name, "description": self.tool.description, **self.tool.parameters})
        return round(len(told) / CHARACTERS_A_TOKEN) + 10


@dataclass(frozen=True, slots=True)
class Call:
    """What a model wants to have done; nothing is until the user says so."""

    offered: Offered
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Result:
    text: str
    failed: bool = False


def offered(server: str, name: str, description: str, schema: dict[str, Any], *, reads_only: bool) -> Offered:
    return Offered(server, name, Tool(told_name(server, name), description, schema), reads_only)


def told_name(server: str, name: str) -> str:
    """A name that every model's template takes, with the server's before it."""
    return f"{server}_{_ODD.sub('_', name)}"[:64]


def shortened(text: str) -> str:
    """A result that leaves room for an answer, and says so where it had to be cut."""
    if len(text) <= MOST_RESULT_CHARACTERS:
        return text
    left = len(text) - MOST_RESULT_CHARACTERS
    return f"{text[:MOST_RESULT_CHARACTERS]}\n[{left} characters more were left out]"


def arguments_of(text: str) -> dict[str, Any] | None:
    """The arguments that a model wrote; None where they are no JSON object."""
    try:
        arguments = json.loads(text or "{}")
    except ValueError:
        return None
    return arguments if isinstance(arguments, dict) else None


def row(offered: Offered) -> dict[str, Any]:
    """A tool as JSON tells it."""
    return {
        "name": offered.tool.name,
        "server": offered.server,
        "tool": offered.name,
        "description": offered.tool.description,
        "parameters": offered.tool.parameters,
        "about_tokens": offered.about_tokens,
        "reads_only": offered.reads_only,
    }
