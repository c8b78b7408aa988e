"""A moment to come, as people write it: after so many hours, days or years, or a date."""

import re
import time
from datetime import UTC, datetime

import click

SECONDS = {"h": 3600, "d": 86400, "w": 7 * 86400, "y": 365 * 86400}
_SPAN = re.compile(r"(\d{1,5})([hdwy])")


class Span(click.ParamType[float]):
    """Becomes seconds since 1970."""

    name = "when"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        text = str(value)
        if match := _SPAN.fullmatch(text):
            return time.time() + int(match[1]) * SECONDS[match[2]]
        try:
            return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).timestamp()
        except ValueError:
            self.fail(f"{text!r} is no time: write 12h, 30d, 1y or 2027-01-31", param, ctx)
