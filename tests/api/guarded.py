"""The application behind its guard, in this process, on a home of the test's own."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from domov import app, config
from domov.access.keys import Grant
from domov.api import server
from domov.api.admission import Admission
from domov.api.guard import Guard
from domov.api.origins import Origins
from domov.app import App
from tests.asgi import Answer, call


@dataclass(frozen=True)
class Guarded:
    """keys_required, origins, most_body_bytes: as an address that is listened on has them"""

    home: Path
    keys_required: bool = True
    origins: Origins = Origins(port=36668)
    most_body_bytes: int = 1 << 20
    waits: list[float] = field(default_factory=list)  # that callers had to, in seconds

    @cached_property
    def domov(self) -> App:
        return app.App(config.load({"DOMOV_HOME": str(self.home)}))

    @cached_property
    def api(self) -> FastAPI:
        return server.create(self.domov)

    @cached_property
    def guard(self) -> Guard:
        admission = Admission(self.domov.access, self.keys_required)
        return Guard(
            self.api,
            origins=self.origins,
            admission=admission,
            most_body_bytes=self.most_body_bytes,
            sleep=self._sleep,
        )

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)

    def secret(self, grant: Grant) -> str:
        return self.domov.access.keys.add(grant)[1]

    async def ask(
        self,
        method: str,
        path: str,
        *headers: tuple[str, str],
        key: str = "",
        body: bytes = b"",
        peer: str = "127.0.0.1",
    ) -> Answer:
        more = [("authorization", f"Bearer {key}")] if key else []
        more += [("content-length", str(len(body))), ("content-type", "application/json")] if body else []
        return await call(self.guard, method, path, *more, *headers, body=body, peer=peer)

    def but(self, **changes: Any) -> "Guarded":
        return replace(self, **changes)
