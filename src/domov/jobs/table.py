"""The kinds of jobs that there are: a kind more is a class and a row here."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from domov.errors import BadOption, BadRequest
from domov.jobs.fetching import Pull
from domov.jobs.judging import Calibrate, Compare, Evaluate
from domov.jobs.making import Quantize, Shrink
from domov.jobs.training import Distill, Prune
from domov.jobs.work import Work

Kinds = Mapping[str, type[Work]]
KINDS: Kinds = {kind.kind: kind for kind in (Quantize, Shrink, Prune, Distill, Evaluate, Compare, Calibrate, Pull)}


def work_of(kind: str, parameters: dict[str, Any], kinds: Kinds = KINDS) -> Work:
    """What a job does. Raises BadOption for an unknown kind, BadRequest naming the parameter that can't be."""
    if kind not in kinds:
        raise BadOption(f"no such kind of job: {kind[:60]}", hint=f"the kinds are {', '.join(kinds)}")
    try:
        return kinds[kind].model_validate(parameters)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])[:150] or "the parameters"
        raise BadRequest(f"{where}: {first['msg']}"[:300].lower()) from error
