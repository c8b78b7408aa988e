"""The addresses that the server listens on, each with its own rules: who needs a key there, and whether with TLS."""

import ipaddress
import re
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from domov.api import origins, tls
from domov.api.client import url_of
from domov.api.origins import Origins
from domov.config import Config
from domov.errors import BadOption, PortInUse

_ADDRESS = re.compile(r"(?:(https?)://)?(\[[0-9A-Fa-f:.]+\]|[^:/\[\]]+):(\d{1,5})/?")
_FORM = "more addresses look like 127.0.0.1:11434 or http://127.0.0.1:11434"


@dataclass(frozen=True)
class Listener:
    socket: socket.socket
    keys_required: bool
    origins: Origins
    certificate: tls.Certificate | None = None

    @property
    def host(self) -> str:
        return str(self.socket.getsockname()[0])

    @property
    def port(self) -> int:
        return int(self.socket.getsockname()[1])

    @property
    def url(self) -> str:
        return url_of(self.host, self.port, tls=self.origins.scheme == "https")

    @property
    def loopback(self) -> bool:
        return ipaddress.ip_address(self.host).is_loopback


def listeners(
    config: Config, *, host: str | None = None, port: int | None = None, keys_required: bool = False
) -> list[Listener]:
    """Everything that is to be listened on, the main address first. Raises BadOption, PortInUse.

    host, port     of the main address, where not those of the settings
    keys_required  whether on loopback addresses, too
    """
    certificate = tls.load(config.tls_cert, config.tls_key) if config.tls_cert or config.tls_key else None
    wanted = [("", host or config.host, config.port if port is None else port)]
    wanted += [_parsed(text) for text in config.also_listen]
    opened: list[Listener] = []
    try:
        for scheme, name, number in wanted:
            if scheme == "https" and certificate is None:
                raise BadOption(f"no https on {name}:{number} without a certificate", hint="set tls_cert and tls_key")
            shown = None if scheme == "http" else certificate
            opened.append(_listener(config, listen(name, number), shown, keys_required))
    except BaseException:
        close(opened)
        raise
    return opened


def _listener(
    config: Config, bound: socket.socket, certificate: tls.Certificate | None, keys_required: bool
) -> Listener:
    try:
        address = bound.getsockname()
        loopback = ipaddress.ip_address(address[0]).is_loopback
        required = keys_required or config.require_keys or not loopback
        rules = origins.from_config(
            config,
            port=address[1],
            scheme="https" if certificate else "http",
            keys_required=required,
            any_address=not loopback,
        )
    except BaseException:
        bound.close()
        raise
    return Listener(bound, required, rules, certificate)


def close(opened: Sequence[Listener]) -> None:
    for listener in opened:
        listener.socket.close()


def _parsed(text: str) -> tuple[str, str, int]:
    match = _ADDRESS.fullmatch(text)
    if match is None:
        raise BadOption(f"setting also_listen can't have {text[:100]!r}", hint=_FORM)
    return match[1] or "", match[2].strip("[]"), int(match[3])


def listen(host: str, port: int) -> socket.socket:
    """A socket bound to the address. Raises BadOption for what is none of this computer's, PortInUse for one taken."""
    address = "127.0.0.1" if host == "localhost" else host
    try:
        family = socket.AF_INET6 if ipaddress.ip_address(address).version == 6 else socket.AF_INET
    except ValueError as error:
        raise BadOption(
            f"can't listen on {host[:100]!r}",
            hint="it takes an address: 127.0.0.1, 0.0.0.0 for all, or one of this computer's",
        ) from error
    listener = socket.socket(family, socket.SOCK_STREAM)
    if sys.platform != "win32":  # on Windows it would let two servers share the port
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address, port))
        listener.listen(1024)
    except OSError as error:
        listener.close()
        raise PortInUse(
            f"can't listen on {host}:{port}: {error.strerror}",
            hint=f"another program may be using it, perhaps another domov; try --port {port + 1 if port else 0}",
        ) from error
    except OverflowError as error:
        listener.close()
        raise BadOption(f"no such port: {port}", hint="ports go from 0 to 65535") from error
    return listener
