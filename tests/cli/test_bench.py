"""`domov bench`, as it is typed: what it prints, not how fast anything is."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from benchmarks.servers import plain_server
from domov.store.models import Model
from tests.api.conftest import Server
from tests.conftest import STARTER, domov, environment

FIGURE = {"median", "lowest", "highest", "rounds"}


def check(table: dict[str, Any]) -> None:
    for key in ("first_token_seconds", "tokens_per_second", "clients_tokens_per_second"):
        figure = table[key]
        assert set(figure) == FIGURE
        assert 0 < figure["lowest"] <= figure["median"] <= figure["highest"]
    (prompt,) = table["prompts"]
    assert 40 < prompt["prompt_tokens"] < 120


def test_a_model_here_is_measured_with_its_memory_and_the_physical_limit(home: Path) -> None:
    done = domov(home, "bench", STARTER, "--quick", "--json")
    table = json.loads(done.stdout)
    check(table)
    assert table["memory_bytes"] > 100_000_000
    assert 90_000_000 < table["limit"]["bytes_per_token"] < 98_362_432
    assert table["limit"]["share"] > 0 and "measured" in table["limit"]["bandwidth"]["source"]
    assert "writing, one client ..." in done.stderr.splitlines()


def test_a_served_model_is_measured_through_the_one_door(home: Path, server: Server) -> None:
    done = domov(home, "bench", STARTER, "--quick", "--url", f"{server.url}/v1", DOMOV_OFFLINE="1")
    assert done.returncode == 0, done.stderr
    assert "writing, one client" in done.stdout and "memory" not in done.stdout
    row = json.loads((home / "logs" / "outbound.jsonl").read_text().splitlines()[0])
    assert (row["reason"], row["outcome"]) == (f"measure the speed of {STARTER}", "200")


def test_other_servers_are_measured_the_same_way(home: Path, starter: Model) -> None:
    with plain_server(starter.path) as address:
        done = domov(home, "bench", "any", "--quick", "--json", "--url", address.url)
    check(json.loads(done.stdout))


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("nothing",), 1, "no such model: nothing"),
        ((STARTER, "--url", "http://127.0.0.1:9/v1"), 1, "connection to 127.0.0.1 failed"),
        ((STARTER, "--url", "ftp://x/v1"), 1, "not an address"),
        ((STARTER, "--url", "http://127.0.0.1:9/v1", "--tune"), 2, "--tune can't be used with --url"),
        ((STARTER, "--url", "http://127.0.0.1:9/v1", "--key-env", "NO_KEY"), 2, "NO_KEY, which is not set"),
        ((STARTER, "--clients", "0"), 2, "--clients"),
    ],
)
def test_mistakes_are_one_sentence(home: Path, arguments: tuple[str, ...], status: int, words: str) -> None:
    done = domov(home, "bench", *arguments)
    assert (done.returncode, done.stdout) == (status, "")
    assert words in done.stderr and "Traceback" not in done.stderr


def test_an_unknown_model_at_an_address_has_the_servers_words(home: Path, server: Server) -> None:
    done = domov(home, "bench", "no-such", "--url", f"{server.url}/v1")
    assert done.returncode == 1 and "404" in done.stderr and "no such model" in done.stderr


def test_offline_nothing_is_sent_to_another_machine(home: Path) -> None:
    done = domov(home, "bench", "any", "--url", "http://example.invalid/v1", DOMOV_OFFLINE="1")
    assert done.returncode == 1 and "not sent, offline mode is on" in done.stderr


def test_a_damaged_calibration_is_told_before_anything_is_measured(home: Path, starter: Model) -> None:
    path = home / "calibration" / f"{(starter.manifest.digest or '').removeprefix('sha256:')}.json"
    path.parent.mkdir()
    path.write_text("{")
    done = domov(home, "bench", "--tune", "--anyway", STARTER)
    assert done.returncode == 1 and f"damaged calibration: {path}" in done.stderr
    assert path.read_text() == "{"


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal there")
def test_ctrl_c_ends_it_and_its_worker(home: Path) -> None:
    command = [sys.executable, "-m", "domov", "bench", STARTER]
    with subprocess.Popen(command, env=environment(home), stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        for line in process.stderr:
            if line.startswith("reading"):
                break
        workers = psutil.Process(process.pid).children()
        os.kill(process.pid, signal.SIGINT)
        rest = process.stderr.read()
    assert process.returncode == 130 and "Traceback" not in rest
    time.sleep(0.1)
    assert not any(worker.is_running() for worker in workers)
