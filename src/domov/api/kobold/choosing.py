"""Which model answers. KoboldCpp has one, and its requests name none.

The one they name, if they do after all; else the loaded one that was used last; else the one that `domov run` takes.
"""

import asyncio
from pathlib import Path
from typing import cast

from domov.api.models import best_installed, installed, shown
from domov.app import App
from domov.errors import DomovError, NoSuchModel
from domov.options import Task
from domov.store.models import Model

# What clients put in the place of a name. KoboldCpp's own names are koboldcpp/NAME.
NOBODY = ("", "kcpp", "koboldcpp")
PREFIX = "koboldcpp/"


class Choice:
    def __init__(self, domov: App) -> None:
        self._domov = domov
        self._tasks: dict[tuple[str, Path, int], Task] = {}

    async def model(self, name: str = "", *, task: Task = "chat") -> Model:
        """The model for a task. Raises NoSuchModel."""
        name = name.removeprefix(PREFIX)
        if name not in NOBODY:
            return installed(self._domov, name)
        return await asyncio.to_thread(self._unnamed, self._domov.scheduler.models(), task)

    async def models(self, task: Task) -> list[Model]:
        """Those here that are for it, the smallest first."""
        return await asyncio.to_thread(self._for, task)

    async def context_tokens(self, model: Model) -> int:
        """Of one conversation, as the model is loaded or would be now."""
        domov = self._domov
        if model in domov.scheduler.models():
            return (await domov.scheduler.engine_for(model).start()).context_tokens
        return await asyncio.to_thread(lambda: domov.plan(model.shape(), domov.options(model)).context_tokens)

    def _unnamed(self, loaded: list[Model], task: Task) -> Model:
        for one in loaded:
            if (model := self._still_here(one)) and self._task(model) == task:
                return model
        best = best_installed(self._domov)[0] if task == "chat" else None
        if chosen := best or next(iter(self._for(task)), None):
            return chosen
        raise NoSuchModel(f"no model for {task} is here", hint="fetch one with domov pull; domov fit tells which")

    def _still_here(self, model: Model) -> Model | None:
        """What its name leads to now; None where that is gone or has changed."""
        try:
            return self._domov.models.find(model.name)
        except DomovError:
            return None

    def _for(self, task: Task) -> list[Model]:
        found = [model for model in shown(self._domov) if self._task(model) == task]
        return sorted(found, key=lambda model: model.manifest.size_bytes)

    def _task(self, model: Model) -> Task | None:
        """None: its file is damaged or gone, or its options don't fit it."""
        try:
            key = (model.name, model.path, model.path.stat().st_mtime_ns)
            if key not in self._tasks:
                self._tasks[key] = cast(Task, self._domov.options(model).task or "chat")
        except (DomovError, OSError):
            return None
        return self._tasks[key]
