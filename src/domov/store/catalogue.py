"""The models that have a short name: `catalogue.toml`, read once when it is first asked for."""

import difflib
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from domov.store.names import LocalName, parse

LATEST = "latest"


@dataclass(frozen=True, slots=True)
class Entry:
    """One model that can be pulled by name; the fields are explained at the top of catalogue.toml."""

    name: str
    source: str
    parameters: int
    download_bytes: int
    context_tokens: int
    licence: str
    task: str
    purpose: str
    sha256: str | None = None
    repack: str | None = None


@dataclass(frozen=True, slots=True)
class Catalogue:
    entries: tuple[Entry, ...]

    @property
    def starter(self) -> Entry:
        """What somebody gets who has named no model and has none."""
        return self.entries[0]

    def find(self, name: LocalName) -> Entry | None:
        """The entry that a name means: of the same tag, or without one the first of that name."""
        for entry in self.entries:
            own, _, tag = entry.name.partition(":")
            if own == name.name and name.tag in (None, tag or LATEST):
                return entry
        return None

    def nearest(self, text: str, names: Sequence[str]) -> list[str]:
        """At most three of `names` that `text` may have been meant for; `latest` is nobody's meaning."""
        short = {name.removesuffix(f":{LATEST}"): name for name in names}
        return [short[n] for n in difflib.get_close_matches(text.removesuffix(f":{LATEST}"), short, n=3, cutoff=0.6)]


def load() -> Catalogue:
    """The catalogue of this release. Entries without a tag in their name are installed as `latest`."""
    table = tomllib.loads(files("domov.store").joinpath("catalogue.toml").read_text("utf-8"))
    return Catalogue(tuple(Entry(**{**row, "name": str(parse(row["name"]))}) for row in table["model"]))
