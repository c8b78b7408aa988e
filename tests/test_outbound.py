import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import IO, Any

import orjson
import pytest

from domov.errors import AccessDenied, ConnectionBroken, DownloadFailed, HomeUnusable, NotFound, Offline
from domov.outbound import (
    MOST_REDIRECTS,
    Door,
    Outbound,
    check_status,
    is_loopback,
    read_body,
    read_ledger,
    redirected,
    without_secrets,
)
from tests.hub import WAIT_SECONDS, Fault, Hub


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as hub:
        hub.files["/a"] = b"the right bytes"
        yield hub


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return tmp_path / "home" / "logs" / "outbound.jsonl"


@pytest.fixture
async def outbound(ledger: Path) -> AsyncIterator[Outbound]:
    async with Outbound(ledger, offline=False) as outbound:
        yield outbound


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate of our own for `localhost`, and its key."""
    if not shutil.which("openssl"):
        pytest.skip("needs the openssl command")
    folder = tmp_path_factory.mktemp("certificate")
    files = folder / "certificate.pem", folder / "key.pem"
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-out", str(files[0]), "-keyout", str(files[1])]
    subprocess.run([*make.split(), *names], check=True, capture_output=True)
    return files


async def fetch(outbound: Outbound, url: str, **options: Any) -> bytes:
    async with outbound.get(url, reason="a test", **options) as response:
        check_status(response, wanted="the file")
        return await response.read()


def rows(ledger: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in ledger.read_bytes().splitlines()]


async def test_a_get_brings_the_bytes(outbound: Outbound, hub: Hub) -> None:
    assert await fetch(outbound, f"{hub.url}/a") == b"the right bytes"


async def test_a_connection_leaves_one_row_without_query_or_token(outbound: Outbound, hub: Hub, ledger: Path) -> None:
    await fetch(outbound, f"{hub.url}/a?key=secret-1", token="secret-2", headers={"X-Key": "secret-3"})
    (row,) = rows(ledger)
    moment = row.pop("time")
    bytes_told = {"sent_bytes": 0, "received_bytes": 15}
    assert row == {"reason": "a test", "host": "localhost", "path": "/a", "outcome": "200", **bytes_told}
    assert moment.endswith("Z")
    assert b"secret" not in ledger.read_bytes()


async def test_bytes_are_those_that_came_and_unknown_until_the_end(outbound: Outbound, hub: Hub, ledger: Path) -> None:
    async with outbound.get(f"{hub.url}/a", reason="a test") as response:
        assert rows(ledger)[0]["received_bytes"] is None
        await response.read()
        await fetch(outbound, f"{hub.other_host}/a")
    hub.fail("/a", Fault(cut_after=4))
    with pytest.raises(ConnectionBroken):
        await fetch(outbound, f"{hub.url}/a")
    assert [row["received_bytes"] for row in rows(ledger)] == [15, 15, 4]
    assert [row.host for row in read_ledger(ledger)] == ["localhost", "127.0.0.1", "localhost"]


async def test_a_row_is_filled_in_though_another_process_wrote_meanwhile(
    outbound: Outbound, hub: Hub, ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = os.fdopen

    def late(handle: int, mode: str) -> IO[Any]:
        file = opened(handle, mode)
        with ledger.open("ab") as other:
            other.write(b"{}\n")
        return file

    monkeypatch.setattr("domov.outbound.os.fdopen", late)
    await fetch(outbound, f"{hub.url}/a")
    assert [row["received_bytes"] for row in rows(ledger) if row] == [15]


async def test_a_ledger_that_was_moved_away_meanwhile_is_left_alone(outbound: Outbound, hub: Hub, ledger: Path) -> None:
    async with outbound.get(f"{hub.url}/a", reason="a test") as response:
        await response.read()
        ledger.write_bytes(b"{}\nnonsense\n")
    assert ledger.read_bytes() == b"{}\nnonsense\n"
    assert list(read_ledger(ledger)) == []


async def test_a_door_that_is_shut_ends_what_is_open_and_lets_nothing_through(hub: Hub, ledger: Path) -> None:
    door = Door(offline=False)
    hub.fail("/a", Fault(hold_after=3))
    async with Outbound(ledger, offline=door.offline) as outbound:
        reading = asyncio.ensure_future(fetch(door.through(outbound), f"{hub.url}/a"))
        assert await asyncio.to_thread(hub.held.wait, WAIT_SECONDS)
        await door.switch(offline=True)
        with pytest.raises((ConnectionBroken, Offline)):  # while it is read, or when its head has just come
            await reading
        with pytest.raises(Offline):
            await fetch(outbound, f"{hub.url}/a")
        await door.switch(offline=False)
        hub.release.set()
        assert await fetch(outbound, f"{hub.url}/a") == b"the right bytes"
    assert [row["outcome"] for row in rows(ledger)] == ["200", "forbidden: offline mode", "200"]


async def test_a_post_is_sent_once_and_leaves_a_row(outbound: Outbound, hub: Hub, ledger: Path) -> None:
    async with outbound.post(f"{hub.url}/v1", body=b'{"a": 1}', reason="a test", token="secret") as response:
        assert await response.read() == b'{"a": 1}'  # the hub answers with what it was sent
    (seen,) = hub.requests
    assert (seen.path, seen.authorization) == ("/v1", "Bearer secret")
    assert [(r["path"], r["outcome"]) for r in rows(ledger)] == [("/v1", "200")]


async def test_offline_a_post_reaches_this_machine_and_no_other(hub: Hub, ledger: Path) -> None:
    async with Outbound(ledger, offline=True) as closed:
        async with closed.post(f"{hub.url}/v1", body=b"{}", reason="a test") as response:
            assert response.status == 200
        with pytest.raises(Offline, match="not sent"):
            async with closed.post("http://192.0.2.1/v1", body=b"{}", reason="a test"):
                pass
    assert [r["outcome"] for r in rows(ledger)] == ["200", "forbidden: offline mode"]


async def test_what_is_asked_of_this_machine_goes_through_no_proxy(
    outbound: Outbound, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    async with outbound.post(f"{hub.url}/v1", body=b"{}", reason="a test") as response:
        assert response.status == 200
    with pytest.raises(ConnectionBroken):
        async with outbound.post("http://192.0.2.1/v1", body=b"{}", reason="a test"):
            pass


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.8.8", "[::1]"])
def test_this_machine_has_these_names(host: str) -> None:
    assert is_loopback(f"http://{host}:1/v1")


@pytest.mark.parametrize("host", ["localhost.example", "10.0.0.1", "0.0.0.0", "127.0.0.1.example", "128.0.0.1"])
def test_and_not_these(host: str) -> None:
    assert not is_loopback(f"http://{host}:1/v1")


async def test_a_password_in_an_address_stays_out_of_the_ledger(outbound: Outbound, hub: Hub, ledger: Path) -> None:
    await fetch(outbound, hub.url.replace("//", "//user:secret@") + "/a")
    assert hub.requests[0].authorization == "Basic dXNlcjpzZWNyZXQ="
    assert b"secret" not in ledger.read_bytes()


async def test_the_ledger_is_private_and_grows(outbound: Outbound, hub: Hub, ledger: Path) -> None:
    for _ in range(3):
        await fetch(outbound, f"{hub.url}/a")
    assert len(rows(ledger)) == 3
    assert ledger.stat().st_mode & 0o777 == 0o600


async def test_every_hop_of_a_redirect_has_its_row(outbound: Outbound, hub: Hub, ledger: Path) -> None:
    hub.redirects["/start"] = "/middle"
    hub.redirects["/middle"] = f"{hub.other_host}/a?signature=secret"
    assert await fetch(outbound, f"{hub.url}/start") == b"the right bytes"
    assert [(r["host"], r["path"], r["outcome"]) for r in rows(ledger)] == [
        ("localhost", "/start", "302"),
        ("localhost", "/middle", "302"),
        ("127.0.0.1", "/a", "200"),
    ]


async def test_a_token_is_for_its_own_host_alone(outbound: Outbound, hub: Hub) -> None:
    hub.redirects |= {"/1": "/2", "/2": f"{hub.other_host}/3", "/3": f"{hub.url}/a"}
    await fetch(outbound, f"{hub.url}/1", token="secret")
    sent = [(r.path, r.authorization) for r in hub.requests]
    assert sent == [("/1", "Bearer secret"), ("/2", "Bearer secret"), ("/3", None), ("/a", "Bearer secret")]


async def test_a_token_is_not_for_another_port_of_its_host(outbound: Outbound, hub: Hub) -> None:
    with Hub() as other:
        other.files["/a"] = b"x"
        hub.redirects["/start"] = f"{other.url}/a"
        await fetch(outbound, f"{hub.url}/start", token="secret")
        assert other.requests[0].authorization is None


async def test_redirects_end(outbound: Outbound, hub: Hub) -> None:
    hub.redirects["/round"] = "/round"
    with pytest.raises(DownloadFailed, match=f"localhost redirects more than {MOST_REDIRECTS} times"):
        await fetch(outbound, f"{hub.url}/round")
    assert len(hub.requests) == MOST_REDIRECTS + 1


def test_a_redirect_never_leaves_encryption() -> None:
    assert redirected("https://hub/a", "https://other/b") == "https://other/b"
    assert redirected("http://hub/a", "https://other/b") == "https://other/b"
    with pytest.raises(DownloadFailed, match="unencrypted address: http://other/b$"):
        redirected("https://hub/a", "http://other/b?key=secret")


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://x/y", "data:,x", "http://[", "http://host:0/"])
async def test_a_redirect_to_no_address_is_refused(outbound: Outbound, hub: Hub, location: str) -> None:
    hub.redirects["/start"] = location
    with pytest.raises(DownloadFailed):
        await fetch(outbound, f"{hub.url}/start")
    assert len(hub.requests) == 1


BAD_ADDRESSES = [
    "",
    "nonsense",
    "huggingface.co/api",
    "/api/models",
    "http://",
    "http:///x",
    "http://[::",
    "http://[x]/",
    "http://host:99999/",
    "http://host:0/",
    "http://host:port/",
    "ftp://host/x",
    "file:///etc/passwd",
    "http://user:secret@/x",
    "http://" + "a" * 300 + "/",
    "http://a..b/",
    "http://exa mple/\n\x1b[31m",
]


@pytest.mark.parametrize("url", BAD_ADDRESSES)
async def test_what_is_no_address_is_said_to_be_none(outbound: Outbound, url: str) -> None:
    with pytest.raises(DownloadFailed) as caught:
        await fetch(outbound, url)
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 200
    assert "secret" not in caught.value.message


@pytest.mark.parametrize("token", ["two\nlines", "caf\x00e"])
async def test_a_token_that_cannot_be_sent_is_said_to_be_malformed(outbound: Outbound, hub: Hub, token: str) -> None:
    with pytest.raises(DownloadFailed, match="token is malformed") as caught:
        await fetch(outbound, f"{hub.url}/a", token=token)
    assert "HF_TOKEN" in caught.value.hint


def test_an_address_is_printed_without_its_secrets() -> None:
    assert without_secrets("https://user:secret@host/path?key=secret#secret") == "https://host/path"


async def test_offline_nothing_is_sent_and_a_row_says_so(hub: Hub, ledger: Path) -> None:
    async with Outbound(ledger, offline=True) as outbound:
        with pytest.raises(Offline, match="localhost") as caught:
            await fetch(outbound, f"{hub.url}/a")
    assert "domov privacy --online" in caught.value.hint
    assert hub.requests == []
    assert [(r["host"], r["path"], r["outcome"]) for r in rows(ledger)] == [
        ("localhost", "/a", "forbidden: offline mode")
    ]


async def test_a_refused_connection_says_so_and_has_its_row(outbound: Outbound, ledger: Path) -> None:
    with Hub() as gone:
        url = f"{gone.other_host}/a"
    with pytest.raises(ConnectionBroken, match=r"the connection to 127\.0\.0\.1 failed: .*refused"):
        await fetch(outbound, url)
    assert "refused" in rows(ledger)[0]["outcome"]


async def test_a_host_that_is_not_there_is_named(outbound: Outbound) -> None:
    with pytest.raises(ConnectionBroken, match=r"the connection to nowhere\.invalid failed"):
        await fetch(outbound, "http://nowhere.invalid/")


async def test_an_answer_that_is_cut_is_a_broken_connection(outbound: Outbound, hub: Hub) -> None:
    hub.fail("/a", Fault(cut_after=3))
    with pytest.raises(ConnectionBroken, match="localhost"):
        await fetch(outbound, f"{hub.url}/a")


async def test_a_host_that_falls_silent_is_a_broken_connection(hub: Hub, ledger: Path) -> None:
    hub.fail("/a", Fault(hold_after=3))
    async with Outbound(ledger, offline=False, silence_seconds=0.1) as outbound:
        with pytest.raises(ConnectionBroken, match=r"no answer for 0\.1 seconds"):
            await fetch(outbound, f"{hub.url}/a")


async def test_a_connection_that_is_given_up_has_its_row(outbound: Outbound, hub: Hub, ledger: Path) -> None:
    hub.fail("/a", Fault(silent=True))
    task = asyncio.create_task(fetch(outbound, f"{hub.url}/a"))
    await asyncio.to_thread(hub.held.wait, WAIT_SECONDS)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [(r["path"], r["outcome"]) for r in rows(ledger)] == [("/a", "interrupted")]


async def test_no_connection_is_made_that_cannot_be_written_down(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    async with Outbound(tmp_path / "file" / "logs" / "outbound.jsonl", offline=False) as outbound:
        with pytest.raises(HomeUnusable, match="can't write"):
            await fetch(outbound, f"{hub.url}/a")
    assert hub.requests == []


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, AccessDenied), (403, AccessDenied), (404, NotFound), (418, DownloadFailed), (500, DownloadFailed)],
)
async def test_a_status_becomes_its_error(outbound: Outbound, hub: Hub, status: int, error: type[Exception]) -> None:
    hub.fail("/a", Fault(status=status))
    with pytest.raises(error, match="the file"):
        await fetch(outbound, f"{hub.url}/a")


async def test_a_long_body_that_comes_in_pieces_is_read_whole(outbound: Outbound, hub: Hub) -> None:
    hub.files["/a"] = bytes(3_000_000)
    async with outbound.get(f"{hub.url}/a", reason="a test") as response:
        assert await read_body(response, most_bytes=3_000_000, wanted="it") == bytes(3_000_000)
    async with outbound.get(f"{hub.url}/a", reason="a test") as response:
        with pytest.raises(DownloadFailed, match="more than 2999999 bytes"):
            await read_body(response, most_bytes=2_999_999, wanted="it")


async def test_an_unknown_certificate_is_refused_in_words(
    outbound: Outbound, certificate: tuple[Path, Path], ledger: Path
) -> None:
    with Hub(tls=certificate) as hub:
        with pytest.raises(ConnectionBroken, match=r"localhost failed: .*certificate"):
            await fetch(outbound, f"{hub.url}/a")
        assert hub.requests == []
    assert "certificate" in rows(ledger)[0]["outcome"]


async def test_a_certificate_of_ones_own_is_trusted_when_named(
    outbound: Outbound, certificate: tuple[Path, Path]
) -> None:
    with Hub(tls=certificate) as hub:
        hub.files["/a"] = b"x"
        assert await fetch(outbound, f"{hub.url}/a", cafile=str(certificate[0])) == b"x"


async def test_an_encrypted_host_cannot_redirect_to_an_unencrypted_one(
    outbound: Outbound, hub: Hub, certificate: tuple[Path, Path]
) -> None:
    with Hub(tls=certificate) as safe:
        safe.redirects["/a"] = f"{hub.url}/a"
        with pytest.raises(DownloadFailed, match="unencrypted"):
            await fetch(outbound, f"{safe.url}/a", cafile=str(certificate[0]))
    assert hub.requests == []


async def test_certificates_that_cannot_be_read_are_named(outbound: Outbound, hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "bad.pem").write_text("no certificate")
    for file in ("bad.pem", "none.pem"):
        with pytest.raises(DownloadFailed, match=f"can't read the certificates in .*{file}"):
            await fetch(outbound, f"{hub.url}/a", cafile=str(tmp_path / file))
