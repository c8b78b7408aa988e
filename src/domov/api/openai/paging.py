"""Lists in pages, as OpenAI's clients ask for them."""

from dataclasses import dataclass
from typing import Any, Literal

from domov.errors import BadRequest

Order = Literal["asc", "desc"]


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list."""

    limit: int
    order: Order = "desc"
    after: str | None = None

    def of(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        """The rows, given in ascending order, that belong to it. Raises BadRequest for an `after` that is none."""
        rows = rows if self.order == "asc" else rows[::-1]
        ids = [row["id"] for row in rows]
        if self.after is not None and self.after not in ids:
            raise BadRequest(f"after is not in the list: {self.after[:100]}")
        start = ids.index(self.after) + 1 if self.after is not None else 0
        shown = rows[start : start + self.limit]
        return {
            "object": "list",
            "data": shown,
            "first_id": shown[0]["id"] if shown else None,
            "last_id": shown[-1]["id"] if shown else None,
            "has_more": start + self.limit < len(rows),
        }
