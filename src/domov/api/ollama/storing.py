"""Bringing models here: pulled by name, sent as a file, made of one that is here."""

import asyncio
import hashlib
import re
import uuid
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from domov.api.models import installed, no_path
from domov.api.ollama.fields import MODEL_NAMES, Named
from domov.app import App
from domov.errors import BadModelFile, BadRequest, NotFound
from domov.files import disk_errors, make_folder
from domov.store.creating import create as make
from domov.store.creating import new_name
from domov.store.download import Progress, check_room
from domov.store.gguf import read_header
from domov.store.manifest import Manifest, Source
from domov.store.modelfile import parse
from domov.store.models import Models, now
from domov.store.names import LocalName, shown
from domov.store.names import parse as parse_name
from domov.store.preset import preset
from domov.store.shape import shape_of

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
CREATE_UNSUPPORTED: tuple[str, ...] = ("adapters", "draft_files")
CREATE_UNSUPPORTED += ("quantize", "quantization", "draft_quantize", "renderer", "parser", "remote_host")
Table = dict[str, Any]


class PullBody(Named):
    stream: bool = True


class CreateBody(Named):
    from_: MODEL_NAMES = Field(default="", alias="from")
    files: Annotated[dict[str, str], Field(max_length=64)] = {}
    license: str | list[str] = ""
    system: Annotated[str, Field(max_length=1 << 20)] = ""
    template: Annotated[str, Field(max_length=1 << 20)] = ""
    parameters: dict[str, Any] = {}
    messages: Annotated[list[dict[str, Any]], Field(max_length=10_000)] = []
    modelfile: str = ""
    stream: bool = True


async def pulled(domov: App, name: str) -> AsyncGenerator[Table, None]:
    """How a pull gets on. Closing it stops the pull, which the next one goes on with. Raises what pulling raises."""
    told: asyncio.Queue[Table | None] = asyncio.Queue()
    loop, digest = asyncio.get_running_loop(), _promised(domov, name)

    def tell(table: Table | None) -> None:
        loop.call_soon_threadsafe(told.put_nowait, table)

    yield {"status": "pulling manifest"}
    async with domov.puller() as puller:
        pulling = asyncio.ensure_future(puller.pull(name, on_progress=lambda p: tell(_progress(p, digest))))
        pulling.add_done_callback(lambda _: tell(None))
        try:
            while (table := await told.get()) is not None:
                yield table
            model = await pulling
        finally:
            pulling.cancel()
            await asyncio.gather(pulling, return_exceptions=True)
    yield {"status": f"checked: {model.manifest.verified}", "digest": model.manifest.digest}
    yield {"status": "success"}


def _promised(domov: App, name: str) -> str | None:
    """The digest of a model that the catalogue has."""
    parsed = parse_name(no_path(name))
    entry = domov.models.catalogue.find(parsed) if isinstance(parsed, LocalName) else None
    return f"sha256:{entry.sha256}" if entry and entry.sha256 else None


def _progress(progress: Progress, digest: str | None) -> Table:
    table: Table = {"status": progress.step}
    if progress.total_bytes is not None:
        table |= {"total": progress.total_bytes, "completed": progress.done_bytes}
        table |= {"digest": digest} if digest else {}
    return table


def blob_path(models: Models, digest: str) -> Path | None:
    """Where a file that was sent, or belongs to a model, lies. Raises BadRequest for anything but a digest."""
    places = (models.blob(checked(digest)), _upload(models, digest))
    return next((place for place in places if place.is_file()), None)


async def receive(models: Models, digest: str, content: AsyncIterator[bytes], *, size_bytes: int) -> None:
    """Keeps a file that is sent until a model is made of it. Raises BadRequest if it is another file."""
    target = _upload(models, checked(digest))
    part = make_folder(models.partial) / f"{target.name}.{uuid.uuid4().hex}.part"
    check_room(part.parent, size_bytes)
    hasher = hashlib.sha256()
    try:
        with disk_errors(part), part.open("xb") as file:
            async for chunk in content:
                hasher.update(chunk)
                await asyncio.to_thread(file.write, chunk)
        if f"sha256:{hasher.hexdigest()}" != digest:
            raise BadRequest(f"the file's digest is sha256:{hasher.hexdigest()}, not {digest}")
        with disk_errors(target):
            part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def checked(digest: str) -> str:
    """The digest. Raises BadRequest before anything that is none could become a path."""
    if not _DIGEST.fullmatch(digest):
        raise BadRequest(
            f"not a digest: {shown(digest)}", hint="digests look like sha256: and 64 lower-case hex digits"
        )
    return digest


def _upload(models: Models, digest: str) -> Path:
    return models.partial / f"upload-{digest.removeprefix('sha256:')}.gguf"


def create(domov: App, body: CreateBody) -> None:
    """Gives a model that is here, or a file that was sent, a new name, and what is said of it.

    Raises BadRequest for what can't be kept.
    """
    name = new_name(no_path(body.called))
    body = _with_modelfile(body) if body.modelfile else body
    if bool(body.from_) == bool(body.files):
        raise BadRequest("create needs either from or files")
    licence = "\n".join(body.license) if isinstance(body.license, list) else body.license
    given = preset(body.model_dump(include={"system", "template", "parameters", "messages"}))
    if body.from_:
        base = installed(domov, body.from_).manifest
        make(domov.models, base, name=name, preset=given, licence=licence)
        return
    if len(body.files) != 1:
        raise BadRequest("files must be one GGUF file", hint="join the parts of a split model first")
    ((file, digest),) = body.files.items()
    sent = _sent(domov.models, name, Source("file", shown(file), shown(file)), checked(digest))
    make(domov.models, replace(sent, licence=licence or sent.licence), name=name, preset=given)


def _with_modelfile(body: CreateBody) -> CreateBody:
    """The fields that a Modelfile's text stands for, as older clients send it."""
    told = parse(body.modelfile)
    return CreateBody.model_validate(
        {"model": body.called, "from": told.source, "license": list(told.licences)} | told.fields
    )


def _sent(models: Models, name: str, source: Source, digest: str) -> Manifest:
    """The manifest of a file that was sent, and that has its place then."""
    path = blob_path(models, digest)
    if path is None:
        raise NotFound(f"no such file was sent: {digest}", hint=f"send it to /api/blobs/{digest}")
    try:
        shape = shape_of(read_header(path), name=source.file)
    except BadModelFile as error:
        raise BadRequest(error.message, hint=error.hint) from error
    manifest = Manifest(
        name=name,
        digest=digest,
        size_bytes=path.stat().st_size,
        source=source,
        licence=shown(shape.licence or "not stated"),
        verified="sha256 named by the sender",
        added=now(),
    )
    return models.add(manifest, None if path == models.blob(digest) else path).manifest
