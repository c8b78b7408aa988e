"""A model hub and a Python package index on a loopback port, which fail as they are told; and tiny files for them.

`localhost` plays the hub, `127.0.0.1` on the same port plays the other host that it redirects downloads to.
"""

import hashlib
import io
import json
import random
import socket
import ssl
import struct
import threading
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
WAIT_SECONDS = 20  # for what surely comes; reached only when a test fails


@dataclass(frozen=True, slots=True)
class Seen:
    """One request, as the server met it."""

    host: str  # without the port
    path: str
    range: str | None
    authorization: str | None


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with one request. Bytes are counted in the body."""

    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None  # instead of the right one
    cut_after: int | None = None  # the connection ends there
    hold_after: int | None = None  # nothing more comes until `release`
    silent: bool = False  # nothing at all comes until `release`
    ignores_range: bool = False
    content_type: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes = b""
    content_type: str = "application/octet-stream"
    headers: Mapping[str, str] = field(default_factory=dict)
    ranged: bool = False


class Hub:
    """Plays Hugging Face's protocol and the simple repository API. Use it as a context manager."""

    def __init__(self, tls: tuple[Path, Path] | None = None) -> None:
        """tls  the files of a certificate and its key"""
        self.requests: list[Seen] = []
        self.repositories: dict[str, dict[str, Any]] = {}
        self.files: dict[str, bytes] = {}  # by address: what a GET of that path gives
        self.packages: dict[str, dict[str, bytes]] = {}
        self.redirects: dict[str, str] = {}
        self.token: str | None = None  # what the hub asks for, on its own host
        self.password: str | None = None  # what the index asks for: the value of its Authorization header
        self.html = False  # the index answers in HTML (PEP 503) instead of JSON (PEP 691)
        self.publishes_digests = True
        self.held, self.release = threading.Event(), threading.Event()
        self._faults: list[tuple[str, Fault]] = []
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self._server.tls = context
        self.scheme = "https" if tls else "http"
        self.port = self._server.server_address[1]
        self.url, self.other_host = f"{self.scheme}://localhost:{self.port}", f"{self.scheme}://127.0.0.1:{self.port}"
        self.index = f"{self.url}/simple"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.release.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def add_repository(self, name: str, files: Mapping[str, bytes], **more: Any) -> None:
        """A repository `user/repo`; `more` goes into its description as it is."""
        siblings = [{"rfilename": "README.md", "size": 5}]
        for file, content in files.items():
            digest = hashlib.sha256(content).hexdigest()
            lfs = {"lfs": {"sha256": digest, "size": len(content)}} if self.publishes_digests else {}
            siblings.append({"rfilename": file, "size": len(content), **lfs})
            self.files[f"/{name}/resolve/{COMMIT}/{file}"] = content
        table = {"id": name, "sha": COMMIT, "siblings": siblings, "cardData": {"license": "mit"}}
        self.repositories[f"/api/models/{name}"] = table | more

    def add_package(self, project: str, wheels: Mapping[str, bytes]) -> None:
        self.packages.setdefault(f"/simple/{project}/", {}).update(wheels)
        self.files |= {f"/wheels/{file}": content for file, content in wheels.items()}

    def fail(self, part_of_path: str, *faults: Fault) -> None:
        """The next requests whose path has that in it meet these faults, one each."""
        with self._lock:
            self._faults += [(part_of_path, fault) for fault in faults]

    def seen(self, part_of_path: str) -> list[Seen]:
        return [r for r in self.requests if part_of_path in r.path]

    def downloads(self) -> list[Seen]:
        """The requests that files were asked for with, each once, however it was redirected."""
        return [r for r in self.requests if r.path.startswith(("/cdn/", "/wheels/"))]

    def answer(self, request: Seen, fault: Fault) -> Answer:
        answer = self._right_answer(request, urlsplit(request.path))
        if fault.status is not None:
            answer = Answer(fault.status, fault.body or b"", headers=fault.headers)
        elif fault.body is not None:
            answer = Answer(200, fault.body, fault.content_type or answer.content_type, ranged=answer.ranged)
        return _cut_to_range(answer, request.range) if answer.ranged and not fault.ignores_range else answer

    def next_fault(self, path: str) -> Fault:
        with self._lock:
            for at, (part_of_path, fault) in enumerate(self._faults):
                if part_of_path in path:
                    del self._faults[at]
                    return fault
        return Fault()

    def _right_answer(self, request: Seen, parts: Any) -> Answer:
        path = unquote(parts.path)
        if path in self.redirects:
            return Answer(302, headers={"Location": self.redirects[path]})
        if path == "/api/models":
            wanted = parse_qs(parts.query).get("search", [""])[0]
            found = [{"downloads": 7, "likes": 2} | r for r in self.repositories.values() if wanted in r["id"]]
            return Answer(200, json.dumps(found).encode(), "application/json")
        if path in self.repositories or ("/resolve/" in path and not path.startswith("/cdn/")):
            if self.token and request.authorization != f"Bearer {self.token}":
                return Answer(401)
            if path in self.files:
                return Answer(302, headers={"Location": f"{self.other_host}/cdn{parts.path}?signature=secret"})
        if path in self.repositories:
            return Answer(200, json.dumps(self.repositories[path]).encode(), "application/json")
        if path.startswith(("/simple/", "/wheels/")) and self.password and request.authorization != self.password:
            return Answer(401)
        if path in self.packages:
            return self._package_page(self.packages[path])
        content = self.files.get(path.removeprefix("/cdn"))
        return Answer(404) if content is None else Answer(200, content, ranged=True)

    def _package_page(self, wheels: Mapping[str, bytes]) -> Answer:
        digests = {file: hashlib.sha256(content).hexdigest() for file, content in wheels.items()}
        if self.html:
            fragment = "#sha256={}" if self.publishes_digests else ""
            links = [f'<a href="/wheels/{f}{fragment.format(d)}">{f}</a><br>' for f, d in digests.items()]
            return Answer(200, f"<!DOCTYPE html><html>{''.join(links)}</html>".encode(), "text/html; charset=utf-8")
        rows = [
            {"filename": f, "url": f"/wheels/{f}"}
            | ({"hashes": {"sha256": digests[f]}, "size": len(content)} if self.publishes_digests else {"hashes": {}})
            for f, content in wheels.items()
        ]
        page = {"meta": {"api-version": "1.1"}, "name": "x", "files": rows}
        return Answer(200, json.dumps(page).encode(), "application/vnd.pypi.simple.v1+json")


class _Server(ThreadingHTTPServer):
    """Closes every connection before it ends, and waits for its threads."""

    daemon_threads = False
    tls: ssl.SSLContext | None = None

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        connection.settimeout(WAIT_SECONDS)
        if self.tls:
            connection = self.tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away in the middle is what many tests are about."""


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            headers = self.headers
            host = (headers["Host"] or "").partition(":")[0]
            request = Seen(host, self.path, headers["Range"], headers["Authorization"])
            hub.requests.append(request)
            fault = hub.next_fault(self.path)
            if fault.silent:
                hub.held.set()
                hub.release.wait(WAIT_SECONDS)
            self._send(hub.answer(request, fault), fault)

        def do_POST(self) -> None:
            """Answers with what it was sent."""
            headers = self.headers
            host = (headers["Host"] or "").partition(":")[0]
            hub.requests.append(Seen(host, self.path, None, headers["Authorization"]))
            self._send(Answer(200, self.rfile.read(int(headers["Content-Length"]))), Fault())

        def _send(self, answer: Answer, fault: Fault) -> None:
            self.close_connection = True
            self.send_response(answer.status)
            for key, value in {"Content-Type": answer.content_type, **answer.headers}.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.send_header("Connection", "close")
            self.end_headers()
            end = len(answer.body) if fault.cut_after is None else fault.cut_after
            pause = end if fault.hold_after is None else fault.hold_after
            self.wfile.write(answer.body[:pause])
            if fault.hold_after is not None:
                hub.held.set()
                hub.release.wait(WAIT_SECONDS)
            self.wfile.write(answer.body[pause:end])

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: pytest's output is for the tests."""

    return Handler


def _cut_to_range(answer: Answer, wanted: str | None) -> Answer:
    if not wanted:
        return answer
    first, _, last = wanted.removeprefix("bytes=").partition("-")
    start, total = int(first), len(answer.body)
    if start >= total:
        return Answer(416, headers={"Content-Range": f"bytes */{total}"})
    end = min(int(last) + 1, total) if last else total
    content_range = f"bytes {start}-{end - 1}/{total}"
    return Answer(206, answer.body[start:end], answer.content_type, {"Content-Range": content_range})


def string(text: str) -> bytes:
    """A GGUF string: its length, then its bytes."""
    encoded = text.encode()
    return struct.pack("<Q", len(encoded)) + encoded


def text_value(text: str) -> bytes:
    return struct.pack("<I", 8) + string(text)


def number_value(number: int) -> bytes:
    return struct.pack("<II", 4, number)


def texts_value(texts: Sequence[str]) -> bytes:
    return struct.pack("<IIQ", 9, 8, len(texts)) + b"".join(map(string, texts))


def numbers_value(numbers: Sequence[int]) -> bytes:
    return struct.pack(f"<IIQ{len(numbers)}i", 9, 5, len(numbers), *numbers)


METADATA: Mapping[str, bytes] = {
    "general.architecture": text_value("llama"),
    "general.file_type": number_value(7),
    "general.license": text_value("mit"),
    "llama.block_count": number_value(2),
    "llama.context_length": number_value(64),
    "llama.embedding_length": number_value(8),
    "llama.attention.head_count": number_value(2),
    "llama.attention.head_count_kv": number_value(1),
    "tokenizer.ggml.tokens": texts_value(["<s>", "a", "b"]),
    "tokenizer.chat_template": text_value("{{ messages }}"),
}


@dataclass(frozen=True, slots=True)
class TinyTensor:
    name: str
    dimensions: tuple[int, ...]
    kind: int  # ggml's number of its type
    size_bytes: int
    offset: int | None = None  # None: right behind the one before


F32, Q8_0, I8 = 0, 8, 24
TENSORS = (
    TinyTensor("token_embd.weight", (8, 4), F32, 128),
    TinyTensor("blk.0.attn_q.weight", (32, 2), Q8_0, 68),
    TinyTensor("output_norm.weight", (8,), F32, 32),
)


def tiny_gguf(
    metadata: Mapping[str, bytes | None] | None = None,
    tensors: Sequence[TinyTensor] = TENSORS,
    *,
    filler_bytes: int = 0,
    alignment: int = 32,
    seed: int = 0,
) -> bytes:
    """A valid GGUF file: 104 parameters in 228 bytes of weights, unless more are asked for.

    metadata      replaces keys of METADATA, or removes those that are None
    filler_bytes  adds a tensor of so many bytes
    seed          files of different seeds differ in their weights
    """
    keys = {k: v for k, v in {**METADATA, **(metadata or {})}.items() if v is not None}
    if filler_bytes:
        tensors = [*tensors, TinyTensor("filler", (filler_bytes,), I8, filler_bytes)]
    rows, end = b"", 0
    for tensor in tensors:
        offset = -(-end // alignment) * alignment if tensor.offset is None else tensor.offset
        shape = struct.pack(f"<I{len(tensor.dimensions)}Q", len(tensor.dimensions), *tensor.dimensions)
        rows += string(tensor.name) + shape + struct.pack("<IQ", tensor.kind, offset)
        end = max(end, offset + tensor.size_bytes)
    head = struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), len(keys))
    head += b"".join(string(key) + value for key, value in keys.items()) + rows
    return head + bytes(-len(head) % alignment) + random.Random(seed).randbytes(end)


def wheel(name: str, files: Mapping[str, bytes], *, version: str = "1.0", requires: Sequence[str] = ()) -> bytes:
    """A wheel that holds `files`, by their paths in it."""
    folder = f"{name.replace('-', '_')}-{version}.dist-info"
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", "License: MIT"]
    lines += [f"Requires-Dist: {r}" for r in requires]
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in files.items():
            archive.writestr(zipfile.ZipInfo(path), content, zipfile.ZIP_DEFLATED)
        archive.writestr(zipfile.ZipInfo(f"{folder}/METADATA"), "\n".join(lines) + "\n")
    return target.getvalue()


def wheel_name(name: str, version: str = "1.0") -> str:
    return f"{name.replace('-', '_')}-{version}-py3-none-any.whl"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
