"""Modelfiles: a few commands that make a model of another one.

Pure. Source: Ollama's docs/modelfile.mdx and parser/parser.go, version 0.33.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from domov.errors import BadRequest

COMMANDS = ("FROM", "PARAMETER", "TEMPLATE", "SYSTEM", "LICENSE", "MESSAGE")
UNSUPPORTED = {
    "ADAPTER": 'set adapters in config.toml, in the table [models."NAME"]',
    "RENDERER": "models here are rendered by their template",
    "PARSER": "answers here are read by llama.cpp",
    "DRAFT": 'set draft_model in config.toml, in the table [models."NAME"]',
}
MOST_CHARACTERS = 1 << 20
_COMMAND = re.compile(r"[ \t]*([A-Za-z]+)[ \t]+")
_LINE = re.compile(r"[^\n]*\n?")


@dataclass(frozen=True, slots=True)
class Modelfile:
    """What it says; `fields` are those of Ollama's create: system, template, parameters, messages."""

    source: str  # of FROM: a name or a path
    fields: dict[str, Any] = field(default_factory=dict)
    licences: tuple[str, ...] = ()


def parse(text: str) -> Modelfile:
    """Raises BadRequest, with the number of the line, for what is no Modelfile."""
    if len(text) > MOST_CHARACTERS:
        raise BadRequest(f"a Modelfile has at most {MOST_CHARACTERS} characters")
    source, licences = "", []
    fields: dict[str, Any] = {"parameters": {}, "messages": []}
    for line, command, value in _commands(text):
        if command == "FROM":
            if source:
                raise BadRequest(f"line {line}: FROM stands twice", hint="a model is made of one file")
            source = value
        elif command == "LICENSE":
            licences.append(value)
        elif command == "PARAMETER":
            name, given = _two(line, value)
            fields["parameters"].setdefault(name.lower(), []).append(_unquoted(given))
        elif command == "MESSAGE":
            role, given = _two(line, value)
            fields["messages"].append({"role": role.lower(), "content": _unquoted(given)})
        else:
            fields[command.lower()] = value
    if not source:
        raise BadRequest("a Modelfile needs a FROM", hint="its first line is FROM and a model's name or file")
    return Modelfile(source, fields, tuple(licences))


def _commands(text: str) -> Iterator[tuple[int, str, str]]:
    """The number of its line, the command and what it is given."""
    place, line = 0, 1
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    while place < len(text):
        start = line
        row = _LINE.match(text, place)
        assert row is not None
        if not row[0].strip() or row[0].lstrip().startswith("#"):
            place, line = row.end(), line + 1
            continue
        found = _COMMAND.match(text, place)
        command = found[1].upper() if found else row[0].split()[0]
        if command in UNSUPPORTED:
            raise BadRequest(f"line {line}: {command} is not supported", hint=UNSUPPORTED[command])
        if found is None or command not in COMMANDS:
            raise BadRequest(f"line {line}: not a command: {command[:30]}", hint=f"commands are {', '.join(COMMANDS)}")
        value, place = _value(text, found.end(), start)
        line += text.count("\n", found.start(), place)
        yield start, command, value if command in ("PARAMETER", "MESSAGE") else _unquoted(value)


def _value(text: str, place: int, line: int) -> tuple[str, int]:
    """To the end of the line, or where three quotes open in it, to the end of the line in which they close."""
    end = text.find("\n", place)
    end = len(text) if end < 0 else end
    opened = text.find('"""', place, end)
    if opened >= 0:
        closed = text.find('"""', opened + 3)
        if closed < 0:
            raise BadRequest(f'line {line}: """ is not closed')
        end = closed + 3
        after = text.find("\n", end)
        rest = text[end : after if after >= 0 else len(text)]
        if rest.strip():
            raise BadRequest(f'line {line}: something stands after """: {rest.strip()[:30]}')
        end += len(rest)
    return text[place:end].strip(), end + 1


def _two(line: int, value: str) -> tuple[str, str]:
    first, _, rest = value.partition(" ")
    if not rest.strip():
        raise BadRequest(f"line {line}: a name and a value are needed")
    return first, rest.strip()


def _unquoted(value: str) -> str:
    for quote in ('"""', '"'):
        if len(value) >= 2 * len(quote) and value.startswith(quote) and value.endswith(quote):
            return value[len(quote) : -len(quote)]
    return value
