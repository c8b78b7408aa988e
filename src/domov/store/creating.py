"""A model made of one that is here: its file under a new name, with what a Modelfile adds."""

from dataclasses import replace

from domov.errors import BadName, BadRequest
from domov.store.manifest import Manifest, to_json
from domov.store.models import Model, Models, now
from domov.store.names import LocalName, parse, shown
from domov.store.preset import NOTHING, Preset, over


def new_name(text: str) -> str:
    """Raises BadName for what is no name to give."""
    name = parse(text)
    if not isinstance(name, LocalName):
        raise BadName(f"not a name to give: {shown(text)}", hint="names to give look like mine or mine:tag")
    return str(name)


def create(models: Models, base: Manifest, *, name: str, preset: Preset, licence: str = "") -> Model:
    """The model of that manifest under a new name; what its own preset says stands where the new one is silent."""
    given = over(base.preset or NOTHING, preset)
    kept = None if given == NOTHING else given
    licence = licence or base.licence
    manifest = replace(base, name=new_name(name), added=now(), licence=licence, preset=kept)
    try:
        to_json(manifest)
    except TypeError as error:  # half a surrogate pair
        raise BadRequest(f"what is said of the model can't be kept: {error}") from error
    return models.add(manifest)
