"""The one door to the network. Every connection has a reason, leaves a row in the ledger, and can be forbidden.

The ledger is `logs/outbound.jsonl`: one JSON object a line, appended before a byte of the answer is read. It
names host and path, never a query, a key or what was sent. Redirects are followed here, hop by hop, so that each
has its row, and so that a token given for one host is never shown to another.
"""

import asyncio
import os
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import aiohttp
import orjson

from domov.errors import AccessDenied, ConnectionBroken, DownloadFailed, NotFound, Offline
from domov.files import disk_errors, make_folder

MOST_REDIRECTS = 5
CONNECT_SECONDS, SILENCE_SECONDS = 15, 60
REDIRECTS = (301, 302, 303, 307, 308)


@dataclass(frozen=True, slots=True)
class Row:
    time: str  # UTC, ISO 8601
    reason: str
    host: str
    path: str
    outcome: str  # the HTTP status, or why there is none


class Outbound:
    """Makes GET requests for the gateway. Open it as an async context manager; it owns its connections."""

    def __init__(self, ledger: Path, *, offline: bool) -> None:
        self.ledger, self.offline = ledger, offline
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> "Outbound":
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session:
            await self._session.close()

    @asynccontextmanager
    async def get(
        self,
        url: str,
        *,
        reason: str,
        headers: Mapping[str, str] | None = None,
        token: str | None = None,
        cafile: str | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The answer to a GET of `url`, its body not yet read, whatever its status.

        token   sent as a bearer token to the host of `url`, and to no other that it redirects to
        cafile  certificates to trust instead of the system's

        Raises Offline where connections are forbidden, ConnectionBroken where none can be made or one ends early.
        """
        host = urlsplit(url).hostname or url
        try:
            response = await self._follow(url, reason=reason, headers=dict(headers or {}), token=token, cafile=cafile)
            async with response:
                yield response
        except (aiohttp.ClientError, TimeoutError, asyncio.IncompleteReadError) as error:
            raise ConnectionBroken(
                f"the connection to {host} failed: {_words(error)}",
                hint="check the network and run the same command again: what was fetched is kept",
            ) from error

    async def _follow(
        self, url: str, *, reason: str, headers: dict[str, str], token: str | None, cafile: str | None
    ) -> aiohttp.ClientResponse:
        first = urlsplit(url)
        for _ in range(MOST_REDIRECTS + 1):
            here = urlsplit(url)
            if (here.scheme, here.netloc) == (first.scheme, first.netloc) and token:
                headers["Authorization"] = f"Bearer {token}"
            else:
                headers.pop("Authorization", None)
            response = await self._one(url, reason=reason, headers=headers, cafile=cafile)
            location = response.headers.get("Location")
            if response.status not in REDIRECTS or not location:
                return response
            response.release()
            url = urljoin(url, location)
            if urlsplit(url).scheme not in ("https", here.scheme):
                raise DownloadFailed(f"{here.hostname} redirects to an unencrypted or unknown address: {url[:80]}")
        raise DownloadFailed(f"{first.hostname} redirects more than {MOST_REDIRECTS} times")

    async def _one(
        self, url: str, *, reason: str, headers: dict[str, str], cafile: str | None
    ) -> aiohttp.ClientResponse:
        if self.offline:
            self._record(url, reason, "forbidden: offline mode")
            raise Offline(
                f"not fetched, offline mode is on: {urlsplit(url).hostname}",
                hint="set DOMOV_OFFLINE=0 to allow it",
            )
        try:
            response = await self._connections().get(
                url, headers=headers, allow_redirects=False, ssl=_trust(cafile) if cafile else True
            )
        except (aiohttp.ClientError, TimeoutError) as error:
            self._record(url, reason, _words(error))
            raise
        except ValueError as error:  # aiohttp's word for an address that is none
            raise DownloadFailed(f"not an address to fetch from: {url[:80]}") from error
        self._record(url, reason, str(response.status))
        return response

    def _connections(self) -> aiohttp.ClientSession:
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=SILENCE_SECONDS)
            # identity: a byte range of a compressed answer would not be a range of the file
            headers = {"Accept-Encoding": "identity", "User-Agent": "domov"}
            self._session = aiohttp.ClientSession(timeout=timeout, trust_env=True, headers=headers)
        return self._session

    def _record(self, url: str, reason: str, outcome: str) -> None:
        parts = urlsplit(url)
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        row = Row(moment, reason, parts.hostname or "", parts.path, outcome)
        make_folder(self.ledger.parent)
        with disk_errors(self.ledger):
            handle = os.open(self.ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            with os.fdopen(handle, "ab") as file:
                file.write(orjson.dumps(asdict(row)) + b"\n")


def check_status(response: aiohttp.ClientResponse, *, wanted: str) -> None:
    """Raises what a status other than success means for somebody who wants `wanted`."""
    status, host = response.status, response.url.host
    if status < 400:
        return
    if status in (401, 403):
        raise AccessDenied(
            f"{host} does not give {wanted} without permission ({status})",
            hint="accept its licence on the hub, then set HF_TOKEN to a token that may read it; or check the name",
        )
    if status == 404:
        raise NotFound(f"{host} has no {wanted}", hint="check the name")
    if status == 429:
        raise DownloadFailed(f"{host} answers only so many requests: {wanted} was refused (429)", hint="try later")
    raise DownloadFailed(f"{host} answered {status} for {wanted}", hint="try again later: what was fetched is kept")


def _words(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer for {SILENCE_SECONDS} seconds"
    if isinstance(error, aiohttp.ClientConnectorError):
        return error.os_error.strerror or str(error.os_error)
    return str(error) or type(error).__name__


def _trust(cafile: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=cafile)
    except (OSError, ssl.SSLError) as error:
        raise DownloadFailed(f"can't read the certificates in {cafile}: {error}") from error
