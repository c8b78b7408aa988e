"""The jobs of one Domov, put together from its parts: the queue, who takes orders, who carries them out."""

import asyncio
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Protocol

from domov.access.callers import Caller
from domov.config import Config
from domov.database import Database
from domov.engine.calibration import Conditions, Tuning
from domov.engine.protocol import Engine
from domov.engine.scheduler import Scheduler
from domov.files import make_folder
from domov.hardware.memory import read_memory
from domov.jobs.ordering import Ordering
from domov.jobs.queue import Queue
from domov.jobs.running import Runner
from domov.jobs.work import Place, Surroundings
from domov.optimize.crew import Crew
from domov.optimize.quantize import Workshop
from domov.optimize.texts import Texts
from domov.sizing.plan import Plan
from domov.store.models import Model
from domov.store.pull import Puller
from domov.store.shape import ModelShape


class Access(Protocol):
    def caller_of(self, owner: str, key_id: str = "", /) -> Caller: ...


class House(Protocol):
    """What jobs need of an App."""

    @property
    def config(self) -> Config: ...
    @property
    def database(self) -> Database: ...
    @property
    def scheduler(self) -> Scheduler: ...
    @property
    def access(self) -> Access: ...
    @property
    def workshop(self) -> Workshop: ...
    def conditions(self) -> Conditions: ...
    def plan(self, shape: ModelShape, /) -> Plan: ...
    def puller(self) -> AbstractAsyncContextManager[Puller]: ...
    def open_engine(self, model: Model, /) -> Engine: ...
    def open_for_measuring(self, model: Model, tuning: Tuning, /, *, context_tokens: int) -> Engine: ...
    @property
    def texts(self) -> Texts: ...


def queue_of(house: House) -> Queue:
    return Queue(house.database)


def ordering_of(house: House) -> Ordering:
    folder = make_folder(house.config.models)
    return Ordering(queue_of(house), place_of(house, Crew()), surroundings_of(house), folder)


def runner_of(house: House, changed: asyncio.Event) -> Runner:
    """changed: is set where a job was ordered, paused, resumed or cancelled here."""
    return Runner(
        queue_of(house),
        lambda crew: place_of(house, crew),
        surroundings_of(house),
        lock=house.config.home / "jobs.lock",
        changed=changed,
    )


def place_of(house: House, crew: Crew) -> Place:
    """What a job finds here, with its processes in a crew of its own."""
    shop = house.workshop
    return Place(
        workshop=replace(shop, children=replace(shop.children, crew=crew)),
        open_engine=house.open_engine,
        open_for_measuring=lambda model, tuning, tokens: house.open_for_measuring(model, tuning, context_tokens=tokens),
        judging_text=house.texts.judging,
        training_text=house.texts.training,
        puller=house.puller,
        plan=house.plan,
        conditions=house.conditions,
        calibrations=house.config.calibrations,
    )


def surroundings_of(house: House) -> Surroundings:
    return Surroundings(
        serving=lambda: house.scheduler.serving,
        room_bytes=lambda: house.scheduler.room_bytes(),
        total_bytes=lambda: read_memory().total_bytes,
        permitted=lambda owner, key: house.access.caller_of(owner, key),
    )
