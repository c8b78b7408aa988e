"""The composition root: the only file that builds concrete objects.

Commands and dialects get an App and use what is in it; nothing above this file says `Outbound(...)`.
"""

import hashlib
import importlib.metadata
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property

from domov import config
from domov.config import Config
from domov.engine.adapting import Adapting
from domov.engine.connection import Care
from domov.engine.launch import Endpoint, Launch
from domov.engine.llamacpp import LlamaCpp
from domov.engine.protocol import Engine
from domov.engine.scheduler import Scheduler
from domov.engine.states import States, state_key
from domov.errors import EngineUnavailable
from domov.hardware.cpu import affinity, read_cpu
from domov.hardware.load import read_load
from domov.hardware.memory import read_memory
from domov.outbound import Outbound
from domov.sizing.plan import Plan, make_plan
from domov.store import catalogue, pip_settings
from domov.store.models import Model, Models
from domov.store.pull import Puller
from domov.store.shape import ModelShape
from domov.store.task import task_of


@dataclass(frozen=True)
class App:
    config: Config

    @cached_property
    def models(self) -> Models:
        return Models(self.config.models, catalogue.load())

    @cached_property
    def scheduler(self) -> Scheduler:
        return Scheduler(
            self._open_planned,
            free_bytes=lambda: read_memory().free_bytes,
            keep_alive_seconds=self.config.keep_alive_seconds,
        )

    @cached_property
    def adapting(self) -> Adapting | None:
        """Who decides on the threads of running models; None where they are set by hand or stay as they are."""
        if not self.config.adapt_threads or self.config.threads:
            return None
        cpu = read_cpu()
        return Adapting(
            cores=cpu.usable_cores,
            processors=cpu.logical,
            quota=cpu.quota,
            read=lambda pids: read_load(pids, processors=frozenset(affinity())),
        )

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

    def plan(self, shape: ModelShape) -> Plan:
        """With what settings a model of this shape is loaded here and now."""
        return make_plan(
            shape,
            free_bytes=read_memory().free_bytes,
            cores=read_cpu().usable_cores,
            most_context_tokens=self.config.context_tokens,
            threads=self.config.threads,
            slots=self.config.slots,
        )

    def open_engine(self, model: Model) -> Engine:
        """An engine for the model, not started yet. Raises BadModelFile, EngineUnavailable."""
        return self._open_planned(model)[0]

    def _open_planned(self, model: Model) -> tuple[Engine, Plan]:
        plan = self.plan(model.shape())
        states = self._states(model)
        launch = Launch(
            model=str(model.path.resolve()),
            endpoint=Endpoint(None),
            context_tokens=plan.context_tokens,
            threads=plan.threads,
            parent=os.getpid(),
            llama_server=self.llama_server() if self.config.engine == "llama-server" else None,
            sandbox=self.config.sandbox,
            slots=plan.slots,
            task=task_of(model.header()),
            slot_save_path=str(states.folder) if states else None,
            nice=self.config.nice,
        )
        log = self.config.logs / f"worker-{hashlib.sha256(str(model.path).encode()).hexdigest()[:12]}.log"
        care = Care(queue=self.config.queue, states=states, adapting=self.adapting)
        return LlamaCpp(launch, name=model.name, log=log, care=care), plan

    def _states(self, model: Model) -> States | None:
        """Where the attention caches of this model, as it is loaded now, are kept."""
        if not self.config.save_states:
            return None
        stat = model.path.stat()
        file = model.manifest.digest or (str(model.path), stat.st_size, stat.st_mtime_ns)
        key = state_key((file, self._engine_build()))
        return States(self.config.states, key, most_bytes=self.config.saved_states_megabytes * 1_000_000)

    def _engine_build(self) -> tuple[object, ...]:
        if self.config.engine == "llama-server":
            path = self.llama_server()
            return path, os.stat(path).st_size, os.stat(path).st_mtime_ns
        return "xllamacpp", importlib.metadata.version("xllamacpp")

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
