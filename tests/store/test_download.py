import random
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from domov.errors import (
    AccessDenied,
    ConnectionBroken,
    DigestMismatch,
    DiskFull,
    DownloadFailed,
    NotFound,
)
from domov.outbound import Outbound
from domov.store.download import MOST_TRIES, Progress, Wanted, check_room, download
from tests.hub import Fault, Hub, sha256
from tests.store.conftest import ignore

CONTENT = random.Random(1).randbytes(3_000_000)


class Clock:
    """A `sleep` that takes no time and remembers how long it would have been."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)


@pytest.fixture
def wanted(hub: Hub) -> Wanted:
    hub.files["/cdn/file"] = hub.files["/file"] = CONTENT
    return Wanted(f"{hub.url}/cdn/file", "the file", "test", size_bytes=len(CONTENT), sha256=sha256(CONTENT))


@pytest.fixture
def part(tmp_path: Path) -> Path:
    return tmp_path / "partial" / "x.part"


async def test_a_file_arrives_whole_and_progress_reaches_the_end(
    outbound: Outbound, wanted: Wanted, part: Path
) -> None:
    steps: list[Progress] = []
    assert await download(outbound, wanted, part, on_progress=steps.append) == sha256(CONTENT)
    assert part.read_bytes() == CONTENT
    assert steps[-1] == Progress("downloading", len(CONTENT), len(CONTENT))


async def test_a_cut_connection_goes_on_where_it_stopped(
    hub: Hub, outbound: Outbound, wanted: Wanted, part: Path
) -> None:
    hub.fail("/cdn/file", Fault(cut_after=1_000_000))
    assert await download(outbound, wanted, part, on_progress=ignore, sleep=Clock()) == sha256(CONTENT)
    assert [r.range for r in hub.downloads()] == [None, "bytes=1000000-"]


async def test_what_an_earlier_process_fetched_is_not_fetched_again(
    hub: Hub, outbound: Outbound, wanted: Wanted, part: Path
) -> None:
    part.parent.mkdir()
    part.write_bytes(CONTENT[:2_000_000])
    await download(outbound, wanted, part, on_progress=ignore)
    assert [r.range for r in hub.downloads()] == ["bytes=2000000-"]
    assert part.read_bytes() == CONTENT


async def test_a_complete_part_asks_for_nothing(hub: Hub, outbound: Outbound, wanted: Wanted, part: Path) -> None:
    part.parent.mkdir()
    part.write_bytes(CONTENT)
    assert await download(outbound, wanted, part, on_progress=ignore) == sha256(CONTENT)
    assert hub.requests == []


async def test_a_server_that_knows_no_ranges_starts_again(
    hub: Hub, outbound: Outbound, wanted: Wanted, part: Path
) -> None:
    hub.fail("/cdn/file", Fault(cut_after=1_000_000), Fault(ignores_range=True))
    assert await download(outbound, wanted, part, on_progress=ignore, sleep=Clock()) == sha256(CONTENT)


async def test_wrong_bytes_are_thrown_away(hub: Hub, outbound: Outbound, wanted: Wanted, part: Path) -> None:
    hub.fail("/cdn/file", Fault(body=bytes(len(CONTENT))))
    with pytest.raises(DigestMismatch, match=sha256(CONTENT)):
        await download(outbound, wanted, part, on_progress=ignore)
    assert not part.exists()


async def test_more_bytes_than_promised_are_refused(hub: Hub, outbound: Outbound, wanted: Wanted, part: Path) -> None:
    hub.fail("/cdn/file", Fault(body=CONTENT + CONTENT))
    with pytest.raises(DigestMismatch, match="more than 3000000 bytes"):
        await download(outbound, wanted, part, on_progress=ignore)
    assert not part.exists()


async def test_a_host_that_falls_silent_is_asked_for_the_rest(hub: Hub, wanted: Wanted, part: Path) -> None:
    hub.fail("/cdn/file", Fault(hold_after=1_000_000))
    async with Outbound(part.parent / "ledger", offline=False, silence_seconds=0.2) as outbound:
        assert await download(outbound, wanted, part, on_progress=ignore, sleep=Clock()) == sha256(CONTENT)
    assert [r.range for r in hub.downloads()] == [None, "bytes=1000000-"]


async def test_another_range_than_was_asked_for_is_not_added(
    hub: Hub, outbound: Outbound, wanted: Wanted, part: Path
) -> None:
    """Without a digest nobody would notice."""
    part.parent.mkdir()
    part.write_bytes(CONTENT[:1_000_000])
    answer = Fault(206, {"Content-Range": f"bytes 0-{len(CONTENT) - 1}/{len(CONTENT)}"}, CONTENT)
    hub.fail("/cdn/file", answer)
    without = replace(wanted, sha256=None, size_bytes=None)
    assert await download(outbound, without, part, on_progress=ignore) == sha256(CONTENT)
    assert part.read_bytes() == CONTENT


async def test_a_file_of_unknown_size_and_digest_is_fetched_and_resumed(
    hub: Hub, outbound: Outbound, wanted: Wanted, part: Path
) -> None:
    unknown = replace(wanted, sha256=None, size_bytes=None)
    hub.fail("/cdn/file", Fault(cut_after=1_000_000))
    assert await download(outbound, unknown, part, on_progress=ignore, sleep=Clock()) == sha256(CONTENT)
    assert await download(outbound, unknown, part, on_progress=ignore) == sha256(CONTENT)
    assert [r.range for r in hub.downloads()] == [None, "bytes=1000000-", "bytes=3000000-"]


@pytest.mark.parametrize("after", ["soon", "-1", "\xb2", "Fri, 31 Dec 1999 23:59:59 GMT", "9" * 400])
async def test_a_wait_that_is_no_number_of_seconds_is_our_own(
    hub: Hub, outbound: Outbound, wanted: Wanted, part: Path, after: str
) -> None:
    clock = Clock()
    hub.fail("/cdn/file", Fault(429, {"Retry-After": after}))
    await download(outbound, wanted, part, on_progress=ignore, sleep=clock)
    assert clock.slept == [30.0 if after.startswith("9") else 1.0]


async def test_a_host_that_is_not_there_is_told_at_once(outbound: Outbound, part: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/x"
    start, clock = time.monotonic(), Clock()
    with pytest.raises(ConnectionBroken, match="127.0.0.1"):
        await download(outbound, Wanted(url, "x", "test"), part, on_progress=ignore, sleep=clock)
    assert (clock.slept, time.monotonic() - start < 5) == ([], True)


async def test_a_hub_that_asks_to_wait_is_waited_for(hub: Hub, outbound: Outbound, wanted: Wanted, part: Path) -> None:
    clock = Clock()
    hub.fail("/cdn/file", Fault(429, {"Retry-After": "7"}), Fault(503))
    assert await download(outbound, wanted, part, on_progress=ignore, sleep=clock) == sha256(CONTENT)
    assert clock.slept == [7.0, 2.0]


async def test_a_hub_that_goes_on_failing_is_given_up_and_what_is_here_is_kept(
    hub: Hub, outbound: Outbound, wanted: Wanted, part: Path
) -> None:
    clock = Clock()
    hub.fail("/cdn/file", Fault(cut_after=1_000_000), *[Fault(500)] * MOST_TRIES)
    with pytest.raises(DownloadFailed, match="500") as caught:
        await download(outbound, wanted, part, on_progress=ignore, sleep=clock)
    assert "kept" in caught.value.hint
    assert part.stat().st_size == 1_000_000


@pytest.mark.parametrize(
    ("status", "kind"), [(401, AccessDenied), (403, AccessDenied), (404, NotFound), (410, DownloadFailed)]
)
async def test_what_trying_again_would_not_mend_is_not_tried_again(
    hub: Hub, outbound: Outbound, wanted: Wanted, part: Path, status: int, kind: type[Exception]
) -> None:
    hub.fail("/cdn/file", Fault(status))
    with pytest.raises(kind):
        await download(outbound, wanted, part, on_progress=ignore, sleep=Clock())
    assert len(hub.requests) == 1


def test_a_disk_that_is_too_small_is_told_before_anything_is_fetched(tmp_path: Path) -> None:
    with pytest.raises(DiskFull, match="are free"):
        check_room(tmp_path, 10**18)


FILL = """
import asyncio, resource, signal, sys
from pathlib import Path
from domov.errors import DomovError
from domov.outbound import Outbound
from domov.store.download import Wanted, download
async def main():
    url, size, digest, part, limit = sys.argv[1], int(sys.argv[2]), sys.argv[3], Path(sys.argv[4]), int(sys.argv[5])
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    async with Outbound(part.parent / "ledger", offline=False) as outbound:
        try:
            await download(outbound, Wanted(url, "the file", "test", size, digest), part, on_progress=lambda p: None)
        except DomovError as error:
            print(type(error).__name__, error.message)
asyncio.run(main())
"""


def test_a_disk_that_fills_up_is_one_sentence_and_the_next_pull_goes_on(hub: Hub, wanted: Wanted, part: Path) -> None:
    """A limit on file sizes stands for the full disk: the system refuses the write in the same way."""
    arguments = [wanted.url, str(len(CONTENT)), sha256(CONTENT), str(part)]
    for limit, expected in ((1_500_000, "DiskFull no space left"), (10_000_000, "")):
        done = subprocess.run([sys.executable, "-c", FILL, *arguments, str(limit)], capture_output=True, text=True)
        assert done.stdout.startswith(expected) and done.stderr == ""
        if expected:
            assert 0 < part.stat().st_size <= limit
    assert part.read_bytes() == CONTENT
    assert hub.downloads()[-1].range is not None
