"""The page in a browser: the built files of `web/`, and what a page may show to whoever opens it.

The files are the same for everybody and need no key; all that they show comes from guarded routes. Names with a hash in
them are kept by browsers for ever, the one page that names them is asked for anew each time. Everything below `/home`
is that page, which reads the rest of the path by itself; a path of no other kind is ever answered with it.
"""

import base64
import gzip
import hashlib
import importlib.metadata
import mimetypes
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response

from domov.access.callers import current
from domov.api.openai.errors import refusal
from domov.api.scopes import RULES
from domov.app import App

STATIC = Path(__file__).parent.parent / "web" / "static"
NOT_BUILT = "The page is not built here: run `make page` in a clone of Domov, or install a released package."
POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
    "connect-src 'self'; worker-src 'self'; manifest-src 'self'; frame-src 'self'; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
# Of the frame that draws diagrams of what a model wrote: an origin of nobody, which can load nothing and ask nobody.
DIAGRAM_POLICY = (
    "sandbox allow-scripts; default-src 'none'; script-src {scripts}; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(self), payment=(), usb=()",
}
ASK_ANEW, FOR_EVER = "no-cache", "public, max-age=31536000, immutable"
# What stands beside the page without a hash in its name.
NAMED = ("favicon.svg", "icon-192.png", "icon-512.png", "manifest.webmanifest", "sw.js", "theme.js")
LEAST_PACKED_BYTES = 1000
_SCRIPT = re.compile(rb"<script>(.*?)</script>", re.DOTALL)
_ASSET = re.compile(r"[\w\-][\w.\-]{0,199}")
_TYPES = {".js": "text/javascript; charset=utf-8", ".webmanifest": "application/manifest+json", ".woff2": "font/woff2"}


def router(domov: App, static: Path = STATIC) -> APIRouter:
    routes = APIRouter(tags=["Domov"])

    @routes.get("/", response_class=PlainTextResponse)
    @routes.head("/", include_in_schema=False)
    def root(request: Request) -> Response:
        """The page for a browser; for Ollama's clients the words that they wait for."""
        if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
            return _page(request, static)
        return PlainTextResponse("Ollama is running", headers={"vary": "Accept"})

    @routes.get("/home", include_in_schema=False)
    @routes.get("/home/{path:path}", include_in_schema=False)
    def screen(request: Request) -> Response:
        return _page(request, static)

    @routes.get("/assets/{name}", include_in_schema=False)
    def asset(request: Request, name: str) -> Response:
        path = static / "assets" / name
        return _file(request, path, FOR_EVER) if _ASSET.fullmatch(name) and path.is_file() else _nothing(request)

    @routes.get("/diagram", include_in_schema=False)
    def diagram(request: Request) -> Response:
        path = static / "diagram.html"
        if not path.is_file():
            return _nothing(request)
        answer = _file(request, path, ASK_ANEW)
        answer.headers["content-security-policy"] = DIAGRAM_POLICY.format(
            scripts=_hashes(path, path.stat().st_mtime_ns)
        )
        return answer

    for name in NAMED:
        routes.add_api_route(f"/{name}", _named(static / name), include_in_schema=False)

    @routes.get("/api/domov/page")
    async def page() -> dict[str, Any]:
        """What the page may show to its caller: the parts of `/api/domov` that the caller's key covers."""
        grant = current().grant
        paths = [rule.path for rule in RULES if rule.needs != "open" and grant.covers(rule.needs)]
        features = {path.split("/")[3] for path in paths if path.startswith("/api/domov/")}
        return {
            "version": importlib.metadata.version("domov"),
            "name": grant.name,
            "scope": grant.scope,
            "offline": domov.door.offline,
            "currency": domov.tariff.currency if domov.tariff.kilowatt_hour else None,
            "features": sorted(features - {"page"}),
        }

    return routes


def _named(path: Path) -> Any:
    def answer(request: Request) -> Response:
        return _file(request, path, ASK_ANEW) if path.is_file() else _nothing(request)

    return answer


def _nothing(request: Request) -> Response:
    return refusal(404, f"no such path: {request.scope['path'][:200]}")


def _page(request: Request, static: Path) -> Response:
    path = static / "index.html"
    if not path.is_file():
        return PlainTextResponse(NOT_BUILT, 503, headers=HEADERS)
    answer = _file(request, path, ASK_ANEW)
    answer.headers["vary"] = "Accept, Accept-Encoding"
    return answer


def _file(request: Request, path: Path, caching: str) -> Response:
    """A file as the request may have it: not at all if it is there already, packed if that makes it shorter."""
    content = path.read_bytes()
    tag = f'"{hashlib.sha256(content).hexdigest()[:20]}"'
    headers = {**HEADERS, "cache-control": caching, "etag": tag, "vary": "Accept-Encoding"}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    encoding, content = _packed(path, content, request.headers.get("accept-encoding", ""))
    if encoding:
        headers["content-encoding"] = encoding
    return Response(content, headers=headers, media_type=_type_of(path))


@lru_cache(4)
def _hashes(page: Path, _changed_ns: int) -> str:
    """The scripts that stand in a page, as its policy allows them."""
    digests = (hashlib.sha256(script).digest() for script in _SCRIPT.findall(page.read_bytes()))
    return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)


def _packed(path: Path, content: bytes, accepted: str) -> tuple[str, bytes]:
    """The build brings brotli, which browsers take over TLS and on this computer; gzip is made once for the others."""
    encodings = {part.split(";")[0].strip() for part in accepted.split(",")}
    brotli = path.with_name(f"{path.name}.br")
    if "br" in encodings and brotli.is_file():
        return "br", brotli.read_bytes()
    if "gzip" in encodings and path.suffix not in (".woff2", ".png") and len(content) >= LEAST_PACKED_BYTES:
        return "gzip", _gzipped(content)
    return "", content


@lru_cache(256)
def _gzipped(content: bytes) -> bytes:
    return gzip.compress(content, 9, mtime=0)


def _type_of(path: Path) -> str:
    return _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
