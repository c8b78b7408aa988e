"""The pages of Python's standard library as documents, and what each module says of itself in one line as the question.

From Debian's package of Python's documentation (`apt-get download`); nothing of it is kept in the repository.
"""

import re
import subprocess
from pathlib import Path

from benchmarks.manual_pages import Page, unpacked

LEAST_CHARACTERS = 200
_MODULE = re.compile(r"^\.\. module:: *(\S+)\n((?:   .*\n)+)", re.MULTILINE)
_SYNOPSIS = re.compile(r":synopsis: *(.+)")


def modules(folder: Path) -> dict[str, Page]:
    """The page of each module that says what it is for; without the line that says it."""
    found: dict[str, Page] = {}
    for path in sorted(unpacked(folder, _package()).glob("usr/share/doc/*/html/_sources/library/*.rst.txt")):
        page = page_of(path.name.removesuffix(".rst.txt"), path.read_text("utf-8"))
        if page:
            found[page.name] = page
    return found


def _package() -> str:
    """`python3.13-doc` where python3-doc is that."""
    told = subprocess.run(["apt-cache", "depends", "python3-doc"], capture_output=True, text=True, check=True).stdout
    names = re.findall(r"Depends: (python3\.\d+-doc)", told)
    return names[0] if names else "python3-doc"


def page_of(name: str, rst: str) -> Page | None:
    directive = _MODULE.search(rst)
    synopsis = _SYNOPSIS.search(directive[2]) if directive else None
    text = _MODULE.sub("", rst)
    text = re.sub(r":[\w:]+:`[!~]?([^`<]+)(?: <[^`]*>)?`", r"\1", text)
    text = re.sub(r"^\.\. \w+author::.*\n|^\*\*Source code:\*\*.*\n|^-{10,}\n", "", text, flags=re.MULTILINE)
    if not synopsis or len(synopsis[1]) < 12 or len(text) < LEAST_CHARACTERS:
        return None
    return Page(f"{name}.rst", synopsis[1].strip().rstrip("."), text)
