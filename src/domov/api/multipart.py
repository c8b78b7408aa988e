"""Forms with files in them (multipart/form-data), written to disk as they come and never held in memory whole."""

import asyncio
import io
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING
from uuid import uuid4

from fastapi import Request
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect

from domov.errors import BadRequest
from domov.files import disk_errors, make_folder

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

MOST_PARTS, MOST_FIELD_BYTES, MOST_HEADER_BYTES = 64, 1 << 20, 8192


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that was sent."""

    name: str  # what the sender calls it, without a path
    media_type: str
    path: Path  # removed at the end, unless it was moved away
    size_bytes: int
    content: bytes | None = None  # where it may not be written to a disk: then there is no path


@dataclass(frozen=True, slots=True)
class Form:
    fields: dict[str, list[str]] = field(default_factory=dict)
    files: dict[str, Upload] = field(default_factory=dict)

    def text(self, name: str) -> str | None:
        """The field of that name, given once at most. Raises BadRequest."""
        values = self.fields.get(name, [])
        if len(values) > 1:
            raise BadRequest(f"{name} stands {len(values)} times")
        return values[0] if values else None

    def file(self, name: str) -> Upload:
        """Raises BadRequest where there is none."""
        if name not in self.files:
            raise BadRequest(f"{name} is required: a file in the form")
        return self.files[name]


@asynccontextmanager
async def received(request: Request, *, folder: Path | None, most_bytes: int) -> AsyncIterator[Form]:
    """The form that a request brings; its files are there for as long as the block lasts.

    folder  where files are written to; None keeps them in memory, whole

    Raises BadRequest for what is no form or has more than `most_bytes` in all, and what a full disk raises.
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not re.fullmatch(rb"[\x20-\x7e]{1,70}", boundary):
        raise BadRequest("the body must be multipart/form-data with a boundary")
    reader = _Reader(make_folder(folder) if folder else None)
    parser = MultipartParser(boundary, reader.callbacks(), max_size=float("inf"))
    size_bytes = 0
    try:
        with disk_errors(folder or Path()):
            async for chunk in request.stream():
                size_bytes += len(chunk)
                if size_bytes > most_bytes:
                    raise BadRequest(f"the form has more than {most_bytes} bytes")
                await asyncio.to_thread(parser.write, chunk)
            parser.finalize()
        if not reader.ended:
            raise BadRequest("the form ends in the middle")
        yield reader.form
    except ClientDisconnect as error:
        raise BadRequest("the client has left in the middle of the form") from error
    except MultipartParseError as error:
        raise BadRequest(f"not a form: {str(error)[:200]}") from error
    finally:
        reader.close()


class _Reader:
    """Takes what the parser finds."""

    def __init__(self, folder: Path | None) -> None:
        self.form, self.ended = Form(), False
        self._folder = folder
        self._paths: list[Path] = []
        self._file: IO[bytes] | None = None
        self._value = bytearray()
        self._header: tuple[bytearray, bytearray] = bytearray(), bytearray()
        self._headers: dict[bytes, bytes] = {}
        self._parts = self._field_bytes = 0

    def callbacks(self) -> "MultipartCallbacks":
        return {
            "on_part_begin": self._part_begin,
            "on_part_data": self._part_data,
            "on_part_end": self._part_end,
            "on_header_field": self._header_field,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_finished,
            "on_end": self._end,
        }

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        for path in self._paths:
            path.unlink(missing_ok=True)

    def _part_begin(self) -> None:
        self._parts += 1
        if self._parts > MOST_PARTS:
            raise BadRequest(f"the form has more than {MOST_PARTS} parts")
        self._headers, self._value = {}, bytearray()

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._more_header(self._header[0], data[start:end])

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._more_header(self._header[1], data[start:end])

    def _more_header(self, text: bytearray, more: bytes) -> None:
        text += more
        if len(text) > MOST_HEADER_BYTES or len(self._headers) > MOST_PARTS:
            raise BadRequest("a part of the form has too long a header")

    def _header_end(self) -> None:
        name, value = self._header
        self._headers[bytes(name).lower()] = bytes(value)
        self._header = bytearray(), bytearray()

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        if not self._name:
            raise BadRequest("a part of the form has no name")
        self._file_name = options.get(b"filename")
        if self._file_name is not None and self._folder is None:
            self._file = io.BytesIO()
        elif self._file_name is not None and self._folder is not None:
            path = self._folder / f"{uuid4().hex}.part"
            self._file = path.open("xb")
            self._paths.append(path)

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._file is not None:
            self._file.write(data[start:end])
            return
        self._field_bytes += end - start
        if self._field_bytes > MOST_FIELD_BYTES:
            raise BadRequest(f"the fields of the form have more than {MOST_FIELD_BYTES} bytes")
        self._value += data[start:end]

    def _part_end(self) -> None:
        if self._file is None:
            self.form.fields.setdefault(self._name, []).append(self._value.decode("utf-8", "replace"))
            return
        size_bytes = self._file.tell()
        content = self._file.getvalue() if isinstance(self._file, io.BytesIO) else None
        self._file.close()
        self._file = None
        name = re.split(r"[/\\]", (self._file_name or b"").decode("utf-8", "replace"))[-1][:255]
        media_type = self._headers.get(b"content-type", b"application/octet-stream").decode("latin-1")
        path = self._paths[-1] if content is None else Path()
        if self._name in self.form.files:
            raise BadRequest(f"the form has two files called {self._name[:60]}")
        self.form.files[self._name] = Upload(name, media_type, path, size_bytes, content)

    def _end(self) -> None:
        self.ended = True
