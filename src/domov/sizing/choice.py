"""What runs best on a machine, by task: for somebody who has named no model. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from domov.hardware.machine import Machine
from domov.sizing.plan import Plan, Wishes, make_plan
from domov.store.catalogue import Entry
from domov.store.shape import ModelShape

PLEASANT_TOKENS_PER_SECOND = 6.0  # about as fast as people read
LEAST_PARAMETERS = 500_000_000  # below, a chat model is a toy: offered where nothing else runs
CONTEXT_TOKENS = 8192
TASKS = {
    "chat": "chat",
    "code": "programs",
    "languages": "Czech and other languages",
    "embedding": "search in documents",
    "rerank": "sort what was found",
}


@dataclass(frozen=True, slots=True)
class Offer:
    task: str  # a key of TASKS
    entry: Entry
    plan: Plan
    rough: bool  # the shape is not known: figures from the size of the file
    best: bool = False


def offers(
    entries: Iterable[tuple[Entry, ModelShape, bool]], machine: Machine, wishes: Wishes | None = None
) -> list[Offer]:
    """Every model of the catalogue for each task that it is good for, the best of each task marked and first."""
    wishes = wishes or Wishes(context_tokens=CONTEXT_TOKENS)
    rows = [(e, make_plan(shape, machine, wishes), rough) for e, shape, rough in entries]
    result = []
    for task in TASKS:
        own = sorted((r for r in rows if _is_for(r[0], task)), key=lambda r: _rank(r[0], r[1]), reverse=True)
        for n, (entry, plan, rough) in enumerate(own):
            result.append(Offer(task, entry, plan, rough, best=n == 0 and plan.verdict in ("fits", "tight")))
    return result


def best_of(found: Sequence[Offer], task: str) -> Offer | None:
    return next((o for o in found if o.task == task and o.best), None)


def _is_for(entry: Entry, task: str) -> bool:
    if task == "languages":
        return entry.task == "chat" and any(w in entry.purpose for w in ("Czech", "many languages", "European Union"))
    return entry.task == task


def _rank(entry: Entry, plan: Plan) -> tuple[object, ...]:
    """Fits, then pleasant to wait for, then large (of those that are pleasant) or quick (of the others)."""
    fits = plan.verdict in ("fits", "tight")
    answer = plan.speed.answer.middle if plan.speed else 0.0
    pleasant = answer >= PLEASANT_TOKENS_PER_SECOND
    return fits, pleasant, entry.parameters >= LEAST_PARAMETERS, entry.parameters if pleasant else answer
