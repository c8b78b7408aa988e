"""Jobs that bring a model here."""

from collections.abc import Callable, Iterator
from contextlib import aclosing
from typing import Annotated, Any, ClassVar

from pydantic import Field

from domov.jobs.account import Outcome
from domov.jobs.work import Lane, Name, Needs, Pausing, Place, Steps, Work, of_download, telling
from domov.store.names import parse


class Pull(Work):
    kind: ClassVar[str] = "pull"
    words: ClassVar[str] = "Fetches a model, verifies it and gives it its name."
    lane: ClassVar[Lane] = "network"
    pausing: ClassVar[Pausing] = "left"  # what was fetched stays
    again: ClassVar[str] = "it goes on after the last byte that came"

    model: Name
    name: Annotated[str, Field(max_length=300)] | None = None

    def title(self) -> str:
        return self.model

    def names(self) -> Iterator[str]:
        yield self.model
        if self.name:
            yield self.name

    def needs(self, place: Place) -> Needs:
        parse(self.model)
        entry = next((e for e in place.workshop.models.catalogue.entries if e.name == self.model), None)
        return Needs(disk_bytes=entry.download_bytes if entry else 0)

    async def steps(self, place: Place) -> Steps:
        async def fetch(tell: Callable[[Any], None]) -> Outcome:
            async with place.puller() as puller:
                model = await puller.pull(
                    self.model, on_progress=lambda told: tell(of_download(told)), rename=self.name
                )
            return Outcome(
                (model.name,), {"size_bytes": model.manifest.size_bytes, "verified": model.manifest.verified}
            )

        async with aclosing(telling(fetch)) as steps:
            async for step in steps:
                yield step
