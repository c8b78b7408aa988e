"""The composition root: with `kept.py`, which it takes in, the only file that builds concrete objects.

Commands and dialects get an App and use what is in it; nothing above this file says `Outbound(...)`.
"""

import asyncio
import hashlib
import importlib.metadata
import itertools
import os
import shutil
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from domov import config
from domov.config import ALL_MODELS
from domov.engine import calibration
from domov.engine.adapting import Adapting
from domov.engine.calibration import Conditions, Tuning
from domov.engine.connection import Care
from domov.engine.fake import FakeEngine
from domov.engine.known import known
from domov.engine.launch import Endpoint, Launch
from domov.engine.llamacpp import LlamaCpp
from domov.engine.loading import cache_depends_on, projector_bytes_of, resolved
from domov.engine.notes import note_plan
from domov.engine.placing import as_planned, smaller
from domov.engine.protocol import Engine
from domov.engine.scheduler import Scheduler
from domov.engine.states import States, forget, state_key
from domov.errors import BadName, EngineUnavailable
from domov.hardware.cpu import affinity, read_cpu
from domov.hardware.energy import Counter, by_wall_meter, why_unknown
from domov.hardware.load import limited_group, read_load
from domov.hardware.machine import Machine
from domov.hardware.memory import read_memory
from domov.hardware.survey import NO_CARDS, Found, find_cards, may_have_cards, survey
from domov.kept import Kept
from domov.meter.energy import Energy
from domov.meter.meter import Meter
from domov.meter.tariff import Tariff
from domov.optimize.child import Children
from domov.optimize.quantize import Workshop
from domov.optimize.texts import Texts
from domov.options import ModelOptions
from domov.outbound import SILENCE_SECONDS, Door, Outbound
from domov.outbound import Row as Connection
from domov.sizing.choice import Offer, offers
from domov.sizing.plan import Plan, Wishes, a_few, fallbacks, make_plan
from domov.sizing.variants import Variant, variants
from domov.store import blueprint, catalogue, pip_settings
from domov.store import headers as header_of
from domov.store.gguf import Header
from domov.store.headers import Headers
from domov.store.models import Model, Models, now
from domov.store.names import PathName, parse
from domov.store.pull import Puller
from domov.store.shape import ModelShape, shape_of
from domov.tools.room import ToolRoom
from domov.types import Happening, ModelNoted, Overflow, Spent

if TYPE_CHECKING:
    from domov.access.access import Access
    from domov.documents.embedding import Embedder
    from domov.documents.library import Documents
    from domov.store.downloads import Downloads


@dataclass(frozen=True)
class App(Kept):
    @cached_property
    def models(self) -> Models:
        return Models(self.config.models, catalogue.load())

    @cached_property
    def access(self) -> "Access":
        """Who may call the server."""
        from domov.access.access import Access
        from domov.access.audit import Audit

        key, audit = os.environ.get("DOMOV_API_KEY"), Audit(self.config.logs)
        return Access(lambda: self.database, audit, key, self.config, self.outbound)

    def _count(self, happening: Happening | Connection) -> None:
        if isinstance(happening, Spent) and "access" in self.__dict__:  # where nobody has called, nobody's are counted
            self.access.count(happening.tokens, self.tariff.cost(happening.joules or 0.0))

    @cached_property
    def scheduler(self) -> Scheduler:
        scheduler = Scheduler(
            self._open_planned,
            key=self.loaded_as,
            free_bytes=lambda: read_memory().free_bytes,
            keep_alive_seconds=self.config.keep_alive_seconds,
            when_loaded=lambda row: note_plan(self.config.logs / "plans.jsonl", row),
            tell=self.meter.tell,
        )
        scheduler.energy = self.energy
        return scheduler

    @cached_property
    def energy(self) -> Energy:
        """What requests draw: by this machine's counters, or by what its owner says of it."""
        return Energy(by_wall_meter(self.config.watts) if self.energy_is_estimated else self.counter.read)

    @cached_property
    def counter(self) -> Counter:
        """One for all who ask, so that a server's samples keep it from beginning anew unseen in a long request."""
        return Counter()

    @cached_property
    def tariff(self) -> Tariff:
        """What energy costs here."""
        known = self.energy_is_estimated or why_unknown() == ""
        price = self.config.kilowatt_hour_price if known else 0.0
        return Tariff(price, self.config.currency, self.energy_is_estimated)

    @cached_property
    def energy_is_estimated(self) -> bool:
        return self.config.watts > 0 and why_unknown() != ""

    @cached_property
    def asked_options(self) -> dict[str, dict[str, Any]]:
        """What a program asked for, by the names of models, when it had them loaded: it stands above all settings."""
        return {}

    @cached_property
    def meter(self) -> Meter:
        """Tells those who keep count what happens here."""
        meter = Meter()
        meter.add(self._count)
        return meter

    async def unload(self, model: Model) -> bool:
        """Ends an idle model, or tells that it was not loaded; next time it is loaded as it is set. Raises Busy."""
        ended = await self.scheduler.unload(model)
        self.asked_options.pop(model.name, None)
        return ended

    def loaded_as(self, model: Model) -> Hashable:
        """The same for names of one file with the same options: one worker runs them."""
        return str(model.path), model.path.stat().st_mtime_ns, self._wanted(model, Tuning())

    async def forget(self, conversation: str) -> int:
        """Removes what models have read of a conversation, from memory and from disk. Returns the files there were."""
        await self.scheduler.forget(conversation)
        return forget(self.config.states, conversation)

    @cached_property
    def adapting(self) -> Adapting | None:
        """Who decides on the threads of running models; None where a setting forbids it."""
        if not self.config.adapt_threads:
            return None
        cpu, group = read_cpu(), limited_group()
        return Adapting(
            processors=cpu.logical,
            quota=cpu.quota,
            read=lambda pids: read_load(pids, processors=affinity(), group=group),
        )

    @cached_property
    def _measured(self) -> "itertools.count[int]":
        return itertools.count()

    @cached_property
    def workshop(self) -> Workshop:
        """Where models are made of models."""
        threads = self.config.threads or read_cpu().usable_cores
        children = Children(self.config.logs, sandbox=self.config.sandbox, threads=threads)
        return Workshop(self.models, children, f"xllamacpp {importlib.metadata.version('xllamacpp')}")

    @cached_property
    def texts(self) -> Texts:
        """What models are judged by and trained on where no text is named."""
        return Texts(self.config.home / "texts", self.outbound)

    @cached_property
    def documents(self) -> "Documents":
        from domov.access.callers import current
        from domov.chats.papers import papers
        from domov.documents.library import Documents, Viewer  # numpy: only for those who have documents

        return Documents(
            self.config.documents,
            embedder=self._embedder,
            reranker=self._reranker,
            sandbox=self.config.sandbox,
            now=now,
            viewer=lambda: Viewer(current().owner, admin=current().grant.covers("admin")),
        ).with_chats(lambda owner: papers(self.chats, owner))

    @cached_property
    def tools(self) -> ToolRoom:
        return ToolRoom(self.config.home, self.outbound)

    async def watch_documents(self) -> None:
        """Keeps documents up to date until it is cancelled; does nothing where there are none, or it is not wanted."""
        seconds = self.config.watch_seconds
        while seconds and not (self.config.documents / "index.db").exists():
            await asyncio.sleep(seconds)
        if seconds:
            await self.documents.watch(seconds)

    def close_documents(self) -> None:
        if "documents" in self.__dict__:  # it was opened
            self.documents.close()

    def _embedder(self, name: str | None) -> "Embedder | None":
        """What makes vectors: the model of that name, or the one that is set; None where it is not here."""
        from domov.documents.embedding import Embedder

        model = self.models.find(name or self.config.embedding_model)
        return Embedder(self.scheduler.engine_for(model), model.name, model.manifest.digest) if model else None

    def _reranker(self) -> Engine | None:
        name = self.config.rerank_model
        return self.scheduler.engine_for(self.models.get(name)) if name else None

    @cached_property
    def door(self) -> Door:
        return Door(offline=self.config.offline)

    @asynccontextmanager
    async def outbound(self, *, silence_seconds: float = SILENCE_SECONDS) -> AsyncIterator[Outbound]:
        """The one door, for as long as the block lasts."""
        ledger, offline = self.config.logs / "outbound.jsonl", self.door.offline
        made = Outbound(ledger, offline=offline, silence_seconds=silence_seconds, recorded=self.meter.tell)
        async with self.door.through(made):
            yield made

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
    def downloads(self) -> "Downloads":
        from domov.store.downloads import Downloads

        return Downloads(lambda: self.database, self.puller)

    @cached_property
    def _cards(self) -> Found:
        return find_cards()

    def machine(self, *, measure: bool = False) -> Machine:
        """This machine as it is now; with `measure`, its speeds taken if they are not known yet (some seconds)."""
        return survey(self.config.home, found=self._cards, measure=measure)

    def plan(self, shape: ModelShape, options: ModelOptions | None = None, *, idle_bytes: int = 0) -> Plan:
        """With what settings a model of this shape is loaded here and now.

        idle_bytes  main memory that would be free when it is needed
        """
        wanted = options or ModelOptions()
        slots = wanted.slots or self.config.slots
        wishes = Wishes(
            context_tokens=wanted.context_tokens or self.config.context_tokens,
            slots=1 if wanted.shared_cache else slots,
            threads=wanted.threads or self.config.threads,
            cache_type=wanted.key_type,
            flash_attention=wanted.flash_attention != "off",
            batch_tokens=wanted.batch_tokens,
            micro_batch_tokens=wanted.micro_batch_tokens,
            projector_bytes=projector_bytes_of(wanted),
        )
        found = self._cards if may_have_cards() else NO_CARDS
        machine = survey(self.config.home, found=found)
        machine = replace(machine, free_ram_bytes=min(machine.ram_bytes, machine.free_ram_bytes + idle_bytes))
        stretched = replace(shape, trained_context_tokens=int(shape.trained_context_tokens * wanted.rope_factor))
        return replace(make_plan(stretched, machine, wishes), slots=slots)

    def options(self, model: Model) -> ModelOptions:
        """The options set for a model, under its whole name or one that leads to it. Raises BadOption, NoSuchModel."""
        return self._resolved(model, known(model).header, self.tuning(model))

    @cached_property
    def headers(self) -> Headers:
        """The headers of models, here or not."""
        return Headers(self.models, self.outbound, endpoint=self.config.hf_endpoint, token=os.environ.get("HF_TOKEN"))

    async def variants(self, name: str, machine: Machine, wishes: Wishes) -> tuple[header_of.Found, list[Variant]]:
        """Every variant of a model on a machine. Raises what `Headers.find` and `make_plan` raise."""
        found = await self.headers.find(name)
        if model := self.models.find(name):  # with the projector that is set for it
            wishes = replace(wishes, projector_bytes=projector_bytes_of(self.options(model)))
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
        """An engine for the model, not started yet. Raises BadModelFile, BadOption, EngineUnavailable."""
        return self._open_planned(model)[0]

    def open_for_measuring(self, model: Model, tuning: Tuning, *, context_tokens: int) -> Engine:
        """An engine with these settings, one conversation and no memory, that nothing changes while it runs."""
        header = model.header()
        measured = replace(self._resolved(model, header), context_tokens=context_tokens, slots=1, prompt_cache_mib=0)
        options = replace(measured, **tuning.options)  # type: ignore[arg-type]
        plan = self.plan(shape_of(header, name=model.name), options)
        launch = self._launch(model, options, plan, states=None, spin_count=tuning.spin_count)
        number = next(self._measured)
        return LlamaCpp(launch, name=model.name, log=self.config.logs / f"worker-measured-{number}.log")

    def tuning(self, model: Model) -> Tuning:
        """What measuring has found for this model and this machine, so far as nothing else is set by hand.

        Raises Broken for a damaged file.
        """
        found = calibration.load(self.config.calibrations, model.manifest.digest or "", self.conditions())
        if found is None:
            return Tuning()
        by_hand = ("threads", "batch_threads") if self.config.threads else ()
        return replace(found, options={k: v for k, v in found.options.items() if k not in by_hand})

    def conditions(self) -> Conditions:
        """What a calibration of today holds for."""
        cpu = read_cpu()
        return Conditions(" ".join(map(str, self._engine_build())), cpu.name, cpu.usable_cores)

    def _open_planned(self, model: Model, idle_bytes: int = 0) -> tuple[Engine, Plan]:
        header = model.header()
        tuning = self.tuning(model)
        options = self._resolved(model, header, tuning)
        plan = self.plan(shape_of(header, name=model.name), options, idle_bytes=idle_bytes)
        if self.config.engine == "fake":
            return FakeEngine(context_tokens=plan.context_tokens), plan
        states = self._states(model, options)
        launch = self._launch(model, options, plan, states=states, spin_count=tuning.spin_count)
        set_by_hand = self._wanted(model, Tuning())
        runs = f"{model.path} {set_by_hand}"  # two such workers at the same time have two logs
        log = self.config.logs / f"worker-{hashlib.sha256(runs.encode()).hexdigest()[:12]}.log"
        care = Care(
            queue=self.config.queue,
            overflow=cast(Overflow, self.config.overflow),
            states=states,
            adapting=None if self.config.threads or set_by_hand.threads else self.adapting,
            happened=lambda what: self.meter.tell(ModelNoted(model.name, what)),
        )
        rest = [smaller(launch, fallback) for fallback in a_few(list(fallbacks(plan)))]
        return LlamaCpp(launch, name=model.name, log=log, care=care, smaller=rest), plan

    def _launch(
        self, model: Model, options: ModelOptions, plan: Plan, *, states: States | None, spin_count: int | None
    ) -> Launch:
        launch = Launch(
            model=str(model.path.resolve()),
            endpoint=Endpoint(None),
            context_tokens=plan.context_tokens,
            threads=plan.threads,
            parent=os.getpid(),
            llama_server=self.llama_server() if self.config.engine == "llama-server" else None,
            sandbox=self.config.sandbox,
            slots=plan.slots,
            slot_save_path=str(states.folder) if states else None,
            spin_count=spin_count,
            nice=self.config.nice,
            options=options,
        )
        return as_planned(launch, plan)

    def _states(self, model: Model, options: ModelOptions) -> States | None:
        """Where the attention caches of this model, as it is loaded now, are kept."""
        if not self.config.save_states or options.task != "chat":
            return None
        stat = model.path.stat()
        file = model.manifest.digest or (str(model.path), stat.st_size, stat.st_mtime_ns)
        key = state_key((file, self._engine_build(), cache_depends_on(options)))
        return States(self.config.states, key, most_bytes=self.config.saved_states_megabytes * 1_000_000)

    def _engine_build(self) -> tuple[object, ...]:
        if self.config.engine == "llama-server":
            path = self.llama_server()
            return path, os.stat(path).st_size, os.stat(path).st_mtime_ns
        return "xllamacpp", importlib.metadata.version("xllamacpp")

    def _resolved(self, model: Model, header: Header, tuning: Tuning | None = None) -> ModelOptions:
        return resolved(self._wanted(model, tuning or Tuning()), header, name=model.name, find=self._file)

    def _wanted(self, model: Model, tuning: Tuning) -> ModelOptions:
        """The options as they are set, with names of files as they stand there."""
        names = [key for key in self.config.models_set if key != model.name and self._means(key, model)]
        preset = model.manifest.preset
        told = {**tuning.options, **preset.options} if preset else tuning.options
        set_by_hand = self.config.options_of([*names, model.name], told)
        return replace(set_by_hand, **self.asked_options.get(model.name, {}))

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
