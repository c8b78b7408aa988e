"""What measuring found best for one model on this machine: `DOMOV_HOME/calibration/<digest>.json`.

It holds for one build of the engine and one processor; for others it is as if it were not there. What the user has
set by hand stands above it.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson

from domov.errors import BadOption, Broken
from domov.files import write_atomically
from domov.options import MODEL_OPTIONS, checked

TUNED = ("threads", "batch_threads", "batch_tokens", "micro_batch_tokens", "flash_attention")
MOST_SPINS = 1 << 31
_DIGEST = re.compile(r"(?:sha256[:-])?([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Tuning:
    """Differences from the defaults."""

    options: Mapping[str, int | str] = field(default_factory=dict)  # some of TUNED
    spin_count: int | None = None  # GOMP_SPINCOUNT; None: the default

    @property
    def words(self) -> str:
        """`threads 3, spin_count 0`; nothing where all is as by default."""
        options = [f"{key} {value}" for key, value in self.options.items()]
        return ", ".join([*options, *([] if self.spin_count is None else [f"spin_count {self.spin_count}"])])

    def changed(self, options: Mapping[str, int | str], spin_count: int | None = None) -> "Tuning":
        return Tuning({**self.options, **options}, self.spin_count if spin_count is None else spin_count)


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a calibration holds for."""

    engine: str
    cpu: str
    cores: int


@dataclass(frozen=True, slots=True)
class Calibration:
    conditions: Conditions
    tuning: Tuning
    at: str  # UTC, ISO 8601
    trials: tuple[Mapping[str, Any], ...] = ()  # what was tried and how it compared, for who wants to know


def save(folder: Path, digest: str, calibration: Calibration) -> Path:
    """Replaces what is there, unless that is damaged. Raises Broken, DiskFull or HomeUnusable."""
    path = _path(folder, digest)
    _read(path)  # a damaged file is reported, not replaced
    write_atomically(path, orjson.dumps(asdict(calibration), option=orjson.OPT_INDENT_2))
    return path


def load(folder: Path, digest: str, conditions: Conditions) -> Tuning | None:
    """The tuning found under these conditions; None where there is none. Raises Broken for a damaged file."""
    calibration = _read(_path(folder, digest)) if _DIGEST.fullmatch(digest) else None
    return calibration.tuning if calibration is not None and calibration.conditions == conditions else None


def _path(folder: Path, digest: str) -> Path:
    found = _DIGEST.fullmatch(digest)
    if found is None:
        raise BadOption(
            "this model has no digest to remember its calibration by", hint="pull the file: domov pull FILE"
        )
    return folder / f"{found[1]}.json"


def _read(path: Path) -> Calibration | None:
    try:
        table = orjson.loads(path.read_bytes())
        tuning = table["tuning"]
        return Calibration(
            Conditions(**table["conditions"]),
            Tuning(_options(tuning["options"]), _spins(tuning["spin_count"])),
            str(table["at"]),
            tuple(table["trials"]),
        )
    except FileNotFoundError:
        return None
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, OSError, BadOption) as error:
        raise Broken(
            f"damaged calibration: {path}", hint="it is left as it is: move it away, then measure anew"
        ) from error


def _options(table: dict[str, Any]) -> dict[str, int | str]:
    fields = {f.name: f for f in MODEL_OPTIONS if f.name in TUNED}
    return {key: checked(fields[key], value, name=key) for key, value in table.items()}


def _spins(value: Any) -> int | None:
    if value is not None and (type(value) is not int or not 0 <= value <= MOST_SPINS):
        raise ValueError(value)
    return value
