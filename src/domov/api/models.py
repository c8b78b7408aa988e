"""The model that a caller names, in whatever dialect."""

from domov.app import App
from domov.engine.scheduler import Scheduled
from domov.errors import BadRequest
from domov.store.models import Model
from domov.store.names import looks_like_path


def installed(domov: App, name: str) -> Model:
    """The model of that name. A path is no name here: a caller of the API has no business with other files.

    Raises NoSuchModel or BadName.
    """
    return domov.models.get(no_path(name))


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
        loaded = domov.scheduler.rows()
        if len(loaded) != 1:
            raise BadRequest(f"{len(loaded)} models are loaded: say which", hint="put its name into `model`")
        name = loaded[0].model
    found = installed(domov, name)
    return domov.scheduler.engine_for(found), found
