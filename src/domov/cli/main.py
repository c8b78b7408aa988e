"""The command line: one table of commands, each in a file of its own.

Help is printed from the table alone, so that it costs no import; click comes in with the first real command.
"""

import importlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import click

# name -> (module:command, what it does)
COMMANDS = {
    "run": ("domov.cli.run:run", "ask a model, or chat with it"),
    "serve": ("domov.cli.serve:serve", "serve the models to other programs over HTTP"),
    "ps": ("domov.cli.ps:ps", "the models that the running server has in memory"),
    "stop": ("domov.cli.stop:stop", "unload a model from the running server"),
    "connect": ("domov.cli.connect:connect", "set up an editor, an agent or another tool to use Domov"),
    "launch": ("domov.cli.launch:launch", "start such a tool already pointed at Domov, changing no file"),
    "doctor": ("domov.cli.doctor:doctor", "what this machine has, and what could be better"),
    "bench": ("domov.cli.bench:bench", "how fast a model answers here, or at another address"),
    "fit": ("domov.cli.fit:fit", "will a model run here, how fast; or what runs best"),
    "usage": ("domov.cli.usage:usage", "what was used: tokens, time, energy, by day, model or person"),
    "privacy": ("domov.cli.privacy:privacy", "what left this computer; forbid it or allow it"),
    "keys": ("domov.cli.keys:keys", "who may call the server: keys, limits, what was used"),
    "users": ("domov.cli.users:users", "the people who use the server: accounts, groups, invitations"),
    "backup": ("domov.cli.backup:backup", "write all that can't be fetched again into one file"),
    "restore": ("domov.cli.backup:restore", "put a backup in the place of what is here"),
    "pull": ("domov.cli.pull:pull", "fetch a model"),
    "list": ("domov.cli.list:list_", "the models that are here"),
    "docs": ("domov.cli.docs_ask:docs", "your own documents: search them, ask them, with sources"),
    "mcp": ("domov.cli.mcp:mcp", "let other tools search your documents"),
    "show": ("domov.cli.show:show", "what a model is made of"),
    "quantize": ("domov.cli.quantize:quantize", "make a smaller model of one that is here"),
    "evaluate": ("domov.cli.evaluate:evaluate", "how good a model is, and what quantizing cost it"),
    "shrink": ("domov.cli.shrink:shrink", "the best model within a size, or the smallest within a loss"),
    "prune": ("domov.cli.prune:prune", "take the least important parts out of a model, and heal it"),
    "distill": ("domov.cli.distill:distill", "train a smaller model after a larger one"),
    "compare": ("domov.cli.compare:compare", "ask two models the same questions"),
    "jobs": ("domov.cli.jobs:jobs", "the long work that the server does: watch it, pause it, end it"),
    "rm": ("domov.cli.rm:rm", "remove a model"),
    "create": ("domov.cli.create:create", "make a model of a Modelfile"),
    "cp": ("domov.cli.cp:cp", "give a model a second name"),
}

USAGE = (
    "Usage: domov COMMAND [OPTIONS] ...\n\n  Your own AI, at home: language models on your own computer.\n\nCommands:\n"
)


def main() -> None:
    """The entry point of `domov`. Errors become one sentence, a way out, and a status other than 0."""
    arguments = sys.argv[1:]
    if not arguments or arguments in (["--help"], ["-h"], ["help"]):
        sys.stdout.write(overview())
        return
    if arguments in (["--version"], ["version"]):
        sys.stdout.write(f"domov {version()}\n")
        return
    from domov.cli.errors import boundary

    with boundary():
        group()(prog_name="domov", standalone_mode=False)


def overview() -> str:
    width = max(map(len, COMMANDS)) + 2
    rows = "".join(f"  {name:<{width}}{words}\n" for name, (_, words) in COMMANDS.items())
    return f"{USAGE}{rows}\n`domov COMMAND --help` says more. Start with: domov run\n"


def version() -> str:
    from importlib.metadata import version

    return version("domov")


def group() -> "click.Group":
    """All commands as one click group; a command's file is imported when it is called."""
    import click

    class Lazy(click.Group):
        def list_commands(self, ctx: click.Context) -> list[str]:
            return list(COMMANDS)

        def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
            return load(cmd_name) if cmd_name in COMMANDS else None

    return Lazy("domov", help="Your own AI, at home.")


def load(name: str) -> Any:
    module, _, attribute = COMMANDS[name][0].partition(":")
    return getattr(importlib.import_module(module), attribute)
