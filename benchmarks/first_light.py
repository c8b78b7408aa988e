"""What Domov adds: to the start of a command, and to a streamed answer. `make bench` prints the table.

Everything is a ratio or a difference of two things that are run in turn in one run, because machines are noisy.
Close other programs first.
"""

import glob
import http.client
import re
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import orjson

MODEL = "smollm2:135m"
STARTS, ANSWERS, TOKENS = 21, 15, 160
QUESTION = {"role": "user", "content": "Tell me a long story about a house by the sea."}


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Timing:
    first_token_seconds: float
    tokens_per_second: float


class Connection(http.client.HTTPConnection):
    """To a port, or to a worker's Unix socket."""

    def __init__(self, address: int | str) -> None:
        super().__init__("127.0.0.1", address if isinstance(address, int) else 80, timeout=120)
        self.address = address

    def connect(self) -> None:
        if isinstance(self.address, int):
            return super().connect()
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.address)
        return None


def ask(address: int | str, *, tokens: int = TOKENS) -> Timing:
    """One streamed answer of exactly `tokens` tokens, read as bytes so that both sides cost the same to read."""
    body = {"model": MODEL, "messages": [QUESTION], "stream": True, "max_tokens": tokens, "temperature": 0}
    connection = Connection(address)
    start = time.perf_counter()
    connection.request("POST", "/v1/chat/completions", orjson.dumps(body), {"Content-Type": "application/json"})
    response = connection.getresponse()
    moments = [time.perf_counter() for line in response if b'"content":"' in line and b'"content":""' not in line]
    connection.close()
    assert len(moments) > tokens * 0.9, f"{len(moments)} tokens of {tokens}: status {response.status}"
    return Timing(moments[0] - start, (len(moments) - 1) / (moments[-1] - moments[0]))


@contextmanager
def gateway() -> Iterator[tuple[int, str]]:
    """A served model: the gateway's port and its worker's socket."""
    command = [sys.executable, "-m", "domov", "serve", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        found = re.search(r":(\d+)/v1", process.stderr.readline())
        assert found
        port = int(found[1])
        try:
            ask(port, tokens=16)
            (worker,) = glob.glob(f"/tmp/domov-{process.pid}-*/worker.sock")
            yield port, worker
        finally:
            process.terminate()


def seconds_of(command: list[str]) -> Callable[[], float]:
    def run() -> float:
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - start

    return run


def in_turn(first: Callable[[], T], second: Callable[[], T], times: int) -> tuple[list[T], list[T]]:
    """Both, one after the other, so many times; a first round is not counted."""
    rounds = [(first(), second()) for _ in range(times + 1)][1:]
    return [a for a, _ in rounds], [b for _, b in rounds]


def main() -> None:
    subprocess.run([sys.executable, "-m", "domov", "pull", MODEL], check=True)
    script = str(Path(sys.executable).with_name("domov"))
    helps, nothings = in_turn(seconds_of([script, "--help"]), seconds_of([sys.executable, "-c", "pass"]), STARTS)
    start_ratio = statistics.median(helps) / statistics.median(nothings)
    with gateway() as (port, worker):
        through, direct = in_turn(lambda: ask(port), lambda: ask(worker), ANSWERS)
    speed = statistics.median(t.tokens_per_second for t in through) / statistics.median(
        d.tokens_per_second for d in direct
    )
    wait = statistics.median(t.first_token_seconds for t in through) - statistics.median(
        d.first_token_seconds for d in direct
    )
    rows = [
        ("domov --help / python -c pass", f"{start_ratio:.2f}", "at most 4", start_ratio <= 4),
        ("decoding speed through the gateway / at its worker", f"{speed:.3f}", "at least 0.97", speed >= 0.97),
        ("time to first token, more than at the worker", f"{wait * 1000:.1f} ms", "at most 30 ms", wait <= 0.030),
    ]
    for what, figure, wanted, good in rows:
        print(f"{what:<52} {figure:>8}  {wanted:<14} {'ok' if good else 'MISSED'}")  # noqa: T201
    sys.exit(not all(good for *_, good in rows))


if __name__ == "__main__":
    main()
