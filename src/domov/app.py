"""The composition root: the only file that builds concrete objects.

Commands and dialects get an App and use what is in it; nothing above this file says `Outbound(...)`.
"""

import hashlib
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from domov import config
from domov.config import ALL_MODELS, Config
from domov.engine.launch import Endpoint, Launch
from domov.engine.llamacpp import LlamaCpp
from domov.engine.loading import resolved
from domov.engine.protocol import Engine
from domov.engine.scheduler import Scheduler
from domov.errors import BadName, EngineUnavailable
from domov.hardware.cpu import read_cpu
from domov.hardware.memory import read_memory
from domov.options import ModelOptions
from domov.outbound import Outbound
from domov.sizing.plan import Plan, make_plan
from domov.store import catalogue, pip_settings
from domov.store.gguf import Header
from domov.store.models import Model, Models
from domov.store.names import PathName, parse
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
        async with Outbound(self.config.logs / "outbound.jsonl", offline=self.config.offline) as outbound:
            yield Puller(
                self.models,
                outbound,
                hf_endpoint=self.config.hf_endpoint,
                hf_token=os.environ.get("HF_TOKEN"),
                pip_settings=pip_settings.read(),
            )

    def plan(self, shape: ModelShape, options: ModelOptions | None = None) -> Plan:
        """With what settings a model of this shape is loaded here and now."""
        wanted = options or ModelOptions()
        caches = 1 if wanted.shared_cache else wanted.slots
        return make_plan(
            replace(
                shape,
                trained_context_tokens=int(shape.trained_context_tokens * wanted.rope_factor),
                attention=shape.attention * caches,
            ),
            free_bytes=read_memory().free_bytes,
            cores=read_cpu().usable_cores,
            most_context_tokens=wanted.context_tokens or self.config.context_tokens,
            threads=wanted.threads or self.config.threads,
        )

    def options(self, model: Model) -> ModelOptions:
        """The options set for a model, under its whole name or one that leads to it. Raises BadOption, NoSuchModel."""
        return self._resolved(model, model.header())

    def open_engine(self, model: Model) -> Engine:
        """An engine for the model, not started yet. Raises BadModelFile, BadOption, EngineUnavailable."""
        header = model.header()
        options = self._resolved(model, header)
        plan = self.plan(shape_of(header, name=model.name), options)
        launch = Launch(
            model=str(model.path.resolve()),
            endpoint=Endpoint(None),
            context_tokens=plan.context_tokens,
            threads=plan.threads,
            parent=os.getpid(),
            llama_server=self.llama_server() if self.config.engine == "llama-server" else None,
            sandbox=self.config.sandbox,
            options=options,
        )
        log = self.config.logs / f"worker-{hashlib.sha256(str(model.path).encode()).hexdigest()[:12]}.log"
        return LlamaCpp(launch, name=model.name, log=log)

    def _resolved(self, model: Model, header: Header) -> ModelOptions:
        names = [key for key in self.config.models_set if key != model.name and self._means(key, model)]
        wanted = self.config.options_of([*names, model.name])
        return resolved(wanted, header, name=model.name, find=self._file)

    def _means(self, key: str, model: Model) -> bool:
        """Whether a key of the tables [models."KEY"] leads to the model."""
        if key == ALL_MODELS:
            return False
        try:
            found = self.models.find(key)
        except BadName:  # a table for something that is no model's name hinders no other model
            return False
        return found is not None and found.name == model.name

    def _file(self, text: str) -> Path:
        """The file of a model by its name, or by its path: a relative one starts at Domov's folder."""
        name = parse(text)
        at_home = self.config.home / Path(text).expanduser() if isinstance(name, PathName) else text
        return self.models.get(str(at_home)).path.resolve()

    def llama_server(self) -> str:
        """Where the native binary is. Raises EngineUnavailable."""
        found = shutil.which(os.path.expanduser(self.config.llama_server))
        if found is None:
            raise EngineUnavailable(
                f"no such program: {self.config.llama_server}",
                hint="install llama.cpp's llama-server, or set llama_server to its path, or engine to xllamacpp",
            )
        return os.path.realpath(found)


def load(**options: Any) -> App:
    """Domov with the settings in force, and options of models from the command line: those that are not None.

    Raises what `config.load` raises.
    """
    given = {key: value for key, value in options.items() if value is not None}
    return App(replace(config.load(), command_set=given))
