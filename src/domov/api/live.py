"""What a server knows of itself while it runs: how busy the machine is, and what was used. One object, made with it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import cached_property

from domov.access.callers import current
from domov.api import downloads
from domov.app import App
from domov.hardware.sampling import Sample, Sampler
from domov.meter.usage import Consumption

EACH_SECONDS = 10.0  # a sample, where nobody looks


class Live:
    def __init__(self, domov: App) -> None:
        self._domov = domov
        self.sampler = Sampler(domov.scheduler.pids, domov.counter.read)
        self.consumption = Consumption(lambda: domov.database, owner=lambda: current().owner)
        domov.meter.add(self.consumption.note)

    @cached_property
    def _taking(self) -> asyncio.Lock:
        return asyncio.Lock()

    async def sample(self) -> Sample | None:
        """How busy the machine is now."""
        async with self._taking:
            return await asyncio.to_thread(self.sampler.take)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Samples are taken and models fetched for as long as the block lasts; what was used is written at its end."""
        task = asyncio.ensure_future(self._watch())
        try:
            await downloads.begin(self._domov)
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            try:
                await self._domov.downloads.close()
            finally:
                await self.consumption.write()

    async def _watch(self) -> None:
        while True:
            with suppress(OSError):  # a file of /proc that is gone while it is read
                await self.sample()
            await asyncio.sleep(EACH_SECONDS)
