"""Which program a file is from, and what is in it: JSON, or a zip with JSON in it. Everything in it is bounded.

A zip is read one file after the other, each as far as it may be large, whatever its directory says.
"""

import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson

from domov.chats.importing import chatgpt, lmstudio, openwebui, own
from domov.chats.importing.taken import NotTaken, TakenChat
from domov.errors import BadRequest

MOST_BYTES = 512_000_000  # of a file that is sent
MOST_JSON_BYTES = 256_000_000  # of one JSON: as Python objects it takes several times as much
MOST_UNPACKED_BYTES = 4_000_000_000  # of all files in a zip
MOST_FILES = 100_000  # in a zip
# A program's form, and how it is read. Another program is a file and a row.
FORMS: dict[str, tuple[Callable[[Any], bool], Callable[[Any], Iterator[TakenChat | NotTaken]]]] = {
    "Domov": (own.fits, own.chats),
    "ChatGPT": (chatgpt.fits, chatgpt.chats),
    "Open WebUI": (openwebui.fits, openwebui.chats),
    "LM Studio": (lmstudio.fits, lmstudio.chats),
}
HINT = f"the chats of these programs are taken: {', '.join(FORMS)}"


def chats_in(path: Path, *, most_bytes: int = MOST_JSON_BYTES) -> Iterator[TakenChat | NotTaken]:
    """The chats of a file. Raises BadRequest for one that has none.

    most_bytes  of one JSON
    """
    if not zipfile.is_zipfile(path):
        if path.stat().st_size > most_bytes:
            raise BadRequest(f"the file has more than {most_bytes} bytes", hint="send a part of it")
        found = chats_of(path.read_bytes())
        if found is None:
            raise BadRequest("no program that is known writes such a file", hint=HINT)
        yield from found
        return
    try:
        with zipfile.ZipFile(path) as archive:
            yield from _zipped(archive, most_bytes)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, OSError, RuntimeError) as error:
        raise BadRequest(f"the zip can't be read: {str(error)[:100]}") from error


def _zipped(archive: zipfile.ZipFile, most_bytes: int) -> Iterator[TakenChat | NotTaken]:
    names = [each for each in archive.infolist() if each.filename.lower().endswith(".json")][:MOST_FILES]
    left, any_found = MOST_UNPACKED_BYTES, False
    for each in names:
        with archive.open(each) as file:
            content = file.read(most_bytes + 1)
        left -= len(content)
        if left < 0 or len(content) > most_bytes:
            raise BadRequest(f"{each.filename[-100:]} in the zip is too large", hint="send a part of it")
        try:
            found = chats_of(content)
        except BadRequest:
            found = iter([NotTaken(each.filename[-100:], "it is not JSON")])
        if found is not None:  # other files of an export are no chats
            any_found = True
            yield from found
    if not any_found:
        raise BadRequest("there are no chats in the zip", hint=HINT)


def chats_of(content: bytes) -> Iterator[TakenChat | NotTaken] | None:
    """The chats of JSON; None where it is of no known form. Raises BadRequest."""
    parsed = _parsed(content)
    return next((read(parsed) for fits, read in FORMS.values() if fits(parsed)), None)


def _parsed(content: bytes) -> Any:
    content = content.removeprefix(b"\xef\xbb\xbf")
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        pass
    try:  # halves of characters, which some programs write and strict readers refuse
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"the file is not JSON: {str(error)[:100]}", hint=HINT) from error
