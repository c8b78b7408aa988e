"""How often a key may be used: a bucket that fills evenly and holds a minute's worth. Pure but for the clock."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

DAY_SECONDS = 86400


@dataclass(slots=True)
class Bucket:
    """Room for so many requests, filled evenly to its brim within a minute."""

    per_minute: int
    left: float
    at_seconds: float

    def take(self, moment: float) -> float:
        """Takes one and gives 0, or gives the seconds until there is one."""
        rate = self.per_minute / 60
        self.left = min(self.per_minute, self.left + max(0.0, moment - self.at_seconds) * rate)
        self.at_seconds = moment
        if self.left < 1:
            return (1 - self.left) / rate
        self.left -= 1
        return 0.0


class Buckets:
    """One bucket for each key; a limit that is changed begins with a full one."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock, self._buckets = clock, dict[str, Bucket]()

    def wait_seconds(self, key: str, per_minute: int) -> int:
        """0 when the request may go on, or whole seconds to wait."""
        bucket = self._buckets.get(key)
        if bucket is None or bucket.per_minute != per_minute:
            bucket = self._buckets[key] = Bucket(per_minute, per_minute, self._clock())
        return math.ceil(bucket.take(self._clock()))


def seconds_to_midnight(moment: float) -> int:
    """Until the next day of UTC begins, when the tokens of a day are counted anew."""
    return math.ceil(DAY_SECONDS - moment % DAY_SECONDS)


def seconds_to_next_month(moment: float) -> int:
    """Until the first of the next month, 00:00 UTC."""
    day = datetime.fromtimestamp(moment, UTC)
    first = datetime(day.year + day.month // 12, day.month % 12 + 1, 1, tzinfo=UTC)
    return math.ceil(first.timestamp() - moment)
