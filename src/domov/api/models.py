"""The model that a caller names, in whatever dialect."""

from domov.access.callers import current
from domov.app import App
from domov.engine.scheduler import Row, Scheduled
from domov.errors import BadModelFile, BadRequest
from domov.hardware.memory import read_memory
from domov.store.models import Model
from domov.store.names import looks_like_path


def installed(domov: App, name: str) -> Model:
    """The model of that name. A path is no name here: a caller of the API has no business with other files.

    Raises NoSuchModel, BadName, or NotPermitted for one that the caller's key does not give.
    """
    caller = current()
    if not caller.grant.all_models:
        found = domov.models.find(no_path(name))
        caller.check_model(found.name if found else name)
    return domov.models.get(no_path(name))


def shown(domov: App) -> list[Model]:
    """The models that are here and that the caller may use."""
    allows = current().grant.allows
    return [model for model in domov.models.all() if allows(model.name)]


def shown_rows(domov: App) -> list[Row]:
    """The models in memory that the caller may use."""
    allows = current().grant.allows
    return [row for row in domov.scheduler.rows() if allows(row.model)]


def no_path(name: str) -> str:
    """The name, if it is not a path. Raises BadRequest."""
    if looks_like_path(name):
        raise BadRequest(f"not a model's name: {name[:80]}")
    return name


def engine_of(domov: App, name: str) -> tuple[Scheduled, Model]:
    """The engine and model of a name; without a name, those that are loaded, if it is one.

    Raises NoSuchModel or BadRequest.
    """
    if not name:
        loaded = shown_rows(domov)
        if len(loaded) != 1:
            raise BadRequest(f"{len(loaded)} models are loaded: say which", hint="put its name into `model`")
        name = loaded[0].model
    found = installed(domov, name)
    return domov.scheduler.engine_for(found), found


def best_installed(domov: App) -> tuple[Model | None, str]:
    """The largest installed chat model that fits in this machine's memory, and the words for why."""
    fitting, total = [], read_memory().total_bytes
    for model in shown(domov):
        try:
            shape = model.shape()
        except (BadModelFile, OSError):  # damaged or gone: another one is better
            continue
        if shape.chat_template is not None and domov.plan(shape).needed_bytes <= total:
            fitting.append((shape.parameters, model.name, model))
    if not fitting:
        return None, "no chat model is here yet, and this one is small"
    if len(fitting) == 1:
        return fitting[0][2], "the chat model that is here"
    return max(fitting)[2], f"the largest of the {len(fitting)} chat models here that fit in memory"
