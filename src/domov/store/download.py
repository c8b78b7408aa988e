"""One file from the network onto the disk: resumed where it stopped, whatever stopped it, and verified.

The bytes go to a `.part` file named after what is wanted; it survives errors, Ctrl-C and kill -9, and the next
call goes on from its end. Only a digest that does not match throws it away.
"""

import asyncio
import hashlib
import os
import shutil
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import aiohttp

from domov.errors import ConnectionBroken, DigestMismatch, DiskFull, DownloadFailed
from domov.files import disk_errors, make_folder
from domov.outbound import Outbound, check_status
from domov.units import human_bytes

CHUNK_BYTES = 1 << 20
MOST_TRIES = 5  # without a single new byte between them
LONGEST_WAIT_SECONDS = 30.0
CHECKING = "checking what is here"  # the step before going on: its total is what is here, not the file's
TRANSIENT = (408, 429, 500, 502, 503, 504)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file as its source promises it."""

    url: str
    label: str  # what to call it in messages and progress
    reason: str  # for the ledger
    size_bytes: int | None = None
    sha256: str | None = None
    token: str | None = None
    cafile: str | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a piece of work has come. `total_bytes` is None where nobody knows."""

    step: str
    done_bytes: int
    total_bytes: int | None


class Hasher(Protocol):
    """What `hashlib.sha256()` gives."""

    def update(self, data: bytes, /) -> None: ...
    def hexdigest(self) -> str: ...


OnProgress = Callable[[Progress], None]
Sleep = Callable[[float], Awaitable[None]]


async def download(
    outbound: Outbound, wanted: Wanted, part: Path, *, on_progress: OnProgress, sleep: Sleep = asyncio.sleep
) -> str:
    """Fetches `wanted` into `part` and returns its sha256, in hex.

    Raises DigestMismatch, DownloadFailed, AccessDenied, NotFound, Offline, DiskFull or HomeUnusable; but for the first,
    what was fetched is kept.
    """
    make_folder(part.parent)
    hasher, have = await _hash_existing(part, wanted, on_progress)
    tries = 0
    while wanted.size_bytes is None or have < wanted.size_bytes:
        check_room(part.parent, (wanted.size_bytes or 0) - have)
        before = have
        try:
            hasher, have = await _fetch(outbound, wanted, part, resumed=(hasher, have), on_progress=on_progress)
            break
        except _Interrupted as interrupted:
            hasher, have = interrupted.hasher, interrupted.have_bytes
            tries = 1 if have > before else tries + 1
            if tries >= MOST_TRIES or interrupted.hopeless:
                raise interrupted.error from interrupted
            on_progress(Progress(f"waiting: {interrupted.error}", have, wanted.size_bytes))
            await sleep(interrupted.wait_seconds or min(2.0**tries / 2, LONGEST_WAIT_SECONDS))
    digest = hasher.hexdigest()
    _verify(wanted, part, digest, have)
    return digest


def check_room(folder: Path, needed_bytes: int) -> None:
    """Raises DiskFull if `needed_bytes` more do not fit on the disk of `folder`."""
    free = shutil.disk_usage(folder).free
    if needed_bytes > free:
        raise DiskFull(
            f"{human_bytes(needed_bytes)} more are needed on the disk of {folder}, {human_bytes(free)} are free",
            hint="make room and run the same command again, or set DOMOV_HOME elsewhere",
        )


class _Interrupted(Exception):
    """One request did not bring all of it; `error` is what to say if no other does."""

    def __init__(self, error: DownloadFailed, hasher: Hasher, have_bytes: int, *, hopeless: bool = False) -> None:
        super().__init__(error.message)
        self.error, self.hasher, self.have_bytes, self.hopeless = error, hasher, have_bytes, hopeless
        self.wait_seconds = 0.0


async def _hash_existing(part: Path, wanted: Wanted, on_progress: OnProgress) -> tuple[Hasher, int]:
    hasher, have = hashlib.sha256(), 0
    if not part.exists():
        return hasher, 0
    total = part.stat().st_size
    if wanted.size_bytes is not None and total > wanted.size_bytes:
        part.unlink()
        return hasher, 0
    with disk_errors(part), part.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            hasher.update(chunk)
            have += len(chunk)
            on_progress(Progress(CHECKING, have, total))
            await asyncio.sleep(0)  # a place to be interrupted
    return hasher, have


async def _fetch(
    outbound: Outbound, wanted: Wanted, part: Path, *, resumed: tuple[Hasher, int], on_progress: OnProgress
) -> tuple[Hasher, int]:
    """One request for what is missing. Raises _Interrupted where it did not come."""
    hasher, have = resumed
    headers = {"Range": f"bytes={have}-"} if have else {}
    try:
        async with outbound.get(
            wanted.url, reason=wanted.reason, headers=headers, token=wanted.token, cafile=wanted.cafile
        ) as response:
            if have and response.status == 416:  # nothing is missing, or what is here is of another file
                return hasher, have
            _check_transient(response, wanted, resumed)
            check_status(response, wanted=wanted.label)
            if have and not _goes_on_at(response, have):  # it does not know ranges: from the start
                hasher, have = hashlib.sha256(), 0
            with _opened(part, have) as write:
                async for chunk in response.content.iter_chunked(CHUNK_BYTES):
                    write(chunk)
                    hasher.update(chunk)
                    have += len(chunk)
                    on_progress(Progress("downloading", have, wanted.size_bytes))
                    if wanted.size_bytes is not None and have > wanted.size_bytes:
                        break
    except ConnectionBroken as error:
        raise _Interrupted(error, hasher, have, hopeless=not have) from error
    if wanted.size_bytes is not None and have < wanted.size_bytes:
        ended = DownloadFailed(
            f"{wanted.label} ended after {have} of {wanted.size_bytes} bytes",
            hint="run the same command again: what was fetched is kept",
        )
        raise _Interrupted(ended, hasher, have)
    return hasher, have


@contextmanager
def _opened(part: Path, have: int) -> Iterator[Callable[[bytes], None]]:
    """Gives what writes behind the first `have` bytes; only its own errors are the disk's, not the network's."""
    with disk_errors(part):
        file = part.open("r+b" if have else "wb", buffering=0)

    def write(chunk: bytes) -> None:
        with disk_errors(part):
            rest = memoryview(chunk)
            while rest:
                rest = rest[file.write(rest) :]

    with file:
        file.seek(have)
        yield write
        with disk_errors(part):
            os.fsync(file.fileno())


def _goes_on_at(response: aiohttp.ClientResponse, have: int) -> bool:
    return response.status == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {have}-")


def _check_transient(response: aiohttp.ClientResponse, wanted: Wanted, resumed: tuple[Hasher, int]) -> None:
    if response.status not in TRANSIENT:
        return
    try:
        check_status(response, wanted=wanted.label)
    except DownloadFailed as error:
        interrupted = _Interrupted(error, *resumed)
        after = response.headers.get("Retry-After", "")
        if after.isascii() and after.isdigit():
            interrupted.wait_seconds = min(float(after), LONGEST_WAIT_SECONDS)
        raise interrupted from error


def _verify(wanted: Wanted, part: Path, digest: str, have: int) -> None:
    differs = ""
    if wanted.size_bytes is not None and have != wanted.size_bytes:
        differs = f"{'more' if have > wanted.size_bytes else 'less'} than {wanted.size_bytes} bytes"
    elif wanted.sha256 is not None and digest != wanted.sha256:
        differs = f"sha256 {digest}, expected {wanted.sha256}"
    if differs:
        part.unlink(missing_ok=True)
        raise DigestMismatch(
            f"{wanted.label} is not the file that was promised: {differs}",
            hint="it was thrown away; pull again, and if it happens again do not trust the source",
        )
