"""What values mean that several dialects have: durations, bytes as base64, shortened vectors. Pure."""

import base64
import binascii
import math
import re
from collections.abc import Sequence

from domov.errors import BadRequest

_DURATION = re.compile(r"(-?)((?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+|\d+(?:\.\d+)?)")
_PART = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)?")
SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "": 1.0}
CENTURY_SECONDS = 100 * 365.25 * 86_400


def seconds_of(duration: float | str | None) -> float | None:
    """`300`, `"5m"`, `"1h30m"`, `-1`: seconds; negative, or longer than a century: for ever. Raises BadRequest."""
    if duration is None:
        return None
    seconds = _parsed(duration) if isinstance(duration, str) else duration
    return -1.0 if seconds > CENTURY_SECONDS else seconds


def _parsed(duration: str) -> float:
    found = _DURATION.fullmatch(duration.strip())
    if found is None or len(duration) > 40:
        raise BadRequest(f"keep_alive is no duration: {duration[:40]}", hint='300, "5m" and "-1" are ones')
    seconds = sum(float(number) * SECONDS[unit] for number, unit in _PART.findall(found[2]))
    return -seconds if found[1] else seconds


def decoded(text: str, name: str) -> bytes:
    """The bytes that base64 stands for. name: of the field. Raises BadRequest."""
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadRequest(f"{name} is not base64") from error
    if not content:
        raise BadRequest(f"{name} is empty")
    return content


def shortened(vector: Sequence[float], dimensions: int) -> tuple[float, ...]:
    """The first numbers of a vector, of unit length again: what models trained for it keep their meaning in."""
    if dimensions > len(vector):
        raise BadRequest(f"dimensions is {dimensions}: this model's vectors have {len(vector)}")
    length = math.hypot(*vector[:dimensions]) or 1.0
    return tuple(number / length for number in vector[:dimensions])


def number(text: str, name: str, least: float, most: float) -> float:
    """The number that a text of a form is. Raises BadRequest."""
    try:
        value = float(text[:40])
    except ValueError:
        value = math.nan
    if not least <= value <= most:
        raise BadRequest(f"{name} is a number from {least:g} to {most:g}")
    return value
