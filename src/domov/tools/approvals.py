"""Calls of tools that wait until their user has said yes or no: each one, each time. In this process' memory only."""

import asyncio
import time
from dataclasses import dataclass, field
from uuid import uuid4

from domov.errors import NoSuchTool
from domov.tools.calls import Call

PATIENCE_SECONDS = 600.0  # then the answer is no


@dataclass(frozen=True)
class Pending:
    id: str
    owner: str  # who may decide
    call: Call
    chat: str  # that it is asked in, where there is one
    asked_at: float  # seconds since 1970
    decision: "asyncio.Future[bool]" = field(repr=False, compare=False)


@dataclass
class Approvals:
    patience_seconds: float = PATIENCE_SECONDS
    _pending: dict[str, Pending] = field(default_factory=dict, init=False)

    async def ask(self, call: Call, *, owner: str, chat: str = "") -> bool:
        """Waits for the user's word; no word is a no."""
        decision = asyncio.get_running_loop().create_future()
        pending = Pending(uuid4().hex, owner, call, chat, time.time(), decision)
        self._pending[pending.id] = pending
        try:
            return await asyncio.wait_for(decision, self.patience_seconds)
        except TimeoutError:
            return False
        finally:
            del self._pending[pending.id]

    def waiting(self, owner: str) -> list[Pending]:
        return [pending for pending in self._pending.values() if pending.owner == owner]

    def decide(self, id: str, allowed: bool, *, owner: str) -> Pending:
        """Raises NoSuchTool for a call that does not wait, or not for this owner."""
        pending = self._pending.get(id)
        if pending is None or pending.owner != owner or pending.decision.done():
            raise NoSuchTool(f"no call waits under {id[:40]}")
        pending.decision.set_result(allowed)
        return pending
