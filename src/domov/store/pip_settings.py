"""Where the user's own pip looks for packages: its configuration files and its environment variables.

Read without pip, which an environment made by uv does not have. Source: pip's documentation, "Configuration",
and pip._internal.configuration@25. Known: index-url, extra-index-url, no-index, find-links, cert.
"""

import configparser
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PYPI = "https://pypi.org/simple"
KEYS = ("index-url", "extra-index-url", "no-index", "find-links", "cert")


@dataclass(frozen=True, slots=True)
class PipSettings:
    indexes: tuple[str, ...]
    folders: tuple[str, ...]  # find-links
    cert: str | None


def read(environ: Mapping[str, str] = os.environ) -> PipSettings:
    """pip's settings for this user. A file that can't be read is passed over, as pip does."""
    values: dict[str, str] = {}
    for path in _files(environ):
        parser = configparser.RawConfigParser()
        try:
            parser.read(path, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError, OSError):
            continue
        for section in ("global", "download", "install"):
            found = parser.items(section) if parser.has_section(section) else []
            values |= {key: value for name, value in found if (key := name.replace("_", "-")) in KEYS}
    for key in KEYS:
        if value := environ.get("PIP_" + key.upper().replace("-", "_")):
            values[key] = value
    no_index = values.get("no-index", "").lower() in ("1", "true", "yes", "on")
    urls = [] if no_index else [values.get("index-url", PYPI), *values.get("extra-index-url", "").split()]
    return PipSettings(
        tuple(u.rstrip("/") for u in urls), tuple(values.get("find-links", "").split()), values.get("cert")
    )


def _files(environ: Mapping[str, str]) -> list[Path]:
    """pip's configuration files, the strongest last. PIP_CONFIG_FILE stands in for the user's own."""
    own = environ.get("PIP_CONFIG_FILE", "")
    if own == os.devnull:
        return []
    shared, user, site = _shared_files(environ), _user_files(environ), Path(sys.prefix)
    if own and Path(own).exists():
        user = []
    name = "pip.ini" if sys.platform == "win32" else "pip.conf"
    return [*shared, *user, site / name, *([Path(own)] if own else [])]


def _shared_files(environ: Mapping[str, str]) -> list[Path]:
    if sys.platform == "win32":
        return [Path(environ.get("PROGRAMDATA", r"C:\ProgramData")) / "pip" / "pip.ini"]
    if sys.platform == "darwin":
        return [Path("/Library/Application Support/pip/pip.conf")]
    folders = (environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(os.pathsep)
    return [*(Path(folder) / "pip" / "pip.conf" for folder in folders), Path("/etc/pip.conf")]


def _user_files(environ: Mapping[str, str]) -> list[Path]:
    home = Path(environ.get("HOME") or Path.home())
    if sys.platform == "win32":
        return [home / "pip" / "pip.ini", Path(environ.get("APPDATA", home)) / "pip" / "pip.ini"]
    config = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    user = [home / ".pip" / "pip.conf", config / "pip" / "pip.conf"]
    if sys.platform == "darwin":
        user.append(home / "Library" / "Application Support" / "pip" / "pip.conf")
    return user
