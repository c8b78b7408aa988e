"""Domov's own API for the settings: what each does, its default, where its value is from, and a change of it.

What would let an administrator of the page run programs or read files of this computer is shown and not changed here.
"""

import asyncio
import os
from dataclasses import Field, replace
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel
from pydantic import Field as Bound

from domov.access.callers import tell
from domov.app import App
from domov.config import SETTINGS, in_file, write
from domov.errors import BadOption
from domov.options import KINDS, checked

# Read each time when they are needed, or when a model is loaded the next time.
NOW = frozenset(
    ("offline", "overflow", "context_tokens", "slots", "queue", "threads", "nice", "save_states")
    + ("saved_states_megabytes", "answers", "answers_days", "embedding_model", "rerank_model")
)
ONLY_IN_THE_FILE = frozenset(
    ("engine", "llama_server", "sandbox", "tls_cert", "tls_key", "add_folders_by_api", "oidc_client_secret")
)
SECRET = frozenset(("oidc_client_secret",))


class ChangesBody(BaseModel):
    """By name; null is the default."""

    settings: dict[str, Any] = Bound(max_length=100)


def router(domov: App) -> APIRouter:
    routes = APIRouter(prefix="/api/domov/settings", tags=["Domov"])

    @routes.get("")
    def settings() -> dict[str, Any]:
        """All settings, with what each does."""
        written = in_file(domov.config.home / "config.toml")
        return {"settings": [_row(domov, setting, written) for setting in SETTINGS]}

    @routes.patch("")
    async def change(body: ChangesBody) -> dict[str, Any]:
        """Writes settings to `config.toml`; each row of the answer says whether it holds at once."""
        known = {setting.name: setting for setting in SETTINGS}
        changes = {name: _checked(known, name, value) for name, value in body.settings.items()}
        now: dict[str, Any] = {
            name: known[name].default if value is None else value for name, value in changes.items() if name in NOW
        }
        await asyncio.to_thread(write, domov.config.home / "config.toml", changes)
        domov.__dict__["config"] = replace(domov.config, **now)  # frozen for everybody else
        if "offline" in now:
            await domov.door.switch(offline=domov.config.offline)
        tell(settings=", ".join(f"{name} = {value}" for name, value in changes.items())[:500])
        written = in_file(domov.config.home / "config.toml")
        return {"settings": [_row(domov, known[name], written) for name in changes]}

    return routes


def _checked(known: dict[str, Field[Any]], name: str, value: Any) -> Any:
    if name not in known:
        raise BadOption(f"unknown setting: {name[:60]}")
    if name in ONLY_IN_THE_FILE:
        raise BadOption(f"{name} is not changed over the API", hint="set it in config.toml on the server")
    if _from_environment(name):
        raise BadOption(f"{name} is set by the environment", hint=f"take DOMOV_{name.upper()} away first")
    return None if value is None else checked(known[name], value, name=name)


def _row(domov: App, setting: Field[Any], written: dict[str, Any]) -> dict[str, Any]:
    """written: what config.toml says; what does not hold at once waits for the next start."""
    name, told = setting.name, setting.metadata
    value = getattr(domov.config, name)
    if name in SECRET:
        value = "set" if value else ""
    row = {"name": name, "words": told["words"], "value": value, "default": setting.default}
    row |= {"takes": KINDS.get(type(setting.default), "text"), "choices": told["choices"]}
    row |= {"least": told["least"], "most": told["most"] if told["least"] is not None else None}
    row |= {"changeable": name not in ONLY_IN_THE_FILE and not _from_environment(name), "at_once": name in NOW}
    wanted = written.get(name, setting.default)
    return row | {"waits": name not in NOW and not _from_environment(name) and wanted != getattr(domov.config, name)}


def _from_environment(name: str) -> bool:
    return f"DOMOV_{name.upper()}" in os.environ
