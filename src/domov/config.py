"""Settings: one table, from `DOMOV_HOME/config.toml`, each overridden by `DOMOV_<KEY>` in the environment.

An unknown key or an impossible value is an error that names the key, the value and the choices.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from domov.errors import BadOption, HomeUnusable

TRUE, FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


def setting(
    default: Any, words: str, *, choices: tuple[str, ...] = (), least: int | None = None, most: int = 1 << 31
) -> Any:
    return field(default=default, metadata={"words": words, "choices": choices, "least": least, "most": most})


@dataclass(frozen=True, slots=True)
class Config:
    home: Path
    host: str = setting("127.0.0.1", "Address that `domov serve` listens on; only loopback addresses so far.")
    port: int = setting(36668, "Port that `domov serve` listens on.", least=0, most=65535)
    offline: bool = setting(False, "Forbid every outbound connection.")
    engine: str = setting(
        "xllamacpp",
        "What runs the models: the llama.cpp inside Domov, or a `llama-server` found on this machine.",
        choices=("xllamacpp", "llama-server"),
    )
    llama_server: str = setting("llama-server", "The `llama-server` binary: a name on PATH, or a path.")
    context_tokens: int = setting(
        8192, "Largest context a model is loaded with; 0 is as much as it was trained for.", least=0
    )
    threads: int = setting(0, "Threads per model; 0 is one for each physical core available.", least=0)
    adapt_threads: bool = setting(
        True, "Use fewer threads while other programs keep the processors busy (Linux; elsewhere no effect)."
    )
    nice: int = setting(
        -5, "Priority of models: negative goes before other programs where the system allows it.", least=-20, most=19
    )
    slots: int = setting(2, "Conversations that one model carries on at the same time.", least=1, most=64)
    queue: int = setting(64, "Requests to one model that may wait; more are told to come back later.", least=0)
    keep_alive_seconds: int = setting(
        300, "How long a model stays loaded after its last answer; -1 is for ever.", least=-1
    )
    save_states: bool = setting(
        True, "Keep on disk what a model has read, so that long texts are not read twice, even after a restart."
    )
    saved_states_megabytes: int = setting(
        4096, "Room on disk for what models have read; what was used longest ago goes first.", least=0
    )
    sandbox: bool = setting(
        True, "Run models where they can reach no network and no other files (Linux; elsewhere no effect)."
    )
    hf_endpoint: str = setting(
        "https://huggingface.co", "Hugging Face or a mirror of it; `HF_ENDPOINT` is read as well."
    )

    @property
    def models(self) -> Path:
        return self.home / "models"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def states(self) -> Path:
        return self.home / "states"


SETTINGS = tuple(f for f in fields(Config) if f.name != "home")


def load(environ: Mapping[str, str] = os.environ) -> Config:
    """The settings in force: defaults, then config.toml, then the environment.

    Raises BadOption for a key or value that is not in the table, HomeUnusable for a file that can't be read.
    """
    home = _home(environ.get("DOMOV_HOME") or _default_home())
    values = _from_file(home / "config.toml") | _from_environment(environ)
    return Config(home=home, **values)


def _default_home() -> str:
    from platformdirs import user_data_dir  # slow to import, and rarely needed in tests

    return user_data_dir("domov", appauthor=False)


def _home(text: str) -> Path:
    try:
        if "\0" not in text:
            return Path(text).expanduser().absolute()
    except (RuntimeError, OSError):  # ~nobody, or the working folder is gone
        pass
    raise BadOption(f"DOMOV_HOME can't be {text!r}", hint="it takes the path of a folder")


def _from_file(path: Path) -> dict[str, Any]:
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadOption(f"{path} is not valid TOML: {error}", hint="correct it, or move it away") from error
    except OSError as error:
        raise HomeUnusable(f"can't read {path}: {error.strerror}") from error
    known = {f.name: f for f in SETTINGS}
    for key in table:
        if key not in known:
            raise BadOption(f"unknown setting in {path}: {key}", hint=f"the settings are: {', '.join(sorted(known))}")
    return {key: _checked(key, value) for key, value in table.items()}


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    values = {}
    if environ.get("HF_ENDPOINT"):
        values["hf_endpoint"] = environ["HF_ENDPOINT"]
    for f in SETTINGS:
        key = f"DOMOV_{f.name.upper()}"
        if key in environ:
            values[f.name] = _checked(f.name, environ[key])
    return values


def _checked(key: str, value: Any) -> Any:
    """The value in its setting's type; text is read as the environment writes it."""
    f = next(f for f in SETTINGS if f.name == key)
    wanted: type = type(f.default)
    if wanted is bool:
        value = _as_bool(value)
    elif wanted is int and isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,18}", value.strip()):
        value = int(value)
    expected = " or ".join(f.metadata["choices"]) or {bool: "true or false", int: "a whole number"}.get(wanted, "text")
    if type(value) is not wanted or (f.metadata["choices"] and value not in f.metadata["choices"]):
        raise BadOption(f"setting {key} can't be {value!r}", hint=f"it takes {expected}")
    least, most = f.metadata["least"], f.metadata["most"]
    if least is not None and not least <= value <= most:
        raise BadOption(f"setting {key} can't be {value!r}", hint=f"it takes {expected} from {least} to {most}")
    return value


def _as_bool(value: Any) -> Any:
    word = str(value).lower()
    return True if word in TRUE else False if word in FALSE else value
