"""Commands that ask the running server, over loopback: where it is stands in a file that it writes as it starts."""

import contextlib
import hashlib
import hmac
import http.client
import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson
import psutil

from domov.errors import Broken, NoServer
from domov.files import write_atomically

SECONDS = 300


def url_of(host: str, port: int, *, tls: bool) -> str:
    return f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"


def reachable(host: str) -> str:
    """The address to ask at: a server that listens on all of them is here, too."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server is, and what shows that this computer's own commands ask it."""

    host: str
    port: int
    secret: str
    fingerprint: str = ""  # of its certificate, SHA-256 in hex; empty: it speaks without TLS

    @property
    def reachable(self) -> str:
        return reachable(self.host)

    @property
    def url(self) -> str:
        return url_of(self.reachable, self.port, tls=bool(self.fingerprint))


@contextmanager
def announced(home: Path, place: Place) -> Iterator[None]:
    """For as long as the block lasts it is written where this process serves, readable by its user alone; another's
    word is left alone."""
    path, mine = _path(home), orjson.dumps({**asdict(place), "pid": os.getpid()})
    write_atomically(path, mine)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            if path.read_bytes() == mine:
                path.unlink()


def ask(home: Path, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """What the server of this home answers. Raises NoServer, or Broken with the server's own words."""
    place = _running(home)
    connection = _connection(place)
    headers = {"Content-Type": "application/json", "Host": f"localhost:{place.port}"}
    headers["Authorization"] = f"Bearer {place.secret}"
    try:
        content = orjson.dumps(body) if body is not None else None
        _check_certificate(connection, place)
        connection.request(method, path, content, headers)
        response = connection.getresponse()
        answer = orjson.loads(response.read())
    except (OSError, http.client.HTTPException, orjson.JSONDecodeError) as error:
        raise NoServer(
            f"the server on {place.host}:{place.port} does not answer: {error}", hint="start it with: domov serve"
        ) from error
    finally:
        connection.close()
    if response.status != 200:
        raise Broken(str(answer["error"]["message"]))
    return answer


def _connection(place: Place) -> http.client.HTTPConnection:
    if not place.fingerprint:
        return http.client.HTTPConnection(place.reachable, place.port, timeout=SECONDS)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # it is known by its fingerprint, below
    return http.client.HTTPSConnection(place.reachable, place.port, timeout=SECONDS, context=context)


def _check_certificate(connection: http.client.HTTPConnection, place: Place) -> None:
    """Before anything is sent. Raises OSError where no server, or another one than was announced, answers."""
    connection.connect()
    if isinstance(connection.sock, ssl.SSLSocket):
        shown = hashlib.sha256(connection.sock.getpeercert(binary_form=True) or b"").hexdigest()
        if not hmac.compare_digest(shown, place.fingerprint):
            raise OSError("it shows another certificate")


def running_at(home: Path) -> Place | None:
    """Where the server of this home listens, if one runs."""
    try:
        return _running(home)
    except NoServer:
        return None


def _running(home: Path) -> Place:
    try:
        table = orjson.loads(_path(home).read_bytes())
        pid = int(table.pop("pid"))
        place = Place(**table)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pid = 0
    if not pid or not psutil.pid_exists(pid):
        raise NoServer("no server is running", hint="start one with: domov serve")
    return place


def _path(home: Path) -> Path:
    return home / "server.json"
