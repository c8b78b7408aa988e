"""Which models are loaded. So far every model that was asked for stays, each in a worker of its own."""

from collections.abc import Callable

from domov.engine.protocol import Engine
from domov.store.models import Model


class Scheduler:
    def __init__(self, open_engine: Callable[[Model], Engine]) -> None:
        self._open_engine = open_engine
        self._engines: dict[tuple[str, int], Engine] = {}

    def engine_for(self, model: Model) -> Engine:
        """The engine that runs this model; the same one for every name of the same file."""
        key = str(model.path), model.path.stat().st_mtime_ns
        if key not in self._engines:
            self._engines[key] = self._open_engine(model)
        return self._engines[key]

    async def close(self) -> None:
        """Ends all workers."""
        engines, self._engines = list(self._engines.values()), {}
        for engine in engines:
            await engine.close()
