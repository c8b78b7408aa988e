"""Jobs that make a model of a model."""

from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import asdict
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from domov.errors import BadOption
from domov.jobs.account import Outcome
from domov.jobs.work import (
    PROCESS_BYTES,
    GivenText,
    Name,
    Needs,
    Place,
    Steps,
    Work,
    judging_text,
    model_bytes,
    tuning_text,
)
from domov.optimize import quantize as quantizing
from domov.optimize import shrink as shrinking
from domov.optimize.budget import thinned
from domov.optimize.measuring import record_bytes
from domov.optimize.quantize import (
    Order,
    doubts,
    name_given,
    override_of,
    planned_types,
    quantization_named,
    result_name,
)
from domov.optimize.shrink import VERIFIED_CHUNKS, Plan, Shrunk, Wish
from domov.optimize.texts import Text
from domov.store.models import Model
from domov.store.recipe import BLOCK_OF, types_of, with_types

PIECES_BYTES = 120_000_000  # of a model that is being quantized, in memory at once
CORE_SECONDS_PER_WEIGHT = 5e-8  # six types of the starter took 21 s on two cores (docs/log.md); only a first guess
SHOWN_CHOICES = 40


class Quantize(Work):
    kind: ClassVar[str] = "quantize"
    words: ClassVar[str] = "Makes a smaller model: the same one with fewer bits for each weight."
    again: ClassVar[str] = "it goes on after the last whole tensor"
    parts: ClassVar[str] = "quantize-*.part"

    model: Name
    type: Annotated[str, Field(max_length=20)]
    name: Annotated[str, Field(max_length=300)] | None = None
    imatrix: Literal["builtin"] | GivenText | None = None
    tensors: Annotated[list[Annotated[str, Field(max_length=200)]], Field(max_length=100)] = []

    def title(self) -> str:
        return f"{self.model} to {self.type.upper()}"

    def names(self) -> Iterator[str]:
        yield self.model
        if self.name:
            yield self.name

    def order(self, place: Place) -> Order:
        model = place.workshop.models.get(self.model)
        kind = quantization_named(self.type)
        name = name_given(self.name) if self.name else result_name(model.name, kind)
        text = tuning_text(self.imatrix) if self.imatrix else None
        return Order(model, kind, name, tuple(map(override_of, self.tensors)), text)

    def doubts(self, place: Place) -> Iterator[str]:
        return doubts(self.order(place), place.workshop.models)

    def needs(self, place: Place) -> Needs:
        order = self.order(place)
        header = order.model.header()
        made_bytes = with_types(header, planned_types(order, header)).size_bytes
        memory = PROCESS_BYTES + PIECES_BYTES
        weights = sum(tensor.elements for tensor in header.tensors)
        return Needs(
            memory_bytes=max(memory, model_bytes(order.model, place)) if order.text else memory,
            disk_bytes=made_bytes,
            size=weights,
            seconds=weights * CORE_SECONDS_PER_WEIGHT / max(1, place.workshop.children.threads),
        )

    async def steps(self, place: Place) -> Steps:
        order = self.order(place)
        async with aclosing(quantizing.quantize(order, place.workshop)) as steps:
            async for step in steps:
                yield _made(step, order.model) if isinstance(step, Model) else step


def _made(made: Model, parent: Model) -> Outcome:
    sizes = {"size_bytes": made.manifest.size_bytes, "parent_bytes": parent.manifest.size_bytes}
    return Outcome((made.name,), {"parent": parent.name, **sizes})


class Shrink(Work):
    kind: ClassVar[str] = "shrink"
    words: ClassVar[str] = "Finds the best mix of types within a size, a loss or a speed, and makes it."
    again: ClassVar[str] = "what was found out about its layers is kept, if it had come so far"
    parts: ClassVar[str] = "shrink-*.part"

    model: Name
    fit_bytes: Annotated[int, Field(gt=0, le=1 << 50)] | None = None
    loss: Annotated[float, Field(gt=0, le=1)] | None = None
    name: Annotated[str, Field(max_length=300)] | None = None
    imatrix: Literal["builtin"] | GivenText = "builtin"
    text: GivenText | None = None
    without: Annotated[list[Annotated[str, Field(max_length=20)]], Field(max_length=20)] = []

    @model_validator(mode="after")
    def _one_wish(self) -> "Shrink":
        if (self.fit_bytes is None) == (self.loss is None):
            raise ValueError("say either fit_bytes or loss")
        return self

    def title(self) -> str:
        return f"{self.model} to {self._wish()}"

    def _wish(self) -> str:
        return f"{self.fit_bytes / 1e6:.0f}MB" if self.fit_bytes else f"{100 * (self.loss or 0):g}%"

    def names(self) -> Iterator[str]:
        yield self.model
        if self.name:
            yield self.name

    def _order(self, place: Place) -> Order:
        model = place.workshop.models.get(self.model)
        label = f"fit-{self._wish()}" if self.fit_bytes else f"loss-{self._wish().strip('%')}"
        for kind in self.without:
            if kind.upper() not in BLOCK_OF:
                raise BadOption(f"no such type: {kind}", hint=f"the types are {', '.join(shrinking.CANDIDATES)}")
        return Order(model, "mixed", name_given(self.name) if self.name else result_name(model.name, label))

    def doubts(self, place: Place) -> Iterator[str]:
        return doubts(self._order(place), place.workshop.models)

    def needs(self, place: Place) -> Needs:
        model = self._order(place).model
        header = model.header()
        whole = with_types(header, types_of(header, "F16")).size_bytes
        kept = record_bytes(VERIFIED_CHUNKS, model.shape().width.vocabulary)
        made_bytes = min(self.fit_bytes or whole, whole)
        return Needs(memory_bytes=2 * whole + PROCESS_BYTES, disk_bytes=whole + kept + made_bytes, size=whole)

    async def steps(self, place: Place) -> Steps:
        texts: list[Any] = []
        async with aclosing(judging_text(self.text, place)) as fetching:
            async for told in fetching:
                if isinstance(told, Text):
                    texts.append(told)
                else:
                    yield told
        order = self._order(place)
        wish = Wish(self.fit_bytes, self.loss)
        without = tuple(kind.upper() for kind in self.without)
        plan = Plan(order.model, wish, order.name, tuning_text(self.imatrix), texts[0], without)
        async with aclosing(shrinking.shrink(plan, place.workshop)) as steps:
            async for step in steps:
                yield _shrunk(step, order.model) if isinstance(step, Shrunk) else step


def _shrunk(made: Shrunk, parent: Model) -> Outcome:
    shown = thinned(made.choices, count=SHOWN_CHOICES)
    frontier = [{"size_bytes": c.size_bytes, "predicted": c.loss} for c in shown]
    more = {"distance": asdict(made.distance), "predicted": made.predicted, "frontier": frontier}
    outcome = _made(made.model, parent)
    return Outcome(outcome.models, outcome.found | more)
