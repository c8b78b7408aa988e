"""The composition root: the only file that builds concrete objects.

Commands and dialects get an App and use what is in it; nothing above this file says `Outbound(...)`.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property

from domov import config
from domov.config import Config
from domov.outbound import Outbound
from domov.store import catalogue, pip_settings
from domov.store.models import Models
from domov.store.pull import Puller


@dataclass(frozen=True)
class App:
    config: Config

    @cached_property
    def models(self) -> Models:
        return Models(self.config.models, catalogue.load())

    @asynccontextmanager
    async def puller(self) -> AsyncIterator[Puller]:
        async with Outbound(self.config.logs / "outbound.jsonl", offline=self.config.offline) as outbound:
            yield Puller(
                self.models,
                outbound,
                hf_endpoint=self.config.hf_endpoint,
                hf_token=os.environ.get("HF_TOKEN"),
                pip_settings=pip_settings.read(),
            )


def load() -> App:
    """Domov with the settings in force. Raises what `config.load` raises."""
    return App(config.load())
