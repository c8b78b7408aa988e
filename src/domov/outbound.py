"""The one door to the network. Every connection has a reason, leaves a row in the ledger, and can be forbidden.

The ledger is `logs/outbound.jsonl`: one JSON object a line, appended before a byte of the answer is read; how many came
is filled in at the end. It names host and path, never a query, a key or what was sent. Redirects are followed here, hop
by hop, so that each has its row, and so that a token given for one host is never shown to another.
"""

import asyncio
import contextlib
import ipaddress
import os
import ssl
import time
import weakref
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
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
BAD_TOKEN = "HF_TOKEN is one word; an address with a password in it can't have a token as well"
NOT_KNOWN = b"           null"  # room for a number of bytes, to be filled in
REDIRECTS = (301, 302, 303, 307, 308)
FETCH_AGAIN = "check the network and run the same command again: what was fetched is kept"


@dataclass(frozen=True, slots=True)
class Row:
    time: str  # UTC, ISO 8601
    reason: str
    host: str
    path: str
    outcome: str  # the HTTP status, or why there is none
    sent_bytes: int = 0  # of what was asked with, addresses and headers left out
    received_bytes: int | None = None  # of the answer, its headers left out; None: it has not ended, or never did


class Door:
    """Whether connections may be made by this process. It can be shut while they are open: then they end."""

    def __init__(self, *, offline: bool) -> None:
        self.offline = offline
        self._open: weakref.WeakSet[Outbound] = weakref.WeakSet()

    def through(self, outbound: "Outbound") -> "Outbound":
        """From now on it opens and shuts with this door."""
        self._open.add(outbound)
        return outbound

    async def switch(self, *, offline: bool) -> None:
        self.offline = offline
        for outbound in list(self._open):
            outbound.offline = offline
            if offline:
                await outbound.close()


class Outbound:
    """Makes requests for the gateway. Open it as an async context manager; it owns its connections."""

    def __init__(
        self,
        ledger: Path,
        *,
        offline: bool,
        silence_seconds: float = SILENCE_SECONDS,
        recorded: Callable[[Row], None] = lambda row: None,
    ) -> None:
        """
        silence_seconds  how long a host may say nothing before the connection counts as broken
        recorded         is told of each row of the ledger
        """
        self._recorded = recorded
        self.ledger, self.offline, self.silence_seconds = ledger, offline, silence_seconds
        self._sessions: dict[tuple[bool, bool], aiohttp.ClientSession] = {}  # by `_connections`' arguments
        self._places: dict[aiohttp.ClientResponse, int] = {}  # of their rows' last numbers in the ledger

    async def __aenter__(self) -> "Outbound":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends all connections."""
        for response in list(self._places):
            response.close()  # its reader is told so
        sessions, self._sessions = self._sessions, {}
        for session in sessions.values():
            await session.close()

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
        with self._broken(_checked(url), hint=FETCH_AGAIN):
            response = await self._follow(url, reason=reason, headers=dict(headers or {}), token=token, cafile=cafile)
            async with self._counted(response):
                yield response

    @asynccontextmanager
    async def post(
        self,
        url: str,
        *,
        body: bytes,
        reason: str,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The answer to a POST, of JSON unless `headers` say otherwise; its body not yet read, whatever its status.

        A redirect is not followed.

        What is sent to this machine itself leaves it not: loopback addresses are allowed in offline mode, and never
        asked through a proxy. Raises what `get` raises.
        """
        sent = {"Content-Type": "application/json", **(headers or {})}
        sent |= {"Authorization": f"Bearer {token}"} if token else {}
        with self._broken(_checked(url), hint="check the address, and whether the server there runs"):
            response = await self._one(url, reason=reason, headers=sent, cafile=None, body=body)
            async with self._counted(response):
                yield response

    @contextlib.contextmanager
    def _broken(self, host: str, *, hint: str) -> Iterator[None]:
        try:
            yield
        except (aiohttp.ClientError, TimeoutError, asyncio.IncompleteReadError) as error:
            raise ConnectionBroken(f"the connection to {host} failed: {self._words(error)}", hint=hint) from error

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
            async with self._counted(response):
                response.release()
            url = redirected(url, location)
        raise DownloadFailed(f"{first.hostname} redirects more than {MOST_REDIRECTS} times")

    async def _one(
        self, url: str, *, reason: str, headers: dict[str, str], cafile: str | None, body: bytes | None = None
    ) -> aiohttp.ClientResponse:
        """A request with a body is a POST."""
        self._check_ledger()
        stays_here = body is not None and is_loopback(url)
        if self.offline and not stays_here:
            self._record(url, reason, "forbidden: offline mode")
            raise _forbidden(url, "not fetched" if body is None else "not sent")
        try:
            response = await self._connections(proxies=not stays_here, lasting=body is None).request(
                "GET" if body is None else "POST",
                url,
                data=body,
                headers=headers,
                allow_redirects=False,
                ssl=_trust(cafile) if cafile else True,
            )
        except aiohttp.InvalidURL as error:
            raise _no_address(url) from error
        except (aiohttp.ClientError, TimeoutError) as error:
            self._record(url, reason, self._words(error))
            raise
        except ValueError as error:  # aiohttp's word for a header that can't be sent
            host = (urlsplit(url).hostname or "")[:80]
            raise DownloadFailed(
                f"the request to {host} can't be made: its token is malformed", hint=BAD_TOKEN
            ) from error
        except asyncio.CancelledError:
            self._record(url, reason, "interrupted")
            raise
        self._places[response] = self._record(url, reason, str(response.status), sent_bytes=len(body or b""))
        if self.offline and not stays_here:  # the door was shut meanwhile
            async with self._counted(response):
                response.close()
            raise _forbidden(url, "not read")
        return response

    @asynccontextmanager
    async def _counted(self, response: aiohttp.ClientResponse) -> AsyncIterator[None]:
        """Fills in the row of an answer how much came of it."""
        try:
            async with response:
                yield
        finally:
            self._fill_in(self._places.pop(response), response.content.total_bytes)

    def _connections(self, *, proxies: bool, lasting: bool) -> aiohttp.ClientSession:
        """lasting: a connection is used again; llama-server closes it after a streamed answer, without a word."""
        if (proxies, lasting) not in self._sessions:
            timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=self.silence_seconds)
            # identity: a byte range of a compressed answer would not be a range of the file
            headers = {"Accept-Encoding": "identity", "User-Agent": "domov"}
            self._sessions[proxies, lasting] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(force_close=not lasting),
                timeout=timeout,
                trust_env=proxies,
                headers=headers,
            )
        return self._sessions[proxies, lasting]

    def _record(self, url: str, reason: str, outcome: str, *, sent_bytes: int = 0) -> int:
        """Returns where in the ledger the row's last number has its room."""
        parts = urlsplit(url)
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        row = Row(moment, reason, parts.hostname or "", parts.path, outcome, sent_bytes)
        line = orjson.dumps(asdict(row)).removesuffix(b"null}") + NOT_KNOWN + b"}\n"
        place = self._append(line) - len(NOT_KNOWN) - 2
        self._recorded(row)
        return place

    def _fill_in(self, place: int, count: int) -> None:
        with contextlib.suppress(OSError), self.ledger.open("r+b") as file:
            file.seek(place)
            if file.read(len(NOT_KNOWN)) == NOT_KNOWN:  # else somebody has put another file there
                file.seek(place)
                file.write(b"%*d" % (len(NOT_KNOWN), count))

    def _check_ledger(self) -> None:
        """No connection is made that could not be written down."""
        self._append(b"")

    def _append(self, line: bytes) -> int:
        """Returns the place behind it."""
        make_folder(self.ledger.parent)
        with disk_errors(self.ledger):
            handle = os.open(self.ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            with os.fdopen(handle, "ab") as file:
                file.write(line)
                file.flush()  # others may have written since it was opened
                return file.tell()

    def _words(self, error: BaseException) -> str:
        if isinstance(error, TimeoutError):
            return f"no answer for {self.silence_seconds:g} seconds"
        if isinstance(error, aiohttp.ClientConnectorError):
            cause = error.os_error
            if cause.errno and cause.errno > 0 and not isinstance(cause, ssl.SSLError):
                return os.strerror(cause.errno)  # asyncio's own words are "Connect call failed" and an address
            return cause.strerror or str(cause)
        return str(error) or type(error).__name__


def redirected(url: str, location: str) -> str:
    """Where an answer of `url` leads. Raises DownloadFailed for an address that is none, or less safe than `url`."""
    try:
        target = urljoin(url, location)
    except ValueError as error:
        raise DownloadFailed(f"{urlsplit(url).hostname} redirects to what is no address") from error
    _checked(target)
    if urlsplit(target).scheme not in ("https", urlsplit(url).scheme):
        raise DownloadFailed(f"{urlsplit(url).hostname} redirects to an unencrypted address: {without_secrets(target)}")
    return target


def is_loopback(url: str) -> bool:
    """Whether an address names this machine itself: localhost, 127.0.0.0/8 or ::1."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def without_secrets(url: str) -> str:
    """The address as it may be printed: no password, no query, and short."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "(unreadable)"
    address = f"{parts.scheme}://{parts.hostname}{parts.path}" if parts.hostname else parts.path
    return ascii(address[:80])[1:-1]


def _checked(url: str) -> str:
    """The host that an address names. Raises DownloadFailed for what is no http address."""
    try:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            return parts.hostname
    except ValueError as error:
        raise _no_address(url) from error
    raise _no_address(url)


def _forbidden(url: str, what: str) -> Offline:
    words = f"{what}, offline mode is on: {urlsplit(url).hostname}"
    return Offline(words, hint="allow it with: domov privacy --online; or take DOMOV_OFFLINE away")


def _no_address(url: str) -> DownloadFailed:
    return DownloadFailed(
        f"not an address to fetch from: {without_secrets(url)}", hint="it begins with https:// or http://"
    )


async def read_body(response: aiohttp.ClientResponse, *, most_bytes: int, wanted: str) -> bytes:
    """The whole answer. Raises DownloadFailed for one of more than `most_bytes`."""
    body = bytearray()
    async for piece in response.content.iter_any():
        body += piece
        if len(body) > most_bytes:
            raise DownloadFailed(f"{response.url.host} answered with more than {most_bytes} bytes for {wanted}")
    return bytes(body)


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


def _trust(cafile: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=cafile)
    except (OSError, ssl.SSLError) as error:
        raise DownloadFailed(f"can't read the certificates in {cafile}: {error}") from error


def read_ledger(ledger: Path) -> Iterator[Row]:
    """The rows, the newest first. A line that is damaged is left out."""
    try:
        lines = ledger.read_bytes().splitlines()
    except FileNotFoundError:
        return
    for line in reversed(lines):
        with contextlib.suppress(orjson.JSONDecodeError, TypeError):
            yield Row(**orjson.loads(line))
