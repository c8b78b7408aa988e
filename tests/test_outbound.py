import json
from pathlib import Path

import pytest

from domov.errors import ConnectionBroken, DownloadFailed, HomeUnusable, Offline
from domov.outbound import Outbound, redirected
from tests.hub import Fault, Hub


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "outbound.jsonl"


def rows(ledger: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in ledger.read_text().splitlines()]


async def get(outbound: Outbound, url: str, token: str | None = None) -> int:
    async with outbound.get(url, reason="a test", token=token) as response:
        return response.status


async def test_each_hop_is_a_row_without_secrets(ledger: Path) -> None:
    with Hub() as hub:
        hub.redirects["/a"] = f"{hub.other_host}/b?signature=secret"
        async with Outbound(ledger, offline=False) as outbound:
            assert await get(outbound, f"{hub.url}/a?key=secret", token="secret") == 404
    assert [(r["host"], r["path"], r["outcome"]) for r in rows(ledger)] == [
        ("localhost", "/a", "302"),
        ("127.0.0.1", "/b", "404"),
    ]
    assert {r["reason"] for r in rows(ledger)} == {"a test"}
    assert "secret" not in ledger.read_text()
    assert ledger.stat().st_mode & 0o777 == 0o600


async def test_a_token_is_for_the_first_host_alone_even_on_the_way_back(ledger: Path) -> None:
    with Hub() as hub:
        hub.redirects |= {"/a": f"{hub.other_host}/b", "/b": f"{hub.url}/c"}
        async with Outbound(ledger, offline=False) as outbound:
            await get(outbound, f"{hub.url}/a", token="t")
        shown = [(r.host, r.authorization) for r in hub.requests]
    assert shown == [("localhost", "Bearer t"), ("127.0.0.1", None), ("localhost", "Bearer t")]


async def test_a_ring_of_redirects_ends(ledger: Path) -> None:
    with Hub() as hub:
        hub.redirects["/a"] = "/a"
        async with Outbound(ledger, offline=False) as outbound:
            with pytest.raises(DownloadFailed, match="more than 5 times"):
                await get(outbound, f"{hub.url}/a")


async def test_offline_nothing_is_asked_and_a_row_says_so(ledger: Path) -> None:
    with Hub() as hub:
        async with Outbound(ledger, offline=True) as outbound:
            with pytest.raises(Offline):
                await get(outbound, f"{hub.url}/a")
        assert hub.requests == []
    assert rows(ledger)[0]["outcome"] == "forbidden: offline mode"


async def test_without_a_ledger_there_is_no_connection(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with Hub() as hub:
        async with Outbound(tmp_path / "file" / "ledger", offline=False) as outbound:
            with pytest.raises(HomeUnusable):
                await get(outbound, f"{hub.url}/a")
        assert hub.requests == []


async def test_a_host_that_falls_silent_is_a_broken_connection(ledger: Path) -> None:
    with Hub() as hub:
        hub.files["/a"] = b"x" * 1000
        hub.fail("/a", Fault(hold_after=10))
        async with Outbound(ledger, offline=False, silence_seconds=0.2) as outbound:
            with pytest.raises(ConnectionBroken, match="no answer for 0.2 seconds"):
                async with outbound.get(f"{hub.url}/a", reason="a test") as response:
                    await response.read()


@pytest.mark.parametrize("url", ["", "ftp://x/", "file:///etc/passwd", "http://", "http://[::1", "http://x:0/"])
async def test_what_is_no_address_is_refused(ledger: Path, url: str) -> None:
    async with Outbound(ledger, offline=False) as outbound:
        with pytest.raises(DownloadFailed, match="address"):
            await get(outbound, url)


def test_a_redirect_may_not_lead_to_a_less_safe_place() -> None:
    assert redirected("https://a/x", "/y") == "https://a/y"
    assert redirected("http://a/x", "https://b/y") == "https://b/y"
    for location in ("http://b/y", "file:///etc/passwd", "ftp://b/"):
        with pytest.raises(DownloadFailed):
            redirected("https://a/x", location)
