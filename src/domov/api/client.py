"""Commands that ask the running server, over loopback: where it is stands in a file that it writes as it starts."""

import contextlib
import http.client
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import psutil

from domov.errors import Broken, NoServer
from domov.files import write_atomically

SECONDS = 300


@contextmanager
def announced(home: Path, host: str, port: int) -> Iterator[None]:
    """For as long as the block lasts it is written where this process serves; another's word is left alone."""
    path, mine = _path(home), orjson.dumps({"host": host, "port": port, "pid": os.getpid()})
    write_atomically(path, mine)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            if path.read_bytes() == mine:
                path.unlink()


def ask(home: Path, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """What the server of this home answers. Raises NoServer, or Broken with the server's own words."""
    host, port = _running(home)
    connection = http.client.HTTPConnection(host, port, timeout=SECONDS)
    try:
        content = orjson.dumps(body) if body is not None else None
        connection.request(method, path, content, {"Content-Type": "application/json", "Host": f"localhost:{port}"})
        response = connection.getresponse()
        answer = orjson.loads(response.read())
    except (OSError, http.client.HTTPException, orjson.JSONDecodeError) as error:
        raise NoServer(
            f"the server on {host}:{port} does not answer: {error}", hint="start it with: domov serve"
        ) from error
    finally:
        connection.close()
    if response.status != 200:
        raise Broken(str(answer["error"]["message"]))
    return answer


def running_at(home: Path) -> tuple[str, int] | None:
    """Where the server of this home listens, if one runs."""
    try:
        return _running(home)
    except NoServer:
        return None


def _running(home: Path) -> tuple[str, int]:
    try:
        table = orjson.loads(_path(home).read_bytes())
        host, port, pid = str(table["host"]), int(table["port"]), int(table["pid"])
    except (OSError, ValueError, KeyError, TypeError):
        pid = 0
    if not pid or not psutil.pid_exists(pid):
        raise NoServer("no server is running", hint="start one with: domov serve")
    return host, port


def _path(home: Path) -> Path:
    return home / "server.json"
