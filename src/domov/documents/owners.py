"""Whose collections are seen: one's own, and those that are shared with everybody.

An owner is who calls the server, by the id of a key; what commands add belongs to this computer itself, whose owner is
empty. An administrator minds this computer's collections, and those that are shared; nobody sees another's own.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks at documents; what is added is theirs."""

    owner: str = ""
    admin: bool = True

    def may_change(self, owner: str, *, shared: bool) -> bool:
        return owner == self.owner or (self.admin and (shared or not owner))

    def sees(self, owner: str, *, shared: bool) -> bool:
        return shared or self.may_change(owner, shared=shared)


COMPUTER = Viewer()
