"""From where a call may come: the names of this server, the origins of web pages, the proxies in between. Pure.

A web page that the user happens to visit can make their browser call any address. So the Host must be a name of this
server (against DNS rebinding), an Origin must be this server's or be allowed, and what browsers say of themselves
(Sec-Fetch) is believed. Addresses are no names: a page can't have one rebound.
"""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network
from typing import NoReturn

from domov.config import Config
from domov.errors import BadOption

NAMES = ("127.0.0.1", "localhost", "[::1]")
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9_.\-]+)(?::(\d{1,5}))?")
_NAME = re.compile(r"(\*\.)?[a-z0-9_\-]+(\.[a-z0-9_\-]+)*")
_ORIGIN = re.compile(r"[a-z][a-z0-9+.\-]*://(\*|[a-z0-9_.\-]+|\[[0-9a-f:.]+\])(:\d{1,5})?")
DEFAULT_PORTS = {"http": 80, "https": 443}
Headers = Mapping[bytes, str]
FORWARDED = (b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"x-real-ip", b"forwarded", b"via")


@dataclass(frozen=True, slots=True)
class Origins:
    """What holds for one address that is listened on."""

    port: int
    scheme: str = "http"
    any_address: bool = False  # whether any address is a name of this server: where it listens on more than loopback
    hosts: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()
    proxies: tuple[IPv4Network | IPv6Network, ...] = ()

    def knows_host(self, host: str) -> bool:
        match = _HOST.fullmatch(host.lower())
        if match is None:
            return False
        name = match[1]
        return name in NAMES or any(_covers(pattern, name) for pattern in self.hosts) or self._is_address(name)

    def _is_address(self, name: str) -> bool:
        return self.any_address and _address(name.strip("[]")) is not None

    def is_own(self, origin: str, headers: Headers, *, scheme: str) -> bool:
        """Whether a page is this server's own. The Host of `headers` has been found to be one of its names."""
        if origin == f"{scheme}://{headers.get(b'host', '').lower()}":
            return True
        port = "" if DEFAULT_PORTS[self.scheme] == self.port else f":{self.port}"
        return origin in {f"{self.scheme}://{name}{port}" for name in NAMES}

    def allows(self, origin: str) -> bool:
        """Whether pages of another origin may call: by name, by scheme (`app://*`), or all of them (`*`)."""
        return any(a in ("*", origin) or (a.endswith("://*") and origin.startswith(a[:-1])) for a in self.allowed)

    def trusts(self, address: str) -> bool:
        parsed = _address(address)
        return parsed is not None and any(parsed in network for network in self.proxies)

    def client(self, peer: str, headers: Headers) -> str:
        """The address that a request came from: the last one that a proxy to be trusted did not have itself."""
        if self.trusts(peer):
            for told in reversed([part.strip() for part in headers.get(b"x-forwarded-for", "").split(",")]):
                if _address(told) is None:
                    break
                peer = told
                if not self.trusts(told):
                    break
        return peer

    def scheme_of(self, peer: str, headers: Headers) -> str:
        told = headers.get(b"x-forwarded-proto", "").strip().lower()
        return told if told in DEFAULT_PORTS and self.trusts(peer) else self.scheme


def from_config(config: Config, *, port: int, scheme: str, keys_required: bool, any_address: bool) -> Origins:
    """Raises BadOption for a setting that is not of the form, or would let every web page in without a key."""
    for host in config.allowed_hosts:
        if not _NAME.fullmatch(host.lower()):
            _refuse("allowed_hosts", host, "names look like ai.example.org or *.example.org, without scheme and port")
    for origin in config.allowed_origins:
        wild = origin.startswith(("http://*", "https://*"))
        if origin != "*" and (wild or not _ORIGIN.fullmatch(origin.lower())):
            _refuse("allowed_origins", origin, "origins look like https://chat.example.org or app://obsidian.md")
        if origin == "*" and not keys_required:
            _refuse("allowed_origins", origin, "every web page could use and delete your models: set require_keys")
    return Origins(
        port=port,
        scheme=scheme,
        any_address=any_address,
        hosts=tuple(host.lower() for host in config.allowed_hosts),
        allowed=tuple(origin.lower() for origin in config.allowed_origins),
        proxies=tuple(_network(text) for text in config.trusted_proxies),
    )


def came_through_proxy(headers: Headers) -> bool:
    return any(name in headers for name in FORWARDED)


def cross_site(headers: Headers, *, method: str) -> bool:
    """Whether a browser says that a page of another site asked. Following a link to here is no harm."""
    if headers.get(b"sec-fetch-site") not in ("cross-site", "same-site"):
        return False
    return not (method in ("GET", "HEAD") and headers.get(b"sec-fetch-mode") == "navigate")


def _covers(pattern: str, name: str) -> bool:
    return name.endswith(pattern[1:]) if pattern.startswith("*.") else name == pattern


@lru_cache(1024)
def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        _refuse("trusted_proxies", text, "it takes addresses and networks, as 127.0.0.1 or 10.0.0.0/8")


def _refuse(setting: str, value: str, hint: str) -> NoReturn:
    raise BadOption(f"setting {setting} can't have {value[:100]!r}", hint=hint)
