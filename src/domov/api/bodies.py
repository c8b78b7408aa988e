"""What bodies may be: JSON, but for the routes where a file is sent. No page can send JSON, or PUT, unasked."""

import re
from dataclasses import dataclass

from domov.api.envelopes import Scope

MOST_FORM_BYTES = 513 << 20
JSON, BYTES, FORM = "application/json", "application/octet-stream", "multipart/form-data"
SAFE = ("GET", "HEAD", "OPTIONS")
# Where a file is sent as a browser's form would; each of these routes counts the bytes. POST only.
FORMS = ("/v1/files", "/v1/audio/transcriptions", "/api/domov/attachments", "/api/domov/chats/import")
RESTORE = b"/api/domov/backup/restore"
_FORM = re.compile(r"/api/domov/documents/[^/]+/files")
_BLOB = re.compile(rb"/api/blobs/sha256(?::|%3[Aa])[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Body:
    """The kinds that are taken, the first being the one to name, and the most bytes; None: the route counts them."""

    kinds: tuple[str, ...]
    most_bytes: int | None


def body_of(scope: Scope, most_bytes: int) -> Body:
    """most_bytes  of a body that is no file"""
    if takes_blob(scope):
        return Body((JSON, BYTES), None)
    if takes_form(scope):
        return Body((FORM,), MOST_FORM_BYTES)
    return Body((JSON, BYTES) if scope["method"] == "PUT" else (JSON,), most_bytes)


def takes_blob(scope: Scope) -> bool:
    """Whether the body is a model's file or a backup, of any length; its route counts the bytes and checks them."""
    path = scope.get("raw_path") or scope["path"].encode()
    return scope["method"] == "POST" and (path == RESTORE or bool(_BLOB.fullmatch(path)))


def takes_form(scope: Scope) -> bool:
    """Whether the body is a form with a file in it; its route counts the bytes."""
    path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
    return scope["method"] == "POST" and (path in FORMS or bool(_FORM.fullmatch(path)))
