"""What happens here, told to all who keep count of it: the metrics of a server, and whoever else wants to know."""

from collections.abc import Callable

from domov.outbound import Row
from domov.types import Happening

Keeper = Callable[[Happening | Row], None]


class Meter:
    def __init__(self) -> None:
        self._keepers: list[Keeper] = []

    def add(self, keeper: Keeper) -> None:
        """Has this one told from now on, in the task of whoever did it, so it has to be quick and may not raise."""
        self._keepers.append(keeper)

    def tell(self, happening: Happening | Row) -> None:
        for keeper in self._keepers:
            keeper(happening)
