"""Which reader reads which file. A format is a file in `readers/` and a row here."""

from collections.abc import Mapping
from pathlib import PurePath

_CODE = """
.py .pyi .js .mjs .cjs .jsx .ts .tsx .java .kt .kts .scala .groovy .c .h .cc .cpp .cxx .hh .hpp .cs .go .rs
.swift .m .mm .php .rb .pl .pm .lua .r .jl .hs .ml .ex .exs .erl .clj .lisp .el .vue .svelte .dart .zig .nim .sh
.bash .zsh .fish .ps1 .bat .sql .graphql .proto .tf .toml .yaml .yml .ini .cfg .conf .xml .css .scss .less
.cmake .dockerfile .mk .nix
"""
# kind -> (module:function, suffixes). A reader takes the bytes and the file's name and gives Parsed.
READERS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "markdown": ("markdown:read", (".md", ".markdown", ".mdx", ".qmd")),
    "rst": ("rst:read", (".rst", ".rest")),
    "text": ("plain:read", (".txt", ".text", ".log", ".org", ".adoc", ".asciidoc", ".tex", ".srt", ".vtt")),
    "html": ("html:read", (".html", ".htm", ".xhtml")),
    "pdf": ("pdf:read", (".pdf",)),
    "docx": ("docx:read", (".docx", ".docm", ".dotx")),
    "pptx": ("pptx:read", (".pptx", ".pptm", ".ppsx")),
    "xlsx": ("xlsx:read", (".xlsx", ".xlsm")),
    "opendocument": ("opendocument:read", (".odt", ".ods", ".odp", ".ott", ".fodt")),
    "epub": ("epub:read", (".epub",)),
    "mail": ("mail:read", (".eml",)),
    "csv": ("tables:read_csv", (".csv", ".tsv")),
    "json": ("tables:read_json", (".json", ".jsonl", ".ndjson", ".ipynb")),
    "code": ("code:read", tuple(_CODE.split())),
}
SCANS = ("scan", "scan:read")  # no kind of file: what a PDF without text is read as, where that can be done
NAMES = {"makefile": "code", "dockerfile": "code", "readme": "text", "license": "text", "copying": "text"}
KIND_OF = {suffix: kind for kind, (_, suffixes) in READERS.items() for suffix in suffixes}
# Raised when a reader comes to see more in a file: what it read before is then read again.
VERSION = 1


def kind_of(name: str) -> str | None:
    """The kind of a file by its name; None for one that no reader reads."""
    path = PurePath(name)
    return KIND_OF.get(path.suffix.lower()) or (NAMES.get(path.name.lower()) if not path.suffix else None)
