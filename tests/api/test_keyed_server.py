"""A real server that others can reach: keys, TLS and a second address, with other people's clients and raw sockets."""

import re
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import ollama
import openai
import orjson
import pytest
import trustme

from tests.api.test_tls import written
from tests.conftest import STARTER, domov, environment

CA = trustme.CA()
MESSAGES = [{"role": "user", "content": "Tell me a story."}]


@dataclass(frozen=True)
class Keyed:
    home: Path
    key: str  # the first one, which may do everything
    told: str  # what it said as it started
    tls_port: int
    port: int  # of the second address, on loopback without TLS

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str, key: str = "") -> httpx2.Response:
        return httpx2.get(f"{self.url}{path}", headers={"authorization": f"Bearer {key}"} if key else {}, timeout=60)

    def new_key(self, name: str, *options: str) -> str:
        return made_key(self.home, name, *options)


def made_key(home: Path, name: str, *options: str) -> str:
    done = domov(home, "keys", "add", "--name", name, *options)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@contextmanager
def started(home: Path, *, lines: int, **more: str) -> Iterator[str]:
    """`domov serve`, and the first lines that it says."""
    command = [sys.executable, "-m", "domov", "serve", "--port", "0"]
    with subprocess.Popen(command, env=environment(home, **more), stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        try:
            yield "".join(process.stderr.readline() for _ in range(lines))
        finally:
            process.terminate()
            process.wait(10)


@pytest.fixture(scope="module")
def keyed(starter_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyed]:
    home = tmp_path_factory.mktemp("keyed")
    (home / "models").symlink_to(starter_home / "models")
    cert, key = written(home, "server", CA.issue_cert("localhost", "127.0.0.1"))
    settings = {"DOMOV_HOST": "0.0.0.0", "DOMOV_ALSO_LISTEN": "http://127.0.0.1:0", "DOMOV_REQUIRE_KEYS": "1"}
    with started(home, lines=4, DOMOV_TLS_CERT=cert, DOMOV_TLS_KEY=key, **settings) as told:
        secret = re.search(r"shown this once: (domov-\S+)", told)
        ports = re.findall(r"://[\d.]+:(\d+)", told)
        assert secret and len(ports) == 2, told
        yield Keyed(home, secret[1], told, *map(int, ports))


def test_the_first_key_is_told_and_works_and_nothing_works_without(keyed: Keyed) -> None:
    assert "https://0.0.0.0" in keyed.told and "Warning" not in keyed.told
    assert keyed.get("/v1/models", keyed.key).json()["data"][0]["id"] == STARTER
    assert keyed.get("/v1/models").status_code == 401
    assert keyed.get("/healthz").status_code == 200


def test_over_tls_with_a_certificate_that_is_checked(keyed: Keyed) -> None:
    context = ssl.create_default_context()
    CA.configure_trust(context)
    headers = {"x-api-key": keyed.key}
    answer = httpx2.get(f"https://localhost:{keyed.tls_port}/v1/models", headers=headers, verify=context)
    assert answer.status_code == 200
    with pytest.raises(httpx2.RemoteProtocolError):
        httpx2.get(f"http://localhost:{keyed.tls_port}/healthz")
    assert keyed.get("/healthz").status_code == 200


def test_own_commands_go_on_working_with_keys_and_tls(keyed: Keyed) -> None:
    done = domov(keyed.home, "ps", "--json")
    assert (done.returncode, orjson.loads(done.stdout)) == (0, []) or STARTER in done.stdout, done.stderr
    announced = keyed.home / "server.json"
    assert announced.stat().st_mode & 0o077 == 0
    assert orjson.loads(announced.read_bytes())["secret"] != keyed.key


def test_own_commands_tell_a_server_with_another_certificate(keyed: Keyed, tmp_path: Path) -> None:
    table = orjson.loads((keyed.home / "server.json").read_bytes())
    (tmp_path / "server.json").write_bytes(orjson.dumps({**table, "fingerprint": "0" * 64}))
    done = domov(tmp_path, "ps")
    assert done.returncode == 1 and "another certificate" in done.stderr


def test_other_peoples_clients_carry_a_key_their_own_way(keyed: Keyed) -> None:
    key, wrong = keyed.new_key("clients"), "domov-" + "x" * 43
    with openai_client(keyed, key) as client:
        assert client.models.list().data
        with pytest.raises(openai.PermissionDeniedError, match="scope models"):
            client.models.delete(STARTER)
    with openai_client(keyed, wrong) as client, pytest.raises(openai.AuthenticationError, match="not known"):
        client.models.list()
    with anthropic.Anthropic(base_url=keyed.url, api_key=key) as claude:
        assert claude.models.list().data
    with (
        anthropic.Anthropic(base_url=keyed.url, api_key=wrong) as claude,
        pytest.raises(anthropic.AuthenticationError, match="not known"),
    ):
        claude.models.list()
    llama = ollama.Client(keyed.url, headers={"Authorization": f"Bearer {key}"})
    with closing(llama._client):
        assert llama.list().models
        with pytest.raises(ollama.ResponseError, match="scope models"):
            llama.delete(STARTER)


def openai_client(keyed: Keyed, key: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{keyed.url}/v1", api_key=key)


def test_a_key_that_is_revoked_by_command_is_refused_from_the_next_request_on(keyed: Keyed) -> None:
    key = keyed.new_key("guest", "--expires", "1d")
    assert keyed.get("/v1/models", key).status_code == 200
    assert domov(keyed.home, "keys", "revoke", "guest").returncode == 0
    answer = keyed.get("/v1/models", key)
    assert answer.status_code == 401 and "revoked" in answer.json()["error"]["message"]
    assert key not in (keyed.home / "logs" / "audit.jsonl").read_text()


def used(keyed: Keyed, name: str) -> int:
    rows = orjson.loads(domov(keyed.home, "keys", "list", "--json").stdout)
    return int(next(row for row in rows if row["name"] == name)["today"]["tokens"])


def used_after_a_while(keyed: Keyed, name: str, *, more_than: int) -> int:
    """What is counted is written within a second or so."""
    deadline = time.monotonic() + 30
    while (tokens := used(keyed, name)) <= more_than and time.monotonic() < deadline:
        time.sleep(0.2)
    return tokens


def test_tokens_are_counted_for_whole_answers_and_what_is_cut_short(keyed: Keyed) -> None:
    key = keyed.new_key("counted", "--tokens-per-day", "1000000")
    asked: Any = {"model": STARTER, "messages": MESSAGES}
    with openai_client(keyed, key) as client:
        answer = client.chat.completions.create(**asked, max_tokens=3)
        assert used_after_a_while(keyed, "counted", more_than=0) == (first := answer.usage.total_tokens)
        with anthropic.Anthropic(base_url=keyed.url, api_key=key) as claude:
            claude.messages.create(**asked, max_tokens=3)
        assert used_after_a_while(keyed, "counted", more_than=first) == (second := 2 * first)
        with client.chat.completions.create(**asked, max_tokens=500, stream=True) as stream:
            for _ in range(5):
                next(stream)
    assert used_after_a_while(keyed, "counted", more_than=second) >= second + 4


def test_limits_given_by_command_hold(keyed: Keyed) -> None:
    key = keyed.new_key("slow", "--requests-per-minute", "1", "--models", "other:*")
    assert keyed.get("/v1/models", key).json() == {"object": "list", "data": []}
    answer = keyed.get("/v1/models", key)
    assert answer.status_code == 429 and 0 < int(answer.headers["retry-after"]) <= 60


def raw(keyed: Keyed, content: bytes) -> bytes:
    """What the server answers to exactly these bytes, at once."""
    with socket.create_connection(("127.0.0.1", keyed.port), timeout=20) as connection:
        connection.sendall(content)
        return connection.recv(65536)


def test_a_head_without_end_is_cut_off(keyed: Keyed) -> None:
    with socket.create_connection(("127.0.0.1", keyed.port), timeout=20) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Long: ")
        sent = 0
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            while sent < 100 << 20:
                connection.sendall(b"x" * 65536)
                sent += 65536
        assert sent < 20 << 20  # what fits into the sockets' own buffers


@pytest.mark.parametrize("part", [b"x" * 70_000, b"a: b\r\n" * 15_000], ids=["one header", "many headers"])
def test_a_head_that_is_too_large_is_a_431(keyed: Keyed, part: bytes) -> None:
    head = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + (part if b"\r\n" in part else b"X: " + part + b"\r\n")
    assert b" 431 " in raw(keyed, head + b"\r\n")
    path = b"GET /" + b"x" * 66_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"
    assert b" 431 " in raw(keyed, path)


def test_many_requests_on_one_connection_are_not_taken_for_a_long_head(keyed: Keyed) -> None:
    with httpx2.Client(base_url=keyed.url, headers={"x": "x" * 30_000}) as client:
        assert [client.get("/healthz").status_code for _ in range(10)] == [200] * 10


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \xc3\xa9\xff\r\n\r\n",
        b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + b"k" * 60_000 + b"\r\n\r\n",
        b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n",
        b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
        b"GET /v1/models HTTP/1.0\r\n\r\n",
        b"GET http://evil.example/v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET http://localhost/v1/models HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n",
        b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nX-Original-URL: /healthz\r\nX-Rewrite-URL: /healthz\r\n\r\n",
        b"POST /healthz HTTP/1.1\r\nHost: localhost\r\nX-HTTP-Method-Override: GET\r\nContent-Length: 0\r\n\r\n",
        b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n",
        b"POST /v1/models HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /v1/models\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
def test_no_bytes_get_in_without_a_key(keyed: Keyed, request_: bytes) -> None:
    answer = raw(keyed, request_)
    assert re.match(rb"HTTP/1.1 4\d\d ", answer), answer
    assert STARTER.encode() not in answer


def test_a_request_smuggled_into_a_body_is_not_answered_as_another(keyed: Keyed) -> None:
    inner = b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + keyed.key.encode() + b"\r\n\r\n"
    outer = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n" % len(inner)
    answer = raw(keyed, outer + b"Content-Type: application/json\r\n\r\n" + inner)
    assert answer.startswith(b"HTTP/1.1 401") and STARTER.encode() not in answer


def test_the_server_lives_on_and_has_said_nothing_of_keys(keyed: Keyed) -> None:
    assert keyed.get("/v1/models", keyed.key).status_code == 200
    for path in (keyed.home / "logs").iterdir():
        assert keyed.key not in path.read_text(errors="replace")


def test_a_second_start_tells_no_key_and_without_tls_it_warns(tmp_path: Path) -> None:
    key = made_key(tmp_path, "mine", "--scope", "admin")
    with started(tmp_path, lines=2, DOMOV_HOST="0.0.0.0") as told:
        assert "domov-" not in told and "has no TLS" in told
        (port,) = re.findall(r":(\d+)/v1", told)
        url = f"http://127.0.0.1:{port}/v1/models"
        assert httpx2.get(url).status_code == 401
        assert httpx2.get(url, headers={"api-key": key}).status_code == 200
        assert httpx2.get(url, headers={"api-key": key, "host": "evil.example"}).status_code == 403


def test_the_environments_key_is_asked_for_on_loopback_too(tmp_path: Path) -> None:
    secret = "from-the-environment-0123456789"
    with started(tmp_path, lines=1, DOMOV_API_KEY=secret) as told:
        (port,) = re.findall(r":(\d+)/v1", told)
        url = f"http://127.0.0.1:{port}/api/domov/keys"
        assert httpx2.get(url).status_code == 401
        assert httpx2.get(url, headers={"authorization": f"Bearer {secret}"}).json() == {"keys": []}
        assert domov(tmp_path, "ps").returncode == 0
    stored = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert secret.encode() not in stored


def test_without_a_key_that_can_be_used_it_does_not_start(tmp_path: Path) -> None:
    made_key(tmp_path, "mine", "--scope", "admin")
    assert domov(tmp_path, "keys", "revoke", "mine").returncode == 0
    done = domov(tmp_path, "serve", "--port", "0", "--host", "0.0.0.0")
    assert done.returncode == 1 and "revoked or expired" in done.stderr and "domov keys add" in done.stderr
