"""Writes the pages in docs/reference/ from the code that they describe.

`python docs/generate.py` writes them; with --check it only says, with status 1, which of them are stale.
"""

import inspect
import re
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import Field
from pathlib import Path
from typing import Any

import click

from domov import config, errors, options
from domov.api.errors import STATUS
from domov.cli.main import COMMANDS, load
from domov.store import catalogue
from domov.units import human_bytes, human_count

FOLDER = Path(__file__).parent / "reference"
MADE = "<!-- Made by docs/generate.py: change the code, then run it. -->\n\n"
COMMANDS_INTRO = """\
`domov` or `domov --help` prints the list of commands, `domov --version` the version, `domov COMMAND --help` what is
below. Data goes to standard output, words for a person to standard error.
"""
SETTINGS_INTRO = """\
Settings stand in `config.toml` in Domov's folder. An environment variable wins over the file. An unknown key or an
impossible value is an error, never ignored.

Domov's folder itself is `DOMOV_HOME`; without it, the platform's folder for application data (on Linux
`~/.local/share/domov`). It can be set in the environment only.
"""
OPTIONS_INTRO = """\
How a model is loaded stands in a table of its name, what holds for all models in the table of `"*"`;
[Models](../models.md) explains it.

```toml
[models."*"]
cache_type = "q8_0"

[models."smollm2:135m"]
context_tokens = 4096
slots = 2
```
"""
CATALOGUE_INTRO = """\
The models that can be fetched by a short name. The first entry of a name is what the name means without a tag.
"Pinned" means that the sha256 of the file stands in Domov itself, because the file was pulled and checked; the
others are held against the sha256 that their hub publishes.
"""
ERRORS_INTRO = """\
Everything that Domov says no with, by the name of its class in `domov.errors`; a row that is indented is a kind of
the one above it. A command ends with status 0 when it is done, 1 when it could not be done, 2 when it was not
understood, and 130 when Ctrl-C interrupted it.
"""


def main() -> None:
    pages = {"commands": commands(), "settings": settings(), "catalogue": entries(), "errors": error_tree()}
    stale = []
    for name, text in pages.items():
        path = FOLDER / f"{name}.md"
        if not path.exists() or path.read_text("utf-8") != text:
            stale.append(path.name)
            if "--check" not in sys.argv:
                path.parent.mkdir(exist_ok=True)
                path.write_text(text, "utf-8")
    if stale and "--check" in sys.argv:
        sys.exit(f"stale in docs/reference: {', '.join(stale)}; run: python docs/generate.py")


def commands() -> str:
    return f"{MADE}# Commands\n\n{COMMANDS_INTRO}" + "".join(_command(name, load(name)) for name in COMMANDS)


def _command(name: str, command: click.Command) -> str:
    """A command, and under it the commands that it is a group of."""
    context = click.Context(command, info_name=f"domov {name}")
    usage = command.get_usage(context).removeprefix("Usage: ")
    help_text = "\n\n".join(map(_paragraph, inspect.cleandoc(command.help or "").split("\n\n")))
    records = [r for p in command.get_params(context) if (r := p.get_help_record(context)) and r[1]]
    options = _table(("Option", "What it does"), [(f"`{option}`", words) for option, words in records])
    parts = command.commands.items() if isinstance(command, click.Group) else ()
    text = f"\n{'###' if ' ' in name else '##'} {name}\n\n```text\n{usage}\n```\n\n{help_text}\n\n{options}"
    return text + "".join(_command(f"{name} {part}", each) for part, each in parts)


def _paragraph(text: str) -> str:
    """A paragraph of click's help; the ones after a backspace are laid out by hand."""
    return f"```text\n{textwrap.dedent(text[2:])}\n```" if text.startswith("\b") else text


def settings() -> str:
    headings = ("Key", "Environment", "Takes", "Default", "What")
    rows = [(f"`{f.name}`", f"`DOMOV_{f.name.upper()}`", *_setting(f)) for f in config.SETTINGS]
    page = f"{MADE}# Settings\n\n{SETTINGS_INTRO}\n{_table(headings, rows)}"
    own = _table(("Key", "Takes", "Default", "What"), [(f"`{f.name}`", *_setting(f)) for f in options.MODEL_OPTIONS])
    return f"{page}\n## Options of a model\n\n{OPTIONS_INTRO}\n{own}"


def _setting(f: Field[Any]) -> tuple[str, str, str]:
    """What a setting takes, its default, and what it is."""
    takes = " or ".join(f"`{c}`" if c else "nothing" for c in f.metadata["choices"])
    takes = takes or options.KINDS.get(type(f.default), "a list")
    default = str(f.default).lower() if isinstance(f.default, bool) else str(f.default)
    default = f"`{default}`" if f.default not in ("", ()) else ""
    return takes, default, f.metadata["words"]


def entries() -> str:
    headings = ("Name", "Parameters", "Download", "Context", "Task", "Licence", "For", "From", "Pinned")
    rows = []
    for e in catalogue.load().entries:
        sizes = (human_count(e.parameters), human_bytes(e.download_bytes), str(e.context_tokens))
        pinned = "yes" if e.sha256 else "no"
        rows.append((f"`{e.name}`", *sizes, e.task, e.licence, e.purpose, f"`{e.source}`", pinned))
    return f"{MADE}# Catalogue\n\n{CATALOGUE_INTRO}\n" + _table(headings, rows)


def error_tree() -> str:
    rows = []
    for indent, name, words in re.findall(r"^    ( *)(\w+)(?: {2,}(.+))?$", errors.__doc__ or "", re.MULTILINE):
        kind = getattr(errors, name)
        http = next(status for parent, status in STATUS if issubclass(kind, parent))
        label = "&emsp;" * (len(indent) // 2) + f"`{name}`"
        plain = re.sub(r"(?<!^)(?=[A-Z])", " ", name).lower()
        rows.append((label, words or plain, "2" if issubclass(kind, errors.BadInput) else "1", str(http)))
    return f"{MADE}# Errors\n\n{ERRORS_INTRO}\n" + _table(("Error", "Meaning", "Exit status", "HTTP status"), rows)


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [headings, ("---",) * len(headings), *rows]
    return "".join("| " + " | ".join(c.replace("|", "\\|") for c in line) + " |\n" for line in lines)


if __name__ == "__main__":
    main()
