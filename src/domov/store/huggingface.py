"""Models from Hugging Face, or a mirror that speaks its protocol.

    GET {endpoint}/api/models/{user}/{repo}?blobs=true   files with size and sha256
    GET {endpoint}/api/models?search=…&filter=gguf       repositories, those fetched most first
    GET {endpoint}/{user}/{repo}/resolve/{commit}/{file} the bytes, by ranges; redirects to another host

The token goes to the endpoint's host alone. Names that the hub sends are shown and put into addresses, never
into paths.
"""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import orjson

from domov.errors import BadName, DownloadFailed, NoSuchModel
from domov.outbound import Outbound, check_status, read_body
from domov.store.download import Wanted
from domov.store.names import HubName, parse, shown

MOST_LISTING_BYTES = 16 << 20
# Without a wish, the first of these that a repository has: small enough for most machines, and little lost.
PREFERRED = ("Q4_K_M", "Q4_K_S", "MXFP4", "Q4_0", "Q5_K_M", "Q8_0", "Q4_1", "IQ4_XS", "F16", "BF16")
_QUANT = re.compile(r"(?:^|[-._])((?:I?Q\d\w*|MXFP4\w*|BF16|F16|F32|TQ\d_\d))(?=[-.]|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class HubFile:
    name: str
    size_bytes: int | None  # None: the hub does not say
    sha256: str | None

    @property
    def quant(self) -> str:
        """The quantization that the file's name tells, in capitals, or nothing."""
        found = _QUANT.findall(self.name.removesuffix(".gguf"))
        return found[-1].upper() if found else ""


@dataclass(frozen=True, slots=True)
class Repository:
    commit: str
    licence: str
    files: tuple[HubFile, ...]  # the models in it: no projectors, no other formats


@dataclass(frozen=True, slots=True)
class Listed:
    """A repository as a search gives it."""

    name: str  # hf.co/user/repo
    licence: str
    downloads: int  # of the last month
    likes: int
    updated: str
    gated: bool  # its makers want to know who fetches it
    quantizations: tuple[str, ...]


async def search(outbound: Outbound, text: str, *, endpoint: str, token: str | None, count: int) -> list[Listed]:
    """The repositories with GGUF files that a text finds. Raises DownloadFailed or Offline."""
    query = f"search={quote(text)}&filter=gguf&sort=downloads&direction=-1&limit={count}&full=true"
    url = f"{endpoint.rstrip('/')}/api/models?{query}"
    async with outbound.get(url, reason="search models", token=token) as response:
        check_status(response, wanted="a search for models")
        return read_search(await read_body(response, most_bytes=MOST_LISTING_BYTES, wanted="a search for models"))


def read_search(body: bytes) -> list[Listed]:
    """The hub's answer to a search; what has no name that can be fetched is left out. Raises DownloadFailed."""
    try:
        rows = orjson.loads(body)
        return [found for row in rows if (found := _listed(row))]
    except (orjson.JSONDecodeError, AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise DownloadFailed("the hub's answer to a search can't be read", hint="check HF_ENDPOINT") from error


def _listed(row: dict[str, Any]) -> Listed | None:
    try:
        name = parse(f"hf.co/{row['id']}")
    except BadName:
        return None
    files = [_file(sibling) for sibling in row.get("siblings") or [] if _is_model(str(sibling["rfilename"]))]
    return Listed(
        name=str(name),
        licence=_licence(row),
        downloads=int(row.get("downloads") or 0),
        likes=int(row.get("likes") or 0),
        updated=shown(str(row.get("lastModified") or row.get("createdAt") or "")),
        gated=bool(row.get("gated")),
        quantizations=tuple(dict.fromkeys(file.quant for file in files if file.quant)),
    )


async def find(
    outbound: Outbound, name: HubName, *, endpoint: str, token: str | None
) -> tuple[Wanted, HubFile, Repository]:
    """The file that a name means, and how to get it.

    Raises NoSuchModel (with the quantizations that there are), AccessDenied, DownloadFailed or Offline.
    """
    repository = await look_up(outbound, name, endpoint=endpoint, token=token)
    file = choose(repository, name)
    return wanted(name, file, repository, endpoint=endpoint, token=token), file, repository


async def look_up(outbound: Outbound, name: HubName, *, endpoint: str, token: str | None) -> Repository:
    """What a repository holds. Raises NoSuchModel, AccessDenied, DownloadFailed or Offline."""
    url = f"{endpoint.rstrip('/')}/api/models/{quote(name.user)}/{quote(name.repo)}?blobs=true"
    label = f"hf.co/{name.user}/{name.repo}"
    async with outbound.get(url, reason=f"look up {label}", token=token) as response:
        if response.status == 404:
            raise NoSuchModel(f"no such repository: {label}", hint="check the name on the hub")
        check_status(response, wanted=label)
        return read_listing(await read_body(response, most_bytes=MOST_LISTING_BYTES, wanted=label), label=label)


def wanted(name: HubName, file: HubFile, repository: Repository, *, endpoint: str, token: str | None) -> Wanted:
    """One file of a repository, as something to download."""
    label = f"hf.co/{name.user}/{name.repo}"
    return Wanted(
        url=f"{endpoint.rstrip('/')}/{quote(name.user)}/{quote(name.repo)}/resolve/{repository.commit}/{quote(file.name)}",
        label=f"{label}/{shown(file.name)}",
        reason=f"pull {label}",
        size_bytes=file.size_bytes,
        sha256=file.sha256,
        token=token,
    )


def read_listing(body: bytes, *, label: str) -> Repository:
    """The hub's description of a repository. Raises DownloadFailed where it is none."""
    try:
        table = orjson.loads(body)
        commit = str(table["sha"])
        files = tuple(_file(row) for row in table["siblings"] if _is_model(str(row["rfilename"])))
        licence = _licence(table)
    except (orjson.JSONDecodeError, AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise DownloadFailed(f"the hub's description of {label} can't be read", hint="check HF_ENDPOINT") from error
    if not re.fullmatch(r"[0-9a-f]{40}", commit):
        raise DownloadFailed(f"the hub names no commit of {label}", hint="check HF_ENDPOINT")
    return Repository(commit, licence, files)


def whole_files(repository: Repository) -> list[HubFile]:
    """Those that are a model each, and no part of one."""
    return [f for f in repository.files if not re.search(r"-\d{5}-of-\d{5}\.gguf$", f.name)]


def choose(repository: Repository, name: HubName) -> HubFile:
    """The model file for the quantization wished, or the first preferred one. Raises NoSuchModel."""
    whole = whole_files(repository)
    wishes = [name.quant.upper()] if name.quant else list(PREFERRED)
    for wish in wishes:
        if found := [f for f in whole if wish in (f.quant, f.name.upper())]:
            return min(found, key=lambda f: len(f.name))
    if not name.quant and len(whole) == 1:
        return whole[0]
    if len(whole) < len(repository.files) and not whole:
        raise NoSuchModel(
            f"{name} is split over several files, which Domov does not fetch yet", hint="take a smaller one"
        )
    quants = sorted({f.quant or f.name for f in whole})
    hint = (
        f"it has: {', '.join(shown(q) for q in quants[:30])}"
        if quants
        else "it holds no GGUF file: look for one that does"
    )
    raise NoSuchModel(f"no such model: {name}", hint=hint)


def _is_model(file: str) -> bool:
    base = file.rsplit("/", 1)[-1].lower()
    return (
        base.endswith(".gguf")
        and not base.startswith(("mmproj", "imatrix"))
        and file.isprintable()
        and ".." not in file
    )


def _file(row: dict[str, Any]) -> HubFile:
    lfs = row.get("lfs") or {}
    digest = str(lfs.get("sha256") or "").lower()
    size = int(lfs.get("size") or row.get("size") or 0)
    return HubFile(
        str(row["rfilename"]), size if size > 0 else None, digest if re.fullmatch(r"[0-9a-f]{64}", digest) else None
    )


def _licence(table: dict[str, Any]) -> str:
    card = table.get("cardData") or {}
    name = card.get("license") if isinstance(card, dict) else None
    tags = [t.removeprefix("license:") for t in table.get("tags") or [] if str(t).startswith("license:")]
    return shown(str(name or next(iter(tags), "not stated")))
