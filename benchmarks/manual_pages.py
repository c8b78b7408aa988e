"""Debian's manual pages as documents, and what each says of itself in one line as the question that it answers.

The packages are fetched with `apt-get download`; nothing of them is kept in the repository.
"""

import gzip
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from domov.documents.encodings import decode

CZECH = ("manpages-cs",)
NAMES = (
    "manpages coreutils util-linux mount passwd procps bzip2 diffutils wget at procmail ghostscript binutils-common"
    " findutils grep sed tar gzip file less man-db login bsdextrautils e2fsprogs manpages-dev"
)
ENGLISH = tuple(NAMES.split())
MOST_ENGLISH = 800
SECTIONS = {"NAME": "name", "JMÉNO": "name", "NÁZEV": "name", "DESCRIPTION": "description", "POPIS": "description"}
LEAST_CHARACTERS = 120


@dataclass(frozen=True, slots=True)
class Page:
    name: str  # ls.1
    question: str  # list directory contents
    text: str  # the description; the line that is the question is not in it
    title: str = ""  # ls - list directory contents
    roff: str = ""

    @property
    def whole(self) -> str:
        """All of the page as Markdown: headings and paragraphs, as somebody would have it in a folder."""
        return whole_page(self.title, self.roff)


def czech(folder: Path) -> dict[str, Page]:
    return _pages(folder, CZECH, "cs/man")


def english(folder: Path, wanted: set[str]) -> dict[str, Page]:
    """The pages that are wanted, and others up to the number of a real collection."""
    pages = _pages(folder, ENGLISH, "man")
    others = [name for name in pages if name not in wanted]
    return {name: pages[name] for name in [*(n for n in pages if n in wanted), *others][:MOST_ENGLISH]}


def _pages(folder: Path, packages: tuple[str, ...], below: str) -> dict[str, Page]:
    pages: dict[str, Page] = {}
    for package in packages:
        for path in sorted(
            unpacked(folder, package).glob(f"usr/share/man/{'cs/' if 'cs' in below else ''}man[1-8]/*.gz")
        ):
            if path.is_symlink() or path.stat().st_size < 100:
                continue
            page = page_of(path.name.removesuffix(".gz"), decode(gzip.decompress(path.read_bytes())))
            if page and page.name not in pages:
                pages[page.name] = page
    return pages


def unpacked(folder: Path, package: str) -> Path:
    """The files of a package of Debian's, fetched once."""
    target = folder / package
    if not target.exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "download", "-qq", package], cwd=folder, check=True, stderr=subprocess.DEVNULL)
        (deb,) = folder.glob(f"{package}_*.deb")
        subprocess.run(["dpkg-deb", "-x", str(deb.absolute()), str(target.absolute())], check=True)
        deb.unlink()
    return target


def page_of(name: str, roff: str) -> Page | None:
    """The page, if it says what it is in one line and describes it. Source: man(7), mdoc(7)."""
    parts: dict[str, list[str]] = {}
    current = ""
    for line in roff.split("\n"):
        if found := re.match(r"\.\s*S[Hh]\s+(.*)", line):
            current = SECTIONS.get(_plain(found[1]).strip('" ').upper(), "")
        elif current and (text := _line(line)):
            parts.setdefault(current, []).append(text)
    question = re.split(r"\s[-–—]+\s", " ".join(parts.get("name", [])), maxsplit=1)
    text = "\n".join(parts.get("description", []))
    if len(question) < 2 or len(question[1]) < 8 or len(text) < LEAST_CHARACTERS:
        return None
    return Page(name, question[1].strip().rstrip("."), text, " - ".join(question), roff)


def whole_page(title: str, roff: str) -> str:
    lines = [f"# {title}"]
    for line in roff.split("\n"):
        if found := re.match(r"[.']\s*(S[Hh]|S[Ss])\s+(.*)", line):
            lines += ["", f"{'##' if found[1] in ('SH', 'Sh') else '###'} {_plain(found[2]).strip(chr(34) + ' ')}", ""]
        elif re.match(r"[.']\s*(TP|PP|P|LP|IP|HP|Pp|It|sp)\b", line):
            lines.append("")
        elif text := _line(line):
            lines.append(text)
    return "\n".join(lines)


def _line(line: str) -> str:
    if line.startswith(('.\\"', "'\\\"", "...")):
        return ""
    if found := re.match(r"[.']\s*Nd\s+(.*)", line):
        return f" - {_plain(found[1])}"
    if found := re.match(r"[.']\s*(B|I|BR|RB|BI|IB|IR|RI|SM|SB|Nm|Fl|Ar|Xr|Pa|Ic|Em|Sy|Dv|Va|Cm|Ss|SS)\b\s*(.*)", line):
        return _plain(found[2]).replace('"', "")
    return "" if line.startswith((".", "'")) else _plain(line)


def _plain(text: str) -> str:
    text = re.sub(r"\\f(\[[^\]]*\]|\(..|.)", "", text)
    text = re.sub(r"\\s[+-]?\d+|\\[&/,|^%:]", "", text)
    named = {
        "aq": "'",
        "cq": "'",
        "oq": "'",
        "lq": '"',
        "rq": '"',
        "dq": '"',
        "em": "—",
        "en": "–",
        "co": "©",
        "mc": "µ",
    }
    text = re.sub(r"\\\((..)|\\\[(\w+)\]", lambda m: named.get(m[1] or m[2], ""), text)
    return (
        text.replace("\\-", "-").replace("\\e", "\\").replace("\\ ", " ").replace("\\~", " ").replace("\\", "").strip()
    )
