"""The composition root: the only file that builds concrete objects.

Commands and dialects get an App and use what is in it; nothing above this file says `Outbound(...)`.
"""

import hashlib
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property

from domov import config
from domov.config import Config
from domov.engine.launch import Endpoint, Launch
from domov.engine.llamacpp import LlamaCpp
from domov.engine.protocol import Engine
from domov.engine.scheduler import Scheduler
from domov.errors import EngineUnavailable
from domov.hardware.machine import Machine
from domov.hardware.survey import Found, find_cards, survey
from domov.outbound import Outbound
from domov.sizing.choice import Offer, offers
from domov.sizing.plan import Plan, Wishes, make_plan
from domov.sizing.variants import Variant, variants
from domov.store import blueprint, catalogue, pip_settings
from domov.store import headers as header_of
from domov.store.headers import Headers
from domov.store.models import Model, Models
from domov.store.pull import Puller
from domov.store.shape import ModelShape, shape_of


@dataclass(frozen=True)
class App:
    config: Config

    @cached_property
    def models(self) -> Models:
        return Models(self.config.models, catalogue.load())

    @cached_property
    def scheduler(self) -> Scheduler:
        return Scheduler(self.open_engine)

    @asynccontextmanager
    async def puller(self) -> AsyncIterator[Puller]:
        async with self.outbound() as outbound:
            yield Puller(
                self.models,
                outbound,
                hf_endpoint=self.config.hf_endpoint,
                hf_token=os.environ.get("HF_TOKEN"),
                pip_settings=pip_settings.read(),
            )

    @cached_property
    def _cards(self) -> Found:
        return find_cards()

    def machine(self, *, measure: bool = False) -> Machine:
        """This machine as it is now; with `measure`, its speeds taken if they are not known yet (some seconds)."""
        return survey(self.config.home, found=self._cards, measure=measure)

    def plan(self, shape: ModelShape, *, slots: int = 1, cache_type: str = "f16", context_tokens: int = 0) -> Plan:
        """With what settings a model of this shape is loaded here and now.

        context_tokens  at most, for each slot; 0: the setting's
        """
        wishes = Wishes(
            context_tokens=context_tokens or self.config.context_tokens,
            slots=slots,
            threads=self.config.threads,
            cache_type=cache_type,
        )
        return make_plan(shape, self.machine(), wishes)

    @asynccontextmanager
    async def outbound(self) -> AsyncIterator[Outbound]:
        async with Outbound(self.config.logs / "outbound.jsonl", offline=self.config.offline) as outbound:
            yield outbound

    @cached_property
    def headers(self) -> Headers:
        """The headers of models, here or not."""
        return Headers(self.models, self.outbound, endpoint=self.config.hf_endpoint, token=os.environ.get("HF_TOKEN"))

    async def variants(self, name: str, machine: Machine, wishes: Wishes) -> tuple[header_of.Found, list[Variant]]:
        """Every variant of a model on a machine. Raises what `Headers.find` and `make_plan` raise."""
        found = await self.headers.find(name)
        return found, list(variants(found.header, machine, wishes, name=name))

    def offers(self, machine: Machine) -> list[Offer]:
        """What of the catalogue runs on a machine, by task, from published figures alone."""
        rows = []
        for entry in self.models.catalogue.entries:
            known = blueprint.load().get(entry.name.removesuffix(":latest"))
            shape = shape_of(header_of.typed(blueprint.header(known), entry), name=entry.name) if known else None
            rows.append((entry, shape or header_of.rough_shape(entry), shape is None))
        return offers(rows, machine)

    def open_engine(self, model: Model) -> Engine:
        """An engine for the model, not started yet. Raises BadModelFile, EngineUnavailable."""
        plan = self.plan(model.shape())
        launch = Launch(
            model=str(model.path.resolve()),
            endpoint=Endpoint(None),
            context_tokens=plan.context_tokens,
            threads=plan.threads,
            parent=os.getpid(),
            llama_server=self.llama_server() if self.config.engine == "llama-server" else None,
            sandbox=self.config.sandbox,
        )
        log = self.config.logs / f"worker-{hashlib.sha256(str(model.path).encode()).hexdigest()[:12]}.log"
        return LlamaCpp(launch, name=model.name, log=log)

    def llama_server(self) -> str:
        """Where the native binary is. Raises EngineUnavailable."""
        found = shutil.which(os.path.expanduser(self.config.llama_server))
        if found is None:
            raise EngineUnavailable(
                f"no such program: {self.config.llama_server}",
                hint="install llama.cpp's llama-server, or set llama_server to its path, or engine to xllamacpp",
            )
        return os.path.realpath(found)


def load() -> App:
    """Domov with the settings in force. Raises what `config.load` raises."""
    return App(config.load())
