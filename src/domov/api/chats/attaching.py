"""Files for a question: pictures as they are, everything else as the text that is read of it, behind walls."""

import asyncio
import time
from functools import partial

from fastapi import APIRouter, Request
from fastapi.responses import Response

from domov.access.callers import current
from domov.api.answers import json_response
from domov.api.chats.room import Room
from domov.api.multipart import Upload, received
from domov.api.openai.files import TAKES_FORM
from domov.chats.records import Attachment, new_id
from domov.engine.pictures import check_picture
from domov.errors import BadRequest
from domov.types import Media

MOST_BYTES = 50_000_000
MOST_CHARACTERS = 2_000_000  # of the text of one file
FORM_BYTES = 1 << 16  # what a form has around its file
AT_ONCE = 2  # files that are being read
# How pictures begin, of the kinds that models are given.
PICTURES = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8": "image/jpeg", b"GIF8": "image/gif", b"BM": "image/bmp"}
PLAIN = ("markdown", "rst", "text", "code", "csv", "json")  # models read them as they are
# A page that shows a file must not run what is in it.
SAFE = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; sandbox",
    "cache-control": "private, no-store",
    "cross-origin-resource-policy": "same-origin",
}


def router(room: Room) -> APIRouter:
    routes = APIRouter(prefix="/attachments")
    reading = asyncio.Semaphore(AT_ONCE)

    @routes.post("", openapi_extra=TAKES_FORM)
    async def attach(request: Request, temporary: bool = False) -> Response:
        """Takes in a file, in a form with `file`; with `temporary` for a chat that is in memory alone."""
        folder = None if temporary else room.domov.config.attachments
        async with received(request, folder=folder, most_bytes=MOST_BYTES + FORM_BYTES) as form:
            upload = form.file("file")
            content = upload.content if upload.content is not None else await asyncio.to_thread(upload.path.read_bytes)
            async with reading:
                made = await _read(room, upload, content, temporary=temporary)
            kept = await asyncio.to_thread(_kept, room, made, content, temporary)
            return json_response(kept.table(), 201)

    @routes.get("/{id}")
    async def attachment(id: str) -> Response:
        """The bytes of a file that was sent."""
        owner = current().owner
        found, content = await asyncio.to_thread(partial(_bytes, room, id, owner))
        shown = "inline" if found.kind == "image" else "attachment"
        media_type = found.media_type if found.kind == "image" else "application/octet-stream"
        return Response(content, media_type=media_type, headers={**SAFE, "content-disposition": shown})

    return routes


def _kept(room: Room, attachment: Attachment, content: bytes, temporary: bool) -> Attachment:
    room.kept("temp_" if temporary else "")
    return room.attachments(temporary=temporary).add(attachment, content)


def _bytes(room: Room, id: str, owner: str) -> tuple[Attachment, bytes]:
    attachments = room.attachments(temporary=id.startswith("atmp_"))
    found = attachments.get(id, owner=owner)
    return found, attachments.contents.get(id)


async def _read(room: Room, upload: Upload, content: bytes, *, temporary: bool) -> Attachment:
    """What a file is. Raises BadRequest for one that can't be given to a model."""
    if not content:
        raise BadRequest("the file is empty")
    name = upload.name.strip() or "file"
    media_type = _picture(name, content)
    if media_type:
        check_picture(Media("image", content, media_type))
    text = "" if media_type else await text_of(name, content, sandbox=room.domov.config.sandbox)
    return Attachment(
        new_id("atmp" if temporary else "att"),
        current().owner,
        time.time(),
        "image" if media_type else "text",
        name,
        media_type or "text/plain",
        len(content),
        text,
    )


def _picture(name: str, content: bytes) -> str:
    """The kind of a picture; empty for what is none. A text may begin as a BMP does: there the name decides."""
    found = next((kind for start, kind in PICTURES.items() if content.startswith(start)), "")
    return "" if found == "image/bmp" and not name.lower().endswith(".bmp") else found


async def text_of(name: str, content: bytes, *, sandbox: bool) -> str:
    """The text of a file of any kind that documents are read from. Raises BadRequest."""
    from domov.documents.failures import Unreadable
    from domov.documents.kinds import kind_of
    from domov.documents.readers.plain import text_of as plain_text
    from domov.documents.reading import Reader

    kind = kind_of(name) or "text"
    try:
        if kind in PLAIN:
            text = plain_text(content)
        else:
            reader = Reader(sandbox=sandbox)
            try:
                parsed = await reader.read(kind, content, name)
            finally:
                await reader.close()
            text = _joined([(block.titles, block.text) for block in parsed.blocks])
    except Unreadable as error:
        raise BadRequest(f"{name[:80]} can't be read: {error.reason}") from error
    if len(text) > MOST_CHARACTERS:
        raise BadRequest(
            f"{name[:80]} has {len(text)} characters of text, {MOST_CHARACTERS} are taken",
            hint="put it into a collection of documents",
        )
    if not text.strip():
        raise BadRequest(f"{name[:80]} has no text", hint="a scan has to be read by a program for that first")
    return text


def _joined(blocks: list[tuple[tuple[str, ...], str]]) -> str:
    """The blocks with the headings that stand above them."""
    parts: list[str] = []
    before: tuple[str, ...] = ()
    for titles, text in blocks:
        same = next((n for n, (old, new) in enumerate(zip(before, titles, strict=False)) if old != new), None)
        start = min(len(before), len(titles)) if same is None else same
        parts += [f"{'#' * (start + n + 1)} {title}" for n, title in enumerate(titles[start:])]
        parts.append(text)
        before = titles
    return "\n\n".join(parts)
