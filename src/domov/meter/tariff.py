"""What energy costs here, as it is told of an answer and of a month."""

from dataclasses import dataclass
from typing import Any

from domov.errors import BadOption

JOULES_PER_KILOWATT_HOUR = 3_600_000


@dataclass(frozen=True, slots=True)
class Tariff:
    kilowatt_hour: float = 0.0  # its price; 0: it or the energy is not known
    currency: str = "EUR"  # ISO 4217
    estimated: bool = False  # the joules are not counted by the machine

    def told(self, joules: float | None) -> dict[str, Any]:
        """`joules` and `cost`; what is not known is None."""
        known = joules is not None and self.kilowatt_hour > 0
        return {"joules": joules, "cost": self.cost(joules or 0.0) if known else None}

    def check_limit(self, cost: float | None) -> None:
        """Raises BadOption for a limit in money that would never be reached."""
        if cost is not None and not self.kilowatt_hour:
            hint = "set kilowatt_hour_price, and where no counter of energy can be read, watts"
            raise BadOption("a limit in money needs to know what a model's work costs here", hint=hint)

    def cost(self, joules: float) -> float:
        return joules / JOULES_PER_KILOWATT_HOUR * self.kilowatt_hour
