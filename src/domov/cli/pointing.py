"""Where other tools are pointed: at this server, with the models that are here."""

import asyncio
import os
import shutil
import sys
from pathlib import Path
from urllib.parse import urlsplit

import click

from domov import app
from domov.api import client
from domov.cli.errors import say
from domov.connect import elsewhere
from domov.connect.roles import Able, choose
from domov.connect.tool import NO_KEY, Places, Target
from domov.engine.known import known
from domov.errors import BadOption, DomovError
from domov.hardware.memory import read_memory
from domov.store.gguf import read_header
from domov.store.models import Model

PATIENCE_SECONDS = 10

model_option = click.option("--model", help="The model to chat with, instead of the largest that fits into memory.")
url_option = click.option("--url", help="Address of the server, if it is not the one of this computer.")
key_option = click.option(
    "--key", envvar="DOMOV_API_KEY", help="The key to call with, where the server wants one; also DOMOV_API_KEY."
)


def places() -> Places:
    """Where this user's files and programs are."""
    return Places(sys.platform, Path.home(), os.environ, shutil.which)


def target(domov: app.App, *, model: str | None, url: str | None, key: str | None) -> Target:
    """What a tool is told. Raises NoSuchModel, BadOption."""
    where = address(domov, url)
    models = None if url is None or where == address(domov, None) else _elsewhere(domov, where, key)
    chat = model if models is not None or model is None else domov.models.get(model).name
    return Target(where, choose(able_models(domov) if models is None else models, chat=chat), key or NO_KEY)


def _elsewhere(domov: app.App, url: str, key: str | None) -> list[Able] | None:
    """The models of a server that is not this home's own; None, with a word, where it can't be asked."""

    async def asked() -> list[Able]:
        async with domov.outbound(silence_seconds=PATIENCE_SECONDS) as outbound:
            return await elsewhere.able_models(outbound, url, token=key)

    try:
        return asyncio.run(asked())
    except (DomovError, KeyError, TypeError, ValueError) as error:
        say(f"{url} could not be asked for its models ({error}): those of this computer are named instead")
        return None


def address(domov: app.App, url: str | None) -> str:
    """Of the server, without a path: the one given, the one that runs, or the one that the settings name."""
    if url is not None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.path.rstrip("/") not in ("", "/v1"):
            raise BadOption(f"not the address of a server: {url[:200]}", hint="like --url http://127.0.0.1:36668")
        return f"{parts.scheme}://{parts.netloc}"
    if place := client.running_at(domov.config.home):
        return place.url
    if domov.config.port == 0:
        raise BadOption("the server's port is not known before it runs", hint="start it, or give --url")
    return client.url_of(client.reachable(domov.config.host), domov.config.port, tls=bool(domov.config.tls_cert))


def able_models(domov: app.App) -> list[Able]:
    """The models that are here and what they can do; one that can't be read is named and left out."""
    found, memory_bytes = [], read_memory().total_bytes
    for model in domov.models.all():
        try:
            found.append(_able(domov, model, memory_bytes))
        except (DomovError, OSError) as error:
            say(f"{model.name} is left out: {error}")
    return found


def _able(domov: app.App, model: Model, memory_bytes: int) -> Able:
    file, options = known(model), domov.options(model)
    plan, task = domov.plan(file.shape, options), options.task
    projector = read_header(Path(options.mmproj)).metadata if options.mmproj else {}
    family = file.family.name if file.family else "told" if file.fills_gaps else ""
    return Able(
        model.name,
        task,
        file.shape.parameters,
        plan.context_tokens,
        fits=plan.needed_bytes <= memory_bytes,
        chats=task == "chat" and file.shape.chat_template is not None,
        family=family if task == "chat" else "",
        sees=bool(projector.get("clip.has_vision_encoder")),
        thinks=file.thinks,
    )
