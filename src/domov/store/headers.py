"""The header of any model that somebody names, whether it is here or not, with as little fetched as possible.

Here: from its file. In the catalogue: from published figures, without a connection. Else: from the hub.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace

from domov.errors import NoSuchModel
from domov.outbound import Outbound
from domov.store import blueprint
from domov.store.catalogue import Entry
from domov.store.gguf import Header
from domov.store.huggingface import Listed, Repository, look_up, search
from domov.store.models import Models
from domov.store.names import HubName, LocalName, parse
from domov.store.recipe import RECIPES, retyped
from domov.store.remote import local_header, remote_header
from domov.store.shape import Attention, Layer, ModelShape, Width


@dataclass(frozen=True, slots=True)
class Found:
    name: str
    header: Header
    source: str  # in words: where the figures come from


class Headers:
    def __init__(
        self,
        models: Models,
        outbound: Callable[[], AbstractAsyncContextManager[Outbound]],
        *,
        endpoint: str,
        token: str | None,
    ) -> None:
        self._models, self._outbound = models, outbound
        self._endpoint, self._token = endpoint, token

    async def find(self, text: str) -> Found:
        """Raises BadName, NoSuchModel, BadModelFile, and what a connection raises."""
        if model := self._models.find(text):
            return Found(model.name, local_header(model.path), "its file, which is here")
        name = parse(text)
        entry = self._models.catalogue.find(name) if isinstance(name, LocalName) else None
        if isinstance(name, LocalName):
            known = blueprint.load().get(entry.name.removesuffix(":latest") if entry else str(name))
            if known:
                header = blueprint.header(known)
                return Found(known.name, typed(header, entry) if entry else header, "its published figures")
            if entry is None:
                self._models.get(text)  # raises, with the nearest names
        hub = parse(entry.source) if entry else name
        if not isinstance(hub, HubName):
            raise NoSuchModel(f"no figures for {text} before it is here", hint=f"domov pull {text}")
        async with self._outbound() as outbound:
            header = await remote_header(outbound, hub, endpoint=self._endpoint, token=self._token)
        return Found(text, header, f"the header of its file at {hub}")

    async def repository(self, name: HubName) -> tuple[Repository, Header]:
        """What a hub has of a model, and the header of one of its files. Raises as `find` does."""
        async with self._outbound() as outbound:
            found = await look_up(outbound, name, endpoint=self._endpoint, token=self._token)
            asked = replace(name, quant=None)
            header = await remote_header(outbound, asked, endpoint=self._endpoint, token=self._token, repository=found)
        return found, header

    async def search(self, text: str, *, count: int) -> list[Listed]:
        """Repositories on the hub. Raises DownloadFailed or Offline."""
        async with self._outbound() as outbound:
            return await search(outbound, text, endpoint=self._endpoint, token=self._token, count=count)


def typed(header: Header, entry: Entry) -> Header:
    """The header in the quantization that the catalogue's file has, where its source tells."""
    quantization = entry.source.rpartition(":")[2]
    return retyped(header, quantization if quantization in RECIPES else "Q4_K_M")


def rough_shape(entry: Entry) -> ModelShape:
    """A shape for a model whose figures are not known: as large as its file, with a usual cache. Rough."""
    layers = 32 if entry.parameters > 3_000_000_000 else 24
    attention = (Attention(8 if layers == 32 else 4, 128, 128),) * layers
    share = entry.download_bytes * 9 // 10 // layers
    return ModelShape(
        architecture="unknown",
        parameters=entry.parameters,
        quantization=entry.source.rpartition(":")[2],
        trained_context_tokens=entry.context_tokens,
        weights_bytes=entry.download_bytes,
        attention=attention,
        chat_template="",
        licence=entry.licence,
        layers=tuple(Layer(share, attention=a) for a in attention),
        input_bytes=entry.download_bytes // 20,
        output_bytes=entry.download_bytes // 20,
        width=Width(hidden=4096, heads=32, query=4096, cached=1024, feed_forward=36864, vocabulary=150_000),
    )
