"""What another tool is to Domov: files to change or lines to show, and how it is started already pointed here.

A tool is one small class, an entry of TOOLS in `table`. It reads and writes nothing: it names its files and says how
their text changes; `journal` does it, and takes it back.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from domov.connect.roles import Roles

NO_KEY = "none"  # tools want a key even where the server wants none


@dataclass(frozen=True, slots=True)
class Target:
    """Where a tool is pointed: an address, the models, and the key that it shows there."""

    url: str  # of the server, without a path: http://127.0.0.1:36668
    roles: Roles
    key: str = NO_KEY  # the one place where a key goes into other tools' settings

    @property
    def openai(self) -> str:
        return f"{self.url}/v1"

    @property
    def has_key(self) -> bool:
        return self.key != NO_KEY


@dataclass(frozen=True, slots=True)
class Places:
    """Where a user's files and programs are."""

    system: str  # as sys.platform has it
    home: Path
    environ: Mapping[str, str]
    find: Callable[[str], str | None]  # a program's path

    def under(self, variable: str, usual: str) -> Path:
        """The folder that a variable names, or the usual one below the home."""
        return Path(self.environ.get(variable) or self.home / usual).expanduser().absolute()

    @property
    def settings(self) -> Path:
        """Where programs keep their settings on this system."""
        if self.system == "darwin":
            return self.home / "Library" / "Application Support"
        if self.system == "win32":
            return self.under("APPDATA", "AppData/Roaming")
        return self.under("XDG_CONFIG_HOME", ".config")


@dataclass(frozen=True, slots=True)
class Change:
    """How one file's text becomes another. An edit raises ValueError, with the place, for a text it can't read."""

    path: Path
    edit: Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Start:
    """A program with its arguments. environ: variables to set; None takes one away. files: by name, in a folder of
    their own for as long as it runs; `{folder}` in an argument is that folder."""

    command: tuple[str, ...]
    environ: Mapping[str, str | None] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)


class Tool:
    name: ClassVar[str]  # as a user types it
    title: ClassVar[str]
    program: ClassVar[str] = ""  # what it is started by; empty: it is no program
    uses: ClassVar[str] = "chat"  # the roles that it can be given
    install: ClassVar[str] = ""  # how a user gets it
    least_context_tokens: ClassVar[int] = 0  # what its own prompt and a little work need

    def installed(self, places: Places) -> bool:
        """Whether it seems to be here: its program is found, or its folder is there."""
        return bool(self.program and places.find(self.program)) or any(f.is_dir() for f in self.folders(places))

    def folders(self, places: Places) -> tuple[Path, ...]:
        return ()

    def changes(self, places: Places, target: Target) -> tuple[Change, ...]:
        """What is to change in its files; nothing where it has none to write."""
        return ()

    def words(self, target: Target) -> str:
        """What is left for a person to do or to know; lines to take over where nothing is written."""
        return ""

    def start(self, target: Target) -> Start | None:
        """How it is started with everything set; None where that is not possible without changing its files."""
        return None
