"""Settings: one table, from `DOMOV_HOME/config.toml`, each overridden by `DOMOV_<KEY>` in the environment.

An unknown key or an impossible value is an error that names the key, the value and the choices.
"""

import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from domov.errors import BadOption, HomeUnusable
from domov.files import disk_errors, make_folder, write_atomically
from domov.options import ModelOptions, checked, checked_options, setting

ALL_MODELS = "*"  # the table whose options hold for every model


@dataclass(frozen=True, slots=True)
class Config:
    home: Path
    host: str = setting(
        "127.0.0.1",
        "Address that `domov serve` listens on; `0.0.0.0` is all of this computer's. On any but loopback addresses "
        "callers need a key.",
    )
    port: int = setting(36668, "Port that `domov serve` listens on.", least=0, most=65535)
    also_listen: tuple[str, ...] = setting(
        (), "More addresses to listen on, as `127.0.0.1:11434`; with `http://` before it without TLS."
    )
    require_keys: bool = setting(False, "Ask callers for a key on loopback addresses, too.")
    allowed_hosts: tuple[str, ...] = setting(
        (), "Names that this server may be called by, besides addresses and localhost; `*.example.org` is all below it."
    )
    allowed_origins: tuple[str, ...] = setting(
        (), "Web pages that may call this server, by their origin, as `https://chat.example.org`."
    )
    trusted_proxies: tuple[str, ...] = setting(
        (), "Addresses or networks of reverse proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed."
    )
    tls_cert: str = setting("", "File with the certificate chain, in PEM; with it the server speaks HTTPS.")
    tls_key: str = setting("", "File with the private key of the certificate, in PEM.")
    session_idle_days: int = setting(7, "A login ends when it was not used for so long.", least=1, most=3650)
    session_days: int = setting(30, "A login ends after so long in any case.", least=1, most=3650)
    oidc_issuer: str = setting("", "People may also log in at this OpenID Connect provider; empty is at none.")
    oidc_client_id: str = setting("", "What this server is called there.")
    oidc_client_secret: str = setting("", "The secret that it shows there, if it has one.")
    oidc_name: str = setting("single sign-on", "What the button for that login says.")
    oidc_create_accounts: bool = setting(True, "Make an account for whoever logs in there for the first time.")
    oidc_groups_claim: str = setting(
        "groups", "Where the provider tells a person's groups; those known here are taken."
    )
    oidc_admins: tuple[str, ...] = setting(
        (), "Groups of the provider that make an administrator; empty: that is decided here."
    )
    most_body_megabytes: int = setting(64, "Largest body of a request.", least=1, most=4096)
    most_head_kilobytes: int = setting(64, "Largest head of a request: its first line and headers.", least=4, most=1024)
    offline: bool = setting(False, "Forbid every outbound connection.")
    engine: str = setting(
        "xllamacpp",
        "What runs the models: the llama.cpp inside Domov, a `llama-server` found on this machine, or nothing: `fake` "
        "gives back the last words that it is sent, for tests of programs.",
        choices=("xllamacpp", "llama-server", "fake"),
    )
    llama_server: str = setting("llama-server", "The `llama-server` binary: a name on PATH, or a path.")
    context_tokens: int = setting(
        8192, "Largest context a model is loaded with; 0 is as much as it was trained for.", least=0
    )
    overflow: str = setting(
        "drop_oldest",
        "What happens to a conversation that outgrows its context: its oldest turns are left out, or those between "
        "its first and its newest, or it ends with an error.",
        choices=("drop_oldest", "keep_ends", "stop"),
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
    patience_seconds: int = setting(
        20,
        "How long a client may take to send the head of a request, and then its body, with a second more for 10 kB.",
        least=1,
    )
    keep_alive_seconds: int = setting(
        300, "How long a model stays loaded after its last answer; -1 is for ever.", least=-1
    )
    watts: float = setting(
        0.0,
        "What this machine draws while a model works, by a meter at its plug: energy is estimated from it where no "
        "counter can be read; 0 estimates nothing.",
        least=0,
        most=100_000,
    )
    kilowatt_hour_price: float = setting(
        0.0, "What a kilowatt-hour costs you, in `currency`; 0 tells no costs.", least=0, most=1_000_000
    )
    currency: str = setting("EUR", "Three letters of a currency, as `EUR` or `CZK`.", pattern="[A-Z]{3}")
    save_states: bool = setting(
        True, "Keep on disk what a model has read, so that long texts are not read twice, even after a restart."
    )
    saved_states_megabytes: int = setting(
        4096, "Room on disk for what models have read; what was used longest ago goes first.", least=0
    )
    answers: int = setting(
        10_000, "Responses kept for `previous_response_id` at most; the oldest go first.", least=0, most=1_000_000
    )
    answers_days: int = setting(30, "How long a response is kept.", least=0, most=36_500)
    sandbox: bool = setting(
        True, "Run models where they can reach no network and no other files (Linux; elsewhere no effect)."
    )
    embedding_model: str = setting(
        "e5-small", "What documents are embedded with; another one embeds them anew, while the old vectors serve."
    )
    rerank_model: str = setting("", "A reranking model that sorts the best passages anew; empty is none.")
    add_folders_by_api: bool = setting(
        False, "Let callers of the API add folders of this computer as documents, by their paths."
    )
    watch_seconds: int = setting(
        3,
        "How often `domov serve` looks for changes in the folders of `domov docs`; 0 is never.",
        least=0,
        most=86400,
    )
    hf_endpoint: str = setting(
        "https://huggingface.co", "Hugging Face or a mirror of it; `HF_ENDPOINT` is read as well."
    )

    # The tables [models."NAME"] as far as they are set; what the command line asks for stands above them all.
    models_set: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    command_set: Mapping[str, Any] = field(default_factory=dict)

    @property
    def models(self) -> Path:
        return self.home / "models"

    @property
    def documents(self) -> Path:
        return self.home / "documents"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def database(self) -> Path:
        return self.home / "domov.db"

    @property
    def files(self) -> Path:
        return self.home / "files"

    @property
    def attachments(self) -> Path:
        return self.home / "attachments"

    @property
    def calibrations(self) -> Path:
        return self.home / "calibration"

    @property
    def states(self) -> Path:
        return self.home / "states"

    def options_of(self, names: Sequence[str], measured: Mapping[str, Any] | None = None) -> ModelOptions:
        """How a model is loaded: what is set for all models, then under its names, then on the command line.

        measured  what holds where none of them says anything
        """
        tables = [measured or {}, *(self.models_set.get(name, {}) for name in (ALL_MODELS, *names))]
        return ModelOptions(**{k: v for table in (*tables, self.command_set) for k, v in table.items()})


SETTINGS = tuple(f for f in fields(Config) if f.metadata)


def load(environ: Mapping[str, str] = os.environ) -> Config:
    """The settings in force: defaults, then config.toml, then the environment.

    Raises BadOption for a key or value that is not in the table, HomeUnusable for a file that can't be read.
    """
    home = _home(environ.get("DOMOV_HOME") or _default_home())
    values = in_file(home / "config.toml") | _from_environment(environ)
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


def in_file(path: Path) -> dict[str, Any]:
    """What a config.toml sets. Raises BadOption, HomeUnusable."""
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadOption(f"{path} is not valid TOML: {error}", hint="correct it, or move it away") from error
    except OSError as error:
        raise HomeUnusable(f"can't read {path}: {error.strerror}") from error
    known = {f.name: f for f in SETTINGS}
    values = {"models_set": _models(table.pop("models", {}))}
    for key in table:
        if key not in known:
            raise BadOption(f"unknown setting in {path}: {key}", hint=f"the settings are: {', '.join(sorted(known))}")
    return values | {key: checked(known[key], value, name=key) for key, value in table.items()}


def _models(tables: Any) -> dict[str, Mapping[str, Any]]:
    if not isinstance(tables, dict):
        raise BadOption(f"setting models can't be {tables!r}", hint='options of a model stand under [models."NAME"]')
    return {name: checked_options(table, name=f'models."{name}"') for name, table in tables.items()}


def write(path: Path, changes: Mapping[str, Any]) -> None:
    """Changes settings in config.toml, whose comments stay; None takes one away. Raises BadOption, HomeUnusable.

    changes  by the names of settings, in their types as `checked` gives them
    """
    from filelock import FileLock

    make_folder(path.parent)
    with disk_errors(path), FileLock(path.with_name(f"{path.name}.lock"), mode=0o600):  # others change other settings
        write_atomically(path, _changed(path, changes).encode())


def _changed(path: Path, changes: Mapping[str, Any]) -> str:
    import tomlkit  # slow to import, and rarely needed
    from tomlkit.exceptions import TOMLKitError

    try:
        document = tomlkit.parse(path.read_text("utf-8")) if path.exists() else tomlkit.document()
    except (TOMLKitError, UnicodeDecodeError) as error:
        raise BadOption(f"{path} is not valid TOML: {error}", hint="correct it, or move it away") from error
    for key, value in changes.items():
        if value is None:
            document.pop(key, None)
        elif key in document:
            document[key] = list(value) if isinstance(value, tuple) else value
        else:  # before the first table, else it would be one of the table's
            first = tomlkit.document()
            first.add(key, list(value) if isinstance(value, tuple) else value)
            document = tomlkit.parse(first.as_string() + document.as_string())
    return document.as_string()


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if environ.get("HF_ENDPOINT"):
        values["hf_endpoint"] = environ["HF_ENDPOINT"]
    for f in SETTINGS:
        key = f"DOMOV_{f.name.upper()}"
        if key in environ:
            values[f.name] = checked(f, environ[key], name=f.name)
    return values
