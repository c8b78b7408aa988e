"""Who may call, asked of the real server over raw sockets, where any header can be sent."""

import socket

import pytest

from tests.api.conftest import Server


def ask(server: Server, *headers: str, line: str = "GET /healthz HTTP/1.1", body: bytes = b"") -> int:
    """The status that the server gives to exactly these bytes."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall("\r\n".join([line, *headers, "Connection: close", "", ""]).encode() + body)
        return int(connection.makefile("rb").readline().split()[1])


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "LOCALHOST"])
def test_this_machine_may_call(server: Server, host: str) -> None:
    assert ask(server, f"Host: {host}:{server.port}") == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "localhost:1/#@x",
        "127.0.0.1.evil",
        "0.0.0.0",
        "localhost@evil",
        "",
        "a b",
    ],
)
def test_another_host_name_is_refused_against_dns_rebinding(server: Server, host: str) -> None:
    assert ask(server, f"Host: {host}") in (400, 403)


def test_two_host_headers_are_refused(server: Server) -> None:
    assert ask(server, "Host: localhost", "Host: evil.example") == 400


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:1", "http://localhost.evil"])
def test_a_page_of_another_origin_is_refused(server: Server, origin: str) -> None:
    assert ask(server, "Host: localhost", f"Origin: {origin}") == 403


def test_a_page_of_this_server_may_call(server: Server) -> None:
    assert ask(server, "Host: localhost", f"Origin: http://localhost:{server.port}") == 200


def test_a_form_that_a_page_can_send_unasked_is_refused(server: Server) -> None:
    line = "POST /v1/chat/completions HTTP/1.1"
    assert ask(server, "Host: localhost", "Content-Type: text/plain", "Content-Length: 2", line=line, body=b"{}") == 415
    assert ask(server, "Host: localhost", "Sec-Fetch-Site: cross-site", "Content-Length: 0", line=line) == 403


def test_a_body_of_100_mb_is_refused_before_it_is_read(server: Server) -> None:
    line = "POST /v1/chat/completions HTTP/1.1"
    assert ask(server, "Host: localhost", "Content-Length: 100000000", line=line) == 413


def test_a_body_that_does_not_say_its_length_is_refused_when_it_is_too_long(server: Server) -> None:
    head = "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    head += "Transfer-Encoding: chunked\r\n\r\n"
    chunk = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(head.encode())
        for _ in range(66):
            connection.sendall(chunk)
        connection.sendall(b"0\r\n\r\n")
        assert int(connection.makefile("rb").readline().split()[1]) == 413


def test_an_unknown_path_is_a_json_404(server: Server) -> None:
    assert ask(server, "Host: localhost", line="GET /nope HTTP/1.1") == 404
    assert ask(server, "Host: localhost", line="DELETE /healthz HTTP/1.1") == 405


def test_the_server_lives_on(server: Server) -> None:
    assert ask(server, "Host: localhost") == 200
