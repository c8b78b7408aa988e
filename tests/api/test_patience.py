"""Clients that are too slow, send too much, or come all at once, over raw sockets to a server that is impatient."""

import asyncio
import json
import socket
import time
from collections.abc import Iterator

import httpx2
import pytest

from tests.api.conftest import LITTLE, Server, little_home, serving

HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
BODY = {"model": LITTLE, "messages": [{"role": "user", "content": "one two three"}]}
LONGEST_SECONDS = 20  # of waiting for what should come after one


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = little_home(tmp_path_factory.mktemp("home"))
    with serving(home, DOMOV_ENGINE="fake", DOMOV_PATIENCE_SECONDS="1") as server:
        yield server


def connected(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=LONGEST_SECONDS)


def rest(connection: socket.socket) -> bytes:
    """All that the server says until it ends the connection."""
    received = b""
    try:
        while piece := connection.recv(65536):
            received += piece
    except ConnectionResetError:
        pass
    return received


def status(answer: bytes) -> int:
    return int(answer.split(maxsplit=2)[1]) if answer else 0


def test_a_head_that_never_ends_is_a_408(impatient: Server) -> None:
    with connected(impatient) as connection:
        connection.sendall(HEAD)
        assert status(rest(connection)) == 408


def test_a_head_that_comes_a_byte_at_a_time_is_a_408(impatient: Server) -> None:
    start = time.monotonic()
    with connected(impatient) as connection:
        connection.settimeout(0.1)
        for byte in HEAD * 50:
            try:
                connection.sendall(bytes([byte]))
                if not connection.recv(1):
                    break
            except TimeoutError:
                continue
            except OSError:
                break
            else:
                break  # it said something
    assert time.monotonic() - start < LONGEST_SECONDS


def test_a_client_that_says_nothing_is_left(impatient: Server) -> None:
    with connected(impatient) as connection:
        assert rest(connection) == b""


def test_line_ends_before_a_second_request_win_no_time(impatient: Server) -> None:
    with connected(impatient) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        connection.sendall(b"\r\n")
        rest(connection)  # ends


@pytest.mark.parametrize("coding", [b"Content-Length: 500\r\n\r\n{", b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"])
def test_a_body_that_never_ends_is_a_408(impatient: Server, coding: bytes) -> None:
    with connected(impatient) as connection:
        connection.sendall(HEAD + coding)
        answer = rest(connection)
    assert status(answer) == 408
    assert b"took too long" in answer


def test_an_upload_that_never_ends_is_a_408_in_ollamas_words(impatient: Server) -> None:
    line = (
        b"POST /api/blobs/sha256:" + b"0" * 64 + b" HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000\r\n\r\nGGUF"
    )
    with connected(impatient) as connection:
        connection.sendall(line)
        answer = rest(connection)
    assert status(answer) == 408
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]


def test_a_body_that_keeps_coming_has_its_time(impatient: Server) -> None:
    """Two seconds for 40 kB, where a request may take one."""
    content = json.dumps({**BODY, "user": "x" * 40_000}).encode()
    with connected(impatient) as connection:
        connection.sendall(HEAD + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(content))
        step = len(content) // 20 + 1
        for start in range(0, len(content), step):
            connection.sendall(content[start : start + step])
            time.sleep(0.1)
        assert status(rest(connection)) == 200


def test_a_refused_body_that_still_comes_is_not_waited_for(impatient: Server) -> None:
    with connected(impatient) as connection:
        connection.sendall(HEAD.replace(b"json", b"xml") + b"Content-Length: 5000\r\n\r\n")
        assert status(connection.recv(65536)) == 415
        connection.sendall(b"x")
        rest(connection)  # ends


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 70_000 + b"\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + b"X: x\r\n" * 40_000 + b"\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 20_000_000,
    ],
    ids=["long path", "long header", "many headers", "endless header"],
)
def test_a_head_that_is_too_large_is_a_431(impatient: Server, head: bytes) -> None:
    with connected(impatient) as connection:
        try:
            connection.sendall(head)
        except OSError:  # the server does not read on
            return
        assert status(rest(connection)) in (431, 0)  # 0: what it said was lost with what it did not read


@pytest.mark.parametrize(
    "request_",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 200,  # TLS
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX\0Y: 1\r\n\r\n",
        b"CONNECT evil.example:443 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
def test_what_is_no_request_is_a_4xx_at_once(impatient: Server, request_: bytes) -> None:
    with connected(impatient) as connection:
        connection.sendall(request_)
        connection.shutdown(socket.SHUT_WR)
        assert 400 <= status(rest(connection)) < 500


def test_a_websocket_is_no_500(impatient: Server) -> None:
    upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    with connected(impatient) as connection:
        connection.sendall(b"GET /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n" + upgrade)
        connection.sendall(b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
        assert 400 <= status(connection.recv(65536)) < 500


def test_500_slow_clients_hold_up_nobody_and_are_left(impatient: Server) -> None:
    connections = [connected(impatient) for _ in range(500)]
    try:
        for connection in connections:
            connection.sendall(HEAD)
        assert (
            httpx2.post(f"{impatient.url}/v1/chat/completions", json=BODY, timeout=LONGEST_SECONDS).status_code == 200
        )
        assert {status(rest(connection)) for connection in connections} == {408}
    finally:
        for connection in connections:
            connection.close()


async def test_500_requests_at_once_are_all_answered(fake: Server) -> None:
    async with httpx2.AsyncClient(timeout=60, limits=httpx2.Limits(max_connections=500)) as client:
        answers = await asyncio.gather(*(client.post(f"{fake.url}/v1/chat/completions", json=BODY) for _ in range(500)))
    assert {answer.status_code for answer in answers} == {200}


PATHS = ("/v1/chat/completions", "/api/chat", "/v1/messages")


async def test_100_streams_at_once_end_without_an_error(fake: Server) -> None:
    words = " ".join(f"word{n}" for n in range(20))
    body = {**BODY, "messages": [{"role": "user", "content": words}], "stream": True, "max_tokens": 100}

    async def read(client: httpx2.AsyncClient, path: str) -> str:
        async with client.stream("POST", f"{fake.url}{path}", json=body) as answer:
            assert answer.status_code == 200
            return "".join([text async for text in answer.aiter_text()])

    async with httpx2.AsyncClient(timeout=60, limits=httpx2.Limits(max_connections=100)) as client:
        answers = await asyncio.gather(*(read(client, PATHS[n % len(PATHS)]) for n in range(100)))
    ends = ("data: [DONE]\n\n", '"done":true', "message_stop")
    for number, answer in enumerate(answers):
        assert answer.count("word19") == 1 and '"error"' not in answer
        assert ends[number % len(PATHS)] in answer
