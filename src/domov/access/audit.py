"""Who changed what: logs/audit.jsonl, one JSON object a line, readable by nobody else. Never a secret, never a text.

Failed calls stand in a file of their own, logs/logins.jsonl, which is turned over when it grows: they are written at
the will of strangers, and may not push out what the other file tells.
"""

import contextlib
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from domov.access.callers import Caller
from domov.errors import Refused
from domov.files import make_folder

MOST_LOGIN_BYTES = 4_000_000
COMMAND_LINE = "command line"


@dataclass(frozen=True)
class Audit:
    logs: Path

    def action(self, action: str, caller: Caller, **what: Any) -> None:
        by = {"by": caller.owner or "no key", "name": caller.grant.name, "address": caller.address}
        self._line("audit.jsonl", {"action": action, **by, **caller.told, **what})

    def command(self, action: str, **what: Any) -> None:
        """Of somebody who has an account on this computer and its files."""
        self._line("audit.jsonl", {"action": action, "by": COMMAND_LINE, **what})

    def failed_login(self, address: str, reason: str, failures: int) -> None:
        path = self.logs / "logins.jsonl"
        with contextlib.suppress(OSError):
            if path.stat().st_size > MOST_LOGIN_BYTES:
                path.replace(path.with_name("logins.1.jsonl"))
        self._line(path.name, {"address": address, "reason": reason, "failures": failures})

    def _line(self, name: str, table: dict[str, Any]) -> None:
        row = {"at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), **table}
        with contextlib.suppress(Refused, OSError):  # a full disk is no reason to refuse the request
            make_folder(self.logs)
            handle = os.open(self.logs / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with open(handle, "ab") as file:
                file.write(orjson.dumps(row, default=str) + b"\n")
